"""How likely a candidate of method `hybrid` is a motor unit: fits muspipe/identification/belief.json, and shows how
well it is calibrated.

    python experiments/belief.py --out runs/belief                  # about 11 minutes on two cores
    python experiments/belief.py --out runs/belief --package        # ... and into the package

Half of the recordings are of the mixture that networks are trained on (muspipe/training/mixtures.py, with all of the
motion), half of the cases of robustness.py, with 1 to 30 units; seeds are others than those of reported numbers. A
candidate is true if its territory overlaps a true one by IoU > 0.5, none better does, and their firings agree by more
than 0.5. Held-out recordings, a third as many and all of scenario echo, show the calibration: reliability.csv and
reliability.png. Expect points on the diagonal within 0.05.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import json
import os
from concurrent.futures import as_completed
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from cases import CASES, sequence_of
from matplotlib.figure import Figure
from tqdm import tqdm

from simulator.shared.files import atomic_path
from simulator.shared.processes import worker_pool

SEED, HELD_OUT_SEED = 31, 32
CHUNK = 20
HIDDEN, EPOCHS, DECAY = 24, 60, 3e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sequences", type=int, default=1500)
    parser.add_argument("--segmentation", help="segmentation network; default: the method's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--package", action="store_true", help="write the result into muspipe, too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    collect_all = functools.partial(collected, segmentation=args.segmentation, workers=args.workers)
    fitted = collect_all(args.out / "fitted", SEED, args.sequences, echo=False)
    held_out = collect_all(args.out / "held_out", HELD_OUT_SEED, args.sequences // 3, echo=True)
    stored = fit(*fitted)
    with atomic_path(args.out / "belief.json") as temporary:
        temporary.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    if args.package:
        from muspipe.identification.belief import FILE

        with atomic_path(FILE) as temporary:
            temporary.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    likely = probability(stored, held_out[0])
    rows = reliability(likely, held_out[1])
    with atomic_path(args.out / "reliability.csv") as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("from", "to", "candidates", "mean_score", "share_true"), *rows])
    with atomic_path(args.out / "reliability.png") as temporary:
        drawn(rows).savefig(temporary, format="png", dpi=110)
    for row in rows:
        print("{:.1f}-{:.1f}: {:6d} candidates, mean score {:.3f}, true {:.3f}".format(*row))


def collected(folder, seed, n, segmentation, workers, echo):
    """(features (m, F), true (m,)) of the candidates of n recordings; parts that are there already are kept."""
    folder.mkdir(exist_ok=True)
    starts = [start for start in range(0, n, CHUNK) if not (folder / f"{start:05d}.npz").exists()]
    work = functools.partial(collect, folder, seed=seed, segmentation=segmentation, echo=echo)
    with worker_pool(min(workers, max(len(starts), 1))) as pool:
        futures = [pool.submit(work, start, min(start + CHUNK, n)) for start in starts]
        for future in tqdm(as_completed(futures), total=len(starts), unit=f"x {CHUNK} recordings", disable=None):
            future.result()
    parts = [np.load(path) for path in sorted(folder.glob("*.npz"))]
    return tuple(np.concatenate([part[name] for part in parts]) for name in ("features", "true"))


def collect(folder, start, stop, seed, segmentation, echo):
    """Worker: candidates of some recordings, into a file."""
    from muspipe.identification.hybrid import Hybrid

    method = Hybrid() if segmentation is None else Hybrid(segmentation=segmentation)
    features, true = [], []
    for index in range(start, stop):
        sequence, velocity = recording_number(seed, index, echo)
        if not velocity.any():
            continue
        found, table = judged(method, velocity, sequence.config)
        features.append(table)
        true.append(which_are_true(found, sequence))
    with atomic_path(folder / f"{start:05d}.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, features=np.concatenate(features), true=np.concatenate(true))


def judged(method, velocity, config):
    """(Candidates, features) of a recording, prepared as `identify` does."""
    from muspipe.preparation.prepare import prepare
    from muspipe.recordings.recording import Recording
    from simulator.shared.threads import one_blas_thread

    recording = Recording(velocity, frame_rate_hz=config.frame_rate_hz, pixel_mm=config.pixel_mm)
    with one_blas_thread():
        found, table, _ = method.candidates(prepare(recording).recording)
        return found, table


def which_are_true(found, sequence):
    """bool (m,)"""
    from muspipe.evaluation.metrics import match_territories, rate_of_agreement
    from muspipe.firings.find import find_firings

    rate_hz = sequence.config.frame_rate_hz
    mine, theirs = (find_firings(trains, rate_hz).times_s for trains in (found.signals, sequence.twitch_trains))
    true = np.zeros(len(found.shapes), bool)
    for i, j in zip(*match_territories(found.shapes, sequence.territories), strict=True):
        true[i] = rate_of_agreement(mine[i], theirs[j]) > 0.5
    return true


def recording_number(seed, index, echo):
    """(sequence, velocity) of a recording: of scenario echo, or of all there is."""
    from muspipe.training.mixtures import PATTERNS, mixture
    from simulator import SimulationConfig, simulate

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, index)))
    full = SimulationConfig.scenario("echo", n_units=(0, 40))
    if not echo and index % 2:
        case = CASES[list(CASES)[(index // 2) % len(CASES)]]
        return sequence_of(case, 0 if case.counts == (0,) else int(rng.integers(1, 31)), seed, index)
    if echo:
        config = full
    else:
        kinds = [
            config if config.motion is None else dataclasses.replace(config, motion=full.motion)
            for config in mixture("all", {"n_units": (0, 40)})
        ]
        config = kinds[(index // 2) % len(kinds)]
        if config.echo is not None:
            config = dataclasses.replace(config, echo=dataclasses.replace(config.echo, patterns=PATTERNS))
    sequence = simulate(config, np.random.SeedSequence(seed, spawn_key=(1, index)))
    return sequence, sequence.render(None if rng.random() < 0.1 else float(rng.uniform(8, 32)))


def fit(features, true):
    """What belief.json holds: a network with two hidden layers, by cross entropy."""
    from muspipe.identification.belief import FURTHEST
    from muspipe.identification.candidates import FEATURES
    from muspipe.runtime import load_keras

    load_keras()
    import keras

    keras.utils.set_random_seed(0)
    mean, sd = features.mean(axis=0), features.std(axis=0) + 1e-6
    decay = keras.regularizers.L2(DECAY)
    layers = [keras.layers.Dense(HIDDEN, "tanh", kernel_regularizer=decay) for _ in range(2)]
    model = keras.Sequential([keras.Input((len(FEATURES),)), *layers, keras.layers.Dense(1, "sigmoid")])
    steps = EPOCHS * -(-len(true) // 256)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)), "binary_crossentropy")
    x = np.clip((features - mean) / sd, -FURTHEST, FURTHEST)
    model.fit(x, true.astype(np.float32), batch_size=256, epochs=EPOCHS, verbose=0)
    weights = [[np.round(w, 5).tolist() for w in layer.get_weights()] for layer in model.layers]
    return {
        "features": list(FEATURES),
        "mean": np.round(mean, 6).astype(float).tolist(),
        "sd": np.round(sd, 6).astype(float).tolist(),
        "layers": weights,
    }


def probability(stored, features):
    """What `belief` will say with these numbers."""
    from muspipe.identification.belief import believed

    return believed(stored, features)


def reliability(likely, true):
    """(from, to, candidates, mean score, share that is true) for each tenth of the scores."""
    rows = []
    for low in np.arange(10) / 10:
        here = (likely >= low) & ((likely < low + 0.1) | (low == 0.9))
        if here.any():
            rows.append((low, low + 0.1, int(here.sum()), float(likely[here].mean()), float(true[here].mean())))
    return rows


def drawn(rows):
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", lw=1)
    _, _, n, score, share = np.array(rows).T
    error = 1.96 * np.sqrt(share * (1 - share) / n)
    axis.errorbar(score, share, error, fmt="o", color="#0072B2", capsize=2)
    for x, y, count in zip(score, share, n, strict=True):
        axis.annotate(f"{int(count)}", (x, y), (6, -9), textcoords="offset points", fontsize=7)
    axis.set(xlabel="score", ylabel="share that are motor units", xlim=(0, 1), ylim=(0, 1))
    axis.set_title(f"{int(n.sum())} candidates of held-out echo recordings, 95 % intervals", fontsize=9)
    return figure


if __name__ == "__main__":
    main()
