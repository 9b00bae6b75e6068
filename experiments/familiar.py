"""What recordings are like that networks and scores were made for: ranges of muspipe/identification/familiar.json.

    python experiments/familiar.py --workers 1       # 13 minutes of one core beside other work
    python experiments/familiar.py --package         # ... and into the package

1,500 recordings as those that the scores were fitted to (belief.py), of other seeds, but for those without units; the
lowest and the highest value of each fact but for one recording in 500 at either end. Prints how many of 300 held-out
recordings, and of odd ones, are said to be unlike these; expect 0.004 of the former, all of those with outliers,
stripes or a shear wave, 0.7 of those whose gain flickers, and 0.1 of those that vibrate: power at 100 Hz without a
pattern is what noise looks like.
"""

from __future__ import annotations

import argparse
import functools
import json

import numpy as np
from belief import recording_number
from tqdm import tqdm

from simulator.shared.files import atomic_path
from simulator.shared.processes import worker_pool

SEED, HELD_OUT_SEED = 41, 42
CUT = 1 / 500


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--package", action="store_true", help="write the ranges into muspipe")
    args = parser.parse_args()
    from muspipe.identification.familiar import FACTS, FILE, unfamiliar

    values = measured(SEED, args.recordings, args.workers)
    table = {name: [row[name] for row in values if row] for name in FACTS}
    ranges = {name: [float(f"{x:.4g}") for x in np.quantile(row, [CUT, 1 - CUT])] for name, row in table.items()}
    print(json.dumps(ranges, indent=1))
    if args.package:
        with atomic_path(FILE) as temporary:
            temporary.write_text(json.dumps(ranges, indent=1) + "\n", encoding="utf-8")
    held_out = [recording_of(HELD_OUT_SEED, index) for index in range(args.recordings // 5)]
    print(f"{'held out':24}{np.mean([bool(unfamiliar(r, ranges)) for r in held_out if r]):.3f}")
    for name, change in ODD.items():
        said = [unfamiliar(odd(recording, change), ranges) for recording in held_out[:40] if recording]
        print(f"{name:24}{np.mean([bool(lines) for lines in said]):.3f}   {said[0][0] if said[0] else ''}")


def measured(seed, n, workers):
    """Facts of n recordings."""
    with worker_pool(workers) as pool:
        rows = pool.map(functools.partial(facts_of, seed), range(n), chunksize=10)
        return list(tqdm(rows, total=n, unit="recording", disable=None))


def facts_of(seed, index):
    """Worker."""
    from muspipe.identification.familiar import facts

    recording = recording_of(seed, index)
    return facts(recording) if recording else {}


def recording_of(seed, index):
    """A prepared recording; None if no unit moves in it."""
    from muspipe.preparation.prepare import prepare
    from muspipe.recordings.recording import Recording

    sequence, velocity = recording_number(seed, index, echo=False)
    if sequence.n_units == 0:
        return None
    config = sequence.config
    return prepare(Recording(velocity, frame_rate_hz=config.frame_rate_hz, pixel_mm=config.pixel_mm)).recording


def odd(recording, change):
    return recording.with_velocity(change(recording.velocity, np.random.default_rng(0)).astype(np.float32))


def vibrating(v, rng):
    """All pixels shake at 100 Hz, each in its own phase."""
    phase = rng.uniform(0, 2 * np.pi, (*v.shape[:2], 1))
    return v + 2 * v.std() * np.sin(2 * np.pi * 100 * np.arange(v.shape[2]) / 400 + phase)


def spiked(v, rng):
    """One in 2,000 values is an outlier."""
    return np.where(rng.random(v.shape) < 5e-4, 100 * v.std(), v)


def striped(v, rng):
    """Every second row moves the other way."""
    return v * (1 - 2 * (np.arange(v.shape[0]) % 2))[:, None, None]


def waving(v, rng):
    """A shear wave of 20 mm runs across the image at 3 Hz, ten times as strong as the units."""
    x = np.arange(v.shape[1])[None, :, None] * 0.625 / 20
    return v + 10 * v.std() * np.sin(2 * np.pi * (x - 3 * np.arange(v.shape[2]) / 400))


def flickering(v, rng):
    """Each frame has another gain."""
    return v * rng.lognormal(0, 1.5, (1, 1, v.shape[2]))


ODD = {
    "vibration": vibrating,
    "outliers": spiked,
    "stripes": striped,
    "shear wave": waving,
    "gain of frames": flickering,
}

if __name__ == "__main__":
    main()
