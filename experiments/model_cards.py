"""The model card of a network that comes with muspipe, as text, with what was measured of it.

Command: python experiments/model_cards.py seg-centre runs/paper-deep runs/physiological-deep
Time: a second.
Expected: muspipe/models/files/seg-centre.md, from seg-centre.json and the metrics.json of `muspipe evaluate`; the
measurements must be of this very file.
"""

import argparse
import json
from pathlib import Path

from simulator.shared.files import atomic_path

FOLDER = Path(__file__).parents[1] / "muspipe" / "models" / "files"
WHAT = {
    "seg": "Territories of motor units in a second of tissue velocity (64 x 64 px of 0.625 mm, 400 Hz).",
    "twitch": "Twitch train of a motor unit of known territory, from a second of tissue velocity around it (16 x 16 px "
    "of 0.625 mm, 400 Hz).",
}
COLUMNS = {
    "seg": {
        "recall": "recall",
        "precision": "precision",
        "segmentation_recall": "pixel recall",
        "segmentation_precision": "pixel precision",
        "roa": "RoA",
    },
    "twitch": {"roa": "RoA"},
}
LIMITS = """- Trained and measured on simulated sequences alone. How it does on recordings with a reference, such as
  needle EMG, is not known.
- Territories of 2.5-10 mm that lie wholly in the image, firing at 8-13 Hz, with twitches of one shape; 1-30 of them.
- White noise of 8-30 dB, independent from pixel to pixel. Correlated noise, clutter and probe motion were never seen.
- Velocity is positive in the direction of contraction."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("evaluations", type=Path, nargs="+", help="folders of `muspipe evaluate`")
    args = parser.parse_args()
    card = json.loads((FOLDER / f"{args.name}.json").read_text())
    measured = [json.loads((folder / "metrics.json").read_text()) for folder in args.evaluations]
    with atomic_path(FOLDER / f"{args.name}.md") as temporary:
        temporary.write_text(text_of(card, measured), encoding="utf-8")
    print(FOLDER / f"{args.name}.md")


def text_of(card: dict, measured: list[dict]) -> str:
    """Markdown."""
    task = card["training"][-1]["settings"]["task"]
    parts = [
        f"# {card['name']}",
        WHAT[task] + f" Preset `{card['preset']}`, {card['weights']:,} weights in float16.",
        f"SHA-256 of the file: `{card['sha256']}`.",
        "## Training",
        "\n".join(run_line(run) for run in card["training"]),
        f"The weights are those of step {card['step']} of the last run, validation loss "
        f"{card['validation']['val_loss']:.4g}. All settings and versions are in `{card['name']}.json`.",
        "## Measured",
        *(table_of(metrics, task, card["name"]) for metrics in measured),
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def run_line(run):
    settings = run["settings"]
    low, high = settings.get("snr_db") or (None, None)
    noise = "no noise" if low is None else f"noise of {low:g}-{high:g} dB and {settings['clean_share']:.0%} without"
    units = "-".join(map(str, settings.get("n_units") or (5, 30)))
    return (
        f"- Preset {settings['preset']}, {run['steps_done']:,} steps of {run['batch_size']}: fresh sequences of "
        f"scenario {settings['scenario']}, {units} units, {noise}; seed {settings['seed']}, "
        f"{run['hours']:.1f} h on one core."
    )


def table_of(metrics, task, name):
    used = metrics["settings"].get({"seg": "segmentation", "twitch": "twitch"}[task])
    if used != name:
        raise SystemExit(f"expected an evaluation of {name}, got one of {used}")
    columns = COLUMNS[task]
    data, method = metrics["data"], f"method {metrics['method']} with signals {metrics['settings']['signals']}"
    lines = [
        f"Scenario {data['scenario']}, {method}, test set of seed {data['seed']}, mean over sequences:\n",
        "| SNR [dB] | units | sequences | " + " | ".join(columns.values()) + " |",
        "|---:|---:|---:" + "|---:" * len(columns) + "|",
    ]
    for cell in metrics["cells"]:
        values = " | ".join(f"{cell[key]['mean']:.3f}" for key in columns)
        lines.append(f"| {cell['snr_db']} | {cell['n_units']} | {cell['n_sequences']} | {values} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
