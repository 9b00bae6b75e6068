"""How surely `muspipe compare` pairs the units of ultrasound with those of decomposed EMG, on simulated firings.

Command: python experiments/emg_pairs.py
Time: 1 minute on one core.
Expected: results/emg_pairs.csv and, printed, the table of muspipe/export/README.md; all pairs at
10 s.

The EMG has 9 units at 8-13 Hz, intervals with an SD of 20 %. The ultrasound sees 7 of them, 20-40 ms later (for one
delay: 30 ms), with 3 ms of jitter, without 10 % of the firings and with one false one a second; and 3 units that the
EMG has not.
Seeds 2020-2039; nothing was tuned on them.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from muspipe.evaluation.reference import pair_units
from muspipe.evaluation.reference_options import DELAYS, PairingOptions
from muspipe.recordings.decomposed import Decomposition
from muspipe.recordings.result import Result
from simulator.shared.files import atomic_path

N_EMG, N_COMMON, N_OTHER = 9, 7, 3
DURATIONS_S = (1.0, 3.0, 10.0)
COLUMNS = (
    "length_s",
    "delay",
    "true_pairs",
    "right",
    "wrong",
    "wrong_above_chance",
    "delay_off_median_ms",
    "delay_off_most_ms",
    "roa",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="simulations a row (default 20)")
    parser.add_argument("--seed", type=int, default=2020, metavar="N", help="the first (default 2020)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/emg_pairs.csv", metavar="FILE")
    args = parser.parse_args()
    rows = []
    for duration_s in DURATIONS_S:
        for delay in DELAYS:
            rows.append(measured(range(args.seed, args.seed + args.seeds), duration_s, delay))
    with atomic_path(args.out) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print(table([dict(zip(COLUMNS, row, strict=True)) for row in rows]))


def measured(seeds, duration_s, delay) -> list[str]:
    """A row of the CSV."""
    off_ms, roas, wrong = [], [], []
    for seed in seeds:
        result, emg, delays_s = simulated(np.random.default_rng(seed), duration_s, delay)
        for pair in pair_units(result, emg, PairingOptions(delay=delay)):
            if pair.unit == pair.reference_unit and pair.unit < N_COMMON:
                off_ms.append(1e3 * abs(pair.agreement.delay_s - delays_s[pair.unit]))
                roas.append(pair.agreement.roa)
            else:
                wrong.append(pair.agreement.roa > pair.roa_by_chance)
    counts = (N_COMMON * len(seeds), len(roas), len(wrong), sum(wrong))
    off = (f"{np.median(off_ms):.2f}", f"{np.max(off_ms):.2f}")
    return [f"{duration_s:g}", delay, *map(str, counts), *off, f"{np.mean(roas):.2f}"]


def table(rows) -> str:
    """Markdown: a row for each length, by what is known of the delay. rows: of the CSV, as dictionaries."""
    cells = {(row["length_s"], row["delay"]): row for row in rows}
    lines = ["| length | right, wrong pairs; delay off by, median and most | with `--delay one` |", "|---|---|---|"]
    for length_s in dict.fromkeys(row["length_s"] for row in rows):
        shown = []
        for delay in DELAYS:
            row = cells[length_s, delay]
            off = f"{row['delay_off_median_ms']} and {row['delay_off_most_ms']} ms"
            shown.append(f"{row['right']}, {row['wrong']}; {off}")
        lines.append(f"| {length_s} s | {' | '.join(shown)} |")
    return "\n".join(lines)


def simulated(rng, duration_s, delay):
    """(result, decomposition, delays [s]) of one contraction: the first N_COMMON units of both are the same."""
    emg = trains(rng, N_EMG, duration_s)
    delays_s = rng.uniform(0.020, 0.040, N_EMG) if delay == "each" else np.full(N_EMG, 0.030)
    ultrasound = seen(rng, emg[:N_COMMON], delays_s[:N_COMMON], duration_s) + trains(rng, N_OTHER, duration_s)
    inside = [[times_s[times_s >= 0] for times_s in firings] for firings in (ultrasound, emg)]
    return result_of(inside[0], duration_s), decomposition(inside[1], duration_s), delays_s


def trains(rng, n, duration_s):
    """n float arrays: firings [s] at 8-13 Hz with intervals of 20 % SD, from before 0 on."""
    rates_hz = rng.uniform(8, 13, n)
    factors = np.clip(1 + 0.2 * rng.standard_normal((n, round(20 * duration_s) + 20)), 0.3, 1.7)
    times = np.cumsum(factors / rates_hz[:, None], axis=1) - 0.5
    return [row[row < duration_s] for row in times]


def seen(rng, firings, delays_s, duration_s, jitter_s=0.003, missed=0.1, false_hz=1.0):
    """The same firings as ultrasound would give them: late, jittered, some missed, some false."""
    found = []
    for times_s, delay_s in zip(firings, delays_s, strict=True):
        late = times_s[rng.random(len(times_s)) > missed]
        late = late + delay_s + jitter_s * rng.standard_normal(len(late))
        false = rng.uniform(0, duration_s, rng.poisson(false_hz * duration_s))
        times = np.sort(np.concatenate([late, false]))
        found.append(times[(times >= 0) & (times < duration_s)])
    return found


def result_of(firings, duration_s, frame_rate_hz=400.0):
    """A result with these firings, and nothing else to look at."""
    n = len(firings)
    return Result(
        territories=np.zeros((n, 4, 4), bool),
        twitch_trains=np.zeros((n, round(duration_s * frame_rate_hz))),
        scores=np.ones(n),
        frame_rate_hz=frame_rate_hz,
        pixel_mm=0.6,
        firings=firings,
    )


def decomposition(firings, duration_s=np.inf):
    """Labels are the indices."""
    return Decomposition(firings, [str(i) for i in range(len(firings))], duration_s)


if __name__ == "__main__":
    main()
