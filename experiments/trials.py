"""What was tried with the networks: the same short training of each variant, and what it then finds.

Command: python experiments/trials.py twitch data/physiological --out runs/trials-twitch
         python experiments/trials.py seg data/physiological --out runs/trials-seg
Time: about 5 minutes a trial on one core (twitch 300 steps of 32 crops, seg 600 steps of 8 sequences).
Expected: the tables of experiments/README.md. Trials that are finished are not repeated.

Every trial trains on fresh sequences of both scenarios, 10-30 dB and clean, from seed 0, and is measured on the first
25 sequences of the test set with 25 units (seg also 5 and 15), 10 dB. Twitch networks get the true territories, and
such with a detector's errors.
"""

import argparse
import json
from pathlib import Path

STEPS = {"twitch": 300, "seg": 600}
TRIALS = {
    "twitch": {
        "crop alone, as the paper": ("compact", {"mask_channel": False}),
        "mask channel": ("compact", {}),
        "mask channel, each crop on its own scale": ("compact", {"own_scale": True}),
        "mask channel, correlation in the loss": ("compact", {"correlation_weight": 0.2}),
        "mask channel, trained on wrong territories": ("compact", {"data.territory_error": 1.0}),
        "least squares corrected": ("refit", {"data.territory_error": 0.0}),
        "least squares corrected, wrong territories": ("refit", {}),
    },
    "seg": {
        "compact (Mask R-CNN)": ("compact", {}),
        "compact, anchors matterport-ratio": ("compact", {"anchors": "matterport-ratio"}),
        "compact, anchors territory-sized": ("compact", {"anchors": "territory-sized"}),
        "compact, anchors matterport-default": ("compact", {"anchors": "matterport-default"}),
        "centre": ("centre", {}),
        "centre, one class of radius": ("centre", {"centre.radii_px": [4.0], "centre.radius_spread": 10.0}),
        "centre, half as wide": ("centre", {"centre.maps": 32}),
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(TRIALS))
    parser.add_argument("data", type=Path, help="data set of `muspipe simulate`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--only", nargs="*", help="names of trials, or parts of them")
    args = parser.parse_args()

    from muspipe.runtime import load_keras

    load_keras()
    steps = args.steps or STEPS[args.task]
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (name, (preset, options)) in enumerate(TRIALS[args.task].items()):
        if args.only and not any(part in name for part in args.only):
            continue
        folder = args.out / f"{number:02d}"
        if not (folder / "trial.json").exists():
            trial = {"trial": name, **train(folder, args.task, preset, options, steps), **measure(folder, args)}
            (folder / "trial.json").write_text(json.dumps(trial, indent=1) + "\n")
        rows.append(json.loads((folder / "trial.json").read_text()))
        (args.out / "table.md").write_text(table(rows))
    print(table(rows), end="")


def train(folder, task, preset, options, steps):
    """Train, or go on with it; -> cost and validation loss."""
    import keras
    from tqdm import tqdm

    from muspipe.training.run_folder import new_run
    from muspipe.training.run_settings import TrainSettings
    from muspipe.training.trainer import Trainer

    keras.backend.clear_session()
    if not (folder / "config.json").exists():
        settings = TrainSettings(
            task,
            preset,
            steps=steps,
            scenario="both",
            snr_db=(10.0, 30.0),
            clean_share=0.25,
            val_every=steps,
            n_units=(1, 30) if task == "seg" else None,
            options=options,
        )
        new_run(folder, settings)
    with tqdm(total=steps, desc=folder.name, disable=None) as bar:
        summary = Trainer(folder, progress=lambda step, *_: bar.update(step - bar.n)).run()
    return {"minutes": 60 * summary["hours"], "val_loss": summary["best"]["val_loss"]}


def measure(folder, args):
    """Of the first 25 test sequences."""
    import shutil

    from muspipe.evaluation.run import JOURNAL, evaluate

    def cells(method, **settings):
        out = folder / "evaluation"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        metrics = evaluate(
            args.data, method, out, snrs_db=(10.0,), limit=25, workers=1, settings=settings, firings="paper"
        )
        (out / JOURNAL).unlink()
        return {cell["n_units"]: cell for cell in metrics["cells"]}

    if args.task == "twitch":
        true = cells("twitch-true", twitch=str(folder))[25]["roa"]["mean"]
        wrong = cells("twitch-true", twitch=str(folder), territory_error=1.0)[25]["roa"]["mean"]
        return {"RoA, true territories": true, "RoA, wrong territories": wrong}
    found = cells("deep", segmentation=str(folder))
    return {
        f"{metric}, {n} units": found[n][metric]["mean"]
        for n in (5, 15, 25)
        for metric in ("recall", "precision", "dice")
    }


def table(rows):
    """Markdown."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    for row in rows:
        values = (v if isinstance(v, str) else "-" if v is None else f"{v:.3f}" for v in row.values())
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
