"""From twitch trains to firings.

find.py: every rule by its name. maxima.py: the rule of Ali et al. 2020. discharges.py: by what a twitch looks like;
twitches.py: the pieces of that fit. cbss.py: as electromyograms are decomposed.

A firing is given as the instant at which its twitch has its peak velocity, whatever the rule: a train shows this
instant, while the motor neuron's discharge before it is seen by nobody.
"""

RULES = {
    "discharges": "the train deconvolved with the unit's own average twitch, which is learnt from it",
    "paper": "every positive maximum after a running mean of 27.5 ms (Ali et al. 2020)",
    "cbss": "convolutive blind source separation of the train with its delayed copies (Rohlén et al. 2023)",
}
"""How firings can be found in twitch trains."""
DEFAULT_RULE = "discharges"
"""What measured best (experiments/README.md)."""
