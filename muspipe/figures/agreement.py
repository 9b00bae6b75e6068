"""How the rate of agreement of two lists of firings is computed, like Fig. 11 of Ali et al. 2020."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muspipe.evaluation.metrics import TOLERANCE_S, matched_firings, rate_of_agreement
from muspipe.figures.style import RC, SMALL_PT, UNIT_COLOURS

MATCHED, ALONE = UNIT_COLOURS[0], UNIT_COLOURS[1]


def draw_agreement(found_s, true_s, tolerance_s: float = TOLERANCE_S) -> Figure:
    """Firings [s] that were found (above) and true ones (below) as rasters, those that match joined, and their RoA.

    Matched firings are blue and solid, the others orange and dashed; a grey band shows the tolerance around each true
    one. One column of a journal wide.
    """
    found_s, true_s = np.asarray(found_s, float), np.asarray(true_s, float)
    in_found, in_true = matched_firings(found_s, true_s, tolerance_s)
    c, only_found, only_true = (int(np.sum(x)) for x in (in_found, ~in_found, ~in_true))
    roa = rate_of_agreement(found_s, true_s, tolerance_s)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(3.5, 2.1), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for time_s in true_s:
            axes.axvspan(time_s - tolerance_s, time_s + tolerance_s, color="#e6e6e6", linewidth=0, zorder=0)
        for bottom, times_s, matched in ((1.4, found_s, in_found), (0.0, true_s, in_true)):
            axes.vlines(times_s[matched], bottom, bottom + 0.8, color=MATCHED, linewidth=1.6)
            axes.vlines(times_s[~matched], bottom, bottom + 0.8, color=ALONE, linewidth=1.6, linestyle=(0, (1.6, 1)))
        for above, below in zip(found_s[in_found], true_s[in_true], strict=True):
            axes.plot([above, below], [1.38, 0.82], color=MATCHED, linewidth=0.8)
        ends_s = np.concatenate([found_s, true_s])
        axes.set(
            ylim=(-0.15, 2.35),
            yticks=(0.4, 1.8),
            yticklabels=("true", "found"),
            xlabel=f"Time [s]   (grey: within {1000 * tolerance_s:g} ms of a true firing)",
        )
        if len(ends_s):
            axes.set_xlim(ends_s.min() - 0.04, ends_s.max() + 0.04)
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.set_title(
            f"c = {c} matched,  A = {only_found} only found,  B = {only_true} only true",
            loc="left",
            fontsize=SMALL_PT + 0.5,
        )
        formula = f"c / (c + A + B) = {c} / {c + only_found + only_true} = {roa:.3f}"
        figure.suptitle(f"RoA = {formula}", fontsize=RC["font.size"] + 1)
    return figure
