"""Time and peak memory of the Mask R-CNN, compared with the reference and with the mask head on all rows.

    python experiments/benchmarks/bench_mrcnn.py [--cases inference,training]

Takes about 6 minutes on two cores. Each case runs in its own process, so that peak memory is that of the case alone.
Targets are fractions of the reference's figures, measured on two cores of 2023 with the same network and counts:
| what | reference | target | measured |
|---|---|---|---|
| picture, mask head on the 11 detections | 0.78 s, 1.98 GB | 0.26 s | 0.22-0.24 s (0.33 with other work), 1.5 GB |
| step of 8, mask head on 66 RoIs | 28.3 s, 9.4 GB | 14.2 s, 4.7 GB | 9.6 s, 4.5 GB |
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIDE_PX, N_CLASSES, N_INSTANCES, N_DETECTIONS, BATCH = 128, 3, 8, 11, 8
CASES = {
    "inference": "picture, mask head on the 11 detections",
    "inference_all_rows": "picture, mask head on all 100 rows",
    "training": "step of 8, mask head on 66 RoIs that may be positive",
    "training_all_rois": "step of 8, mask head on all 200 RoIs",
}
# The TensorFlow 2 port of Matterport's Mask R-CNN, same network and counts, two cores; targets are fractions of it.
REFERENCE = {"inference": (0.78, 1.98), "training": (28.3, 9.4)}  # [s], [GB]
TARGET = {"inference": (1 / 3, None), "training": (1 / 2, 1 / 2)}


def peak_gb() -> float:
    """Largest resident memory so far [GB] of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


class Ellipses:
    """Noisy pictures with bright ellipses."""

    def __len__(self):
        return BATCH

    def load_image(self, i):
        image = np.random.default_rng(i).uniform(0, 80, (SIDE_PX, SIDE_PX, 3))
        return (image + 100 * self.load_mask(i)[0].any(-1, keepdims=True)).astype(np.uint8)

    def load_mask(self, i):
        rng = np.random.default_rng([i, 1])
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX][..., None]
        cy, cx = rng.uniform(15, SIDE_PX - 15, (2, N_INSTANCES))
        ry, rx = rng.uniform(6, 15, (2, N_INSTANCES))
        return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1, rng.integers(1, N_CLASSES, N_INSTANCES)


def make_config(**options):
    from mrcnn import Config

    return Config(
        IMAGE_SHAPE=(SIDE_PX, SIDE_PX, 3),
        NUM_CLASSES=N_CLASSES,
        RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128),
        IMAGES_PER_GPU=BATCH,
        **options,
    )


def fill(model):
    """Random weights from a fixed seed with which the signal neither fades nor explodes, and every class is found."""
    from mrcnn.weights import named_variables

    factors = {"conv1": 1 / 32, "rpn_class_raw": 0.4, "rpn_bbox_pred": 0.5, "mrcnn_class_logits": 4.0}
    rng = np.random.default_rng(0)
    for key, variable in named_variables(model).items():
        layer, name = key.split("/")
        if name == "kernel":
            factor = factors.get(layer, 1.0) * np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(factor * rng.standard_normal(variable.shape, np.float32))
        if name == "gamma":
            variable.assign(np.full(variable.shape, 0.5))


def seconds_each(step, n_warm, n) -> float:
    """Median time of step() [s] over n calls, after n_warm others."""
    times = []
    for _ in range(n_warm + n):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return float(np.median(times[n_warm:]))


def bench_inference(case):
    """Batch of one, 1,000 proposals, and a threshold that leaves N_DETECTIONS."""
    from mrcnn import MaskRCNN, stages
    from mrcnn.molding import mold_inputs

    model = MaskRCNN(make_config(DETECTION_MIN_CONFIDENCE=0), mode="inference")
    fill(model)
    molded, metas, _ = mold_inputs([Ellipses().load_image(0)], model.config)
    molded, metas = molded.astype(np.float32), metas.astype(np.float32)
    found = stages(model, molded, metas)
    n_proposals = int(found["rpn_rois"].any(-1).sum())
    model.config.DETECTION_MIN_CONFIDENCE = float(found["detections"][0, N_DETECTIONS - 1 : N_DETECTIONS + 1, 5].mean())
    if case == "inference":
        each_s = seconds_each(lambda: model.detect_molded(molded, metas), 3, 15)
        n_rows = len(model.detect_molded(molded, metas)[1][0])
    else:
        inputs = {"input_image": molded, "input_image_meta": metas}
        each_s = seconds_each(lambda: model.predict_on_batch(inputs), 3, 15)
        n_rows = model.config.DETECTION_MAX_INSTANCES
    return {"seconds": each_s, "note": f"{n_proposals} proposals, {n_rows} rows in the mask head"}


def bench_training(case):
    """Batch of BATCH from memory, all layers trained by SGD with momentum and clipping."""
    from keras import ops

    from mrcnn import MaskRCNN
    from mrcnn.data import Batches

    class AllRois(MaskRCNN):
        """As in the original, the mask head sees every RoI."""

        def masks(self, maps, boxes, training=False):
            rest = self.config.TRAIN_ROIS_PER_IMAGE - boxes.shape[1]
            every = super().masks(maps, ops.pad(boxes, [(0, 0), (0, rest), (0, 0)]), training)
            return every[:, : boxes.shape[1]]

    config = make_config()
    model = (MaskRCNN if case == "training" else AllRois)(config)
    fill(model)
    model.compile()
    batch = Batches(Ellipses(), config, shuffle=False)[0]
    each_s = seconds_each(lambda: model.train_on_batch(batch), 2, 5)
    return {"seconds": each_s, "note": f"{config.TRAIN_ROIS_PER_IMAGE} RoIs, {N_INSTANCES} instances a picture"}


def run_case(case) -> dict:
    """Results of a case, measured in a new process."""
    command = [sys.executable, __file__, "--child", case]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(case, found):
    print(f"{case}: {CASES[case]}; {found['note']}\n  {found['seconds']:.2f} s, peak memory {found['peak_gb']:.2f} GB")
    rows = zip(("time", "memory"), ("s", "GB"), (found["seconds"], found["peak_gb"]), strict=True)
    for (what, unit, got), reference, target in zip(rows, REFERENCE.get(case, ()), TARGET.get(case, ()), strict=False):
        aim = "" if target is None else f", target {target:.2f}: {'met' if got <= target * reference else 'MISSED'}"
        print(f"  {what}: reference {reference:g} {unit}, ratio {got / reference:.2f}{aim}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        bench = bench_inference if args.child.startswith("inference") else bench_training
        print(json.dumps({**bench(args.child), "peak_gb": peak_gb()}))
        return
    found = {case: run_case(case) for case in args.cases.split(",")}
    for case, figures in found.items():
        report(case, figures)
    for slow, fast in (("inference_all_rows", "inference"), ("training_all_rois", "training")):
        if {slow, fast} <= set(found):
            time_ratio, memory_ratio = (found[slow][n] / found[fast][n] for n in ("seconds", "peak_gb"))
            print(f"{slow} / {fast}: time {time_ratio:.2f}, memory {memory_ratio:.2f}")


if __name__ == "__main__":
    main()
