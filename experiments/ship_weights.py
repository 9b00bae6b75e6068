"""A run's best weights as a file of the package, in float16, with the facts of its model card.

Command: python experiments/ship_weights.py runs/seg seg-compact
Time: seconds.
Expected: muspipe/models/files/seg-compact.h5 and .json; rounding changes no weight by more than 0.1 % of the
largest of its kind (or of 0.001, where all are less).
"""

import argparse
import json
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--before", type=Path, nargs="*", default=[], help="runs whose weights this one started from")
    args = parser.parse_args()

    from muspipe.runtime import load_keras

    load_keras()
    import numpy as np

    from muspipe.models import pretrained, weights
    from simulator.shared.files import atomic_path, sha256_of_file

    model, meta = pretrained.load_model(args.run / "best.weights.h5")
    card = {
        "name": args.name,
        "preset": model.preset.name,
        "weights": model.count_params(),
        "training": [facts(run) for run in (*args.before, args.run)],
        "step": meta["step"],
        "validation": meta["val"],
    }
    pretrained.FOLDER.mkdir(exist_ok=True)
    path = pretrained.FOLDER / f"{args.name}.h5"
    weights.save(model, path, {"name": args.name, "step": meta["step"]}, dtype="float16")
    half, _ = pretrained.load_model(path)
    names = sorted(weights.arrays_of(model))
    a, b = weights.arrays_of(model), weights.arrays_of(half)
    change = max(float(np.abs(a[n] - b[n]).max() / max(np.abs(a[n]).max(), 1e-3)) for n in names)
    card["sha256"] = sha256_of_file(path)
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, largest relative change of a weight {change:.1e}")


def facts(run):
    """What a run did, for the card; no folders, which mean nothing elsewhere."""
    config, summary = (json.loads((run / f"{name}.json").read_text()) for name in ("config", "summary"))
    settings = {name: value for name, value in config["settings"].items() if value is not None and name != "weights"}
    return {
        "settings": settings,
        "phases": config["schedule"]["phases"],
        "batch_size": config["schedule"]["batch_size"],
        "steps_done": summary["step"],
        "hours": summary["hours"],
        "versions": config["versions"],
    }


if __name__ == "__main__":
    main()
