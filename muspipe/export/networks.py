"""A run's best weights as a file of the package: float16, with the facts of its model card, and the card's text."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muspipe.errors import InputError
from muspipe.models import weight_files, weight_parts
from muspipe.models.pretrained import load_model, names
from muspipe.training.run_folder import RunFolder, write_json
from simulator.shared.files import atomic_path, sha256_of_file


@dataclass(frozen=True)
class Kind:
    """What a card says of a network because of its task."""

    what: str
    setting: str
    """The setting of a method that names its network."""
    columns: dict[str, str]
    """metric -> column of the table."""


KINDS = {
    "seg": Kind(
        "Territories of motor units in a second of tissue velocity (64 x 64 px of 0.625 mm, 400 Hz).",
        "segmentation",
        {
            "recall": "recall",
            "precision": "precision",
            "segmentation_recall": "pixel recall",
            "segmentation_precision": "pixel precision",
            "roa": "RoA",
        },
    ),
    "twitch": Kind(
        "Twitch train of a motor unit of known territory, from a second of tissue velocity around it (16 x 16 px of "
        "0.625 mm, 400 Hz).",
        "twitch",
        {"roa": "RoA"},
    ),
}
LIMITS_DISCS = """\
- Trained and measured on simulated sequences alone. How it does on recordings with a reference, such as
  needle EMG, is not known.
- Territories of 2.5-10 mm that lie wholly in the image, firing at 8-13 Hz, with twitches of one shape; 1-30 of them.
- White noise of 8-30 dB, independent from pixel to pixel. Correlated noise, clutter and probe motion were never seen.
- Velocity is positive in the direction of contraction."""
LIMITS_ALL = """\
- Trained and measured on simulated sequences alone. How it does on recordings with a reference, such as
  needle EMG, is not known.
- Territories of 1.5-18 mm, discs or irregular, with tissue that is dragged along, firing at 5-30 Hz; up to 40 of them.
- Noise that is white, or that of velocity estimated from echoes of 8-32 dB. Motion of the whole muscle is taken off
  before; what remains of it was seen in training.
- Velocity is positive in the direction of contraction."""


def export_network(run, name: str, folder, before=(), part_mib: float | None = None) -> tuple[Path, float]:
    """Write NAME.h5 and NAME.json of a run into a folder -> (the weight file, the largest relative change of a weight
    by rounding). before: folders of the runs whose weights this one started from, oldest first. part_mib: cut the
    weight file into parts of at most this size [MiB]; their index is what is returned.

    The change is relative to the largest weight of its kind, or to 0.001 where all are less.
    """
    runs = [RunFolder(path) for path in (*before, run)]
    training = [training_facts(one) for one in runs]
    model, meta = load_model(runs[-1].weights)
    path = Path(folder) / f"{name}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    weight_parts.remove(path)
    weight_files.save(model, path, {"name": name, "step": meta["step"]}, dtype="float16")
    card = {
        "name": name,
        "preset": model.preset.name,
        "weights": model.count_params(),
        "training": training,
        "step": meta["step"],
        "validation": meta["val"],
        "sha256": sha256_of_file(path),
    }
    write_json(path.with_suffix(".json"), card)
    path = path if part_mib is None else weight_parts.cut(path, part_mib)
    return path, _largest_change(weight_files.arrays_of(model), weight_files.read(path)[1])


def export_card(name: str, folder, evaluations) -> Path:
    """Write NAME.md beside NAME.json, with what `muspipe evaluate` measured of this network in the folders
    `evaluations`. InputError for an evaluation of another network."""
    path = Path(folder) / f"{name}.md"
    card = _read_json(path.with_suffix(".json"))
    text = card_text(card, [_read_json(Path(evaluation) / "metrics.json") for evaluation in evaluations])
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def training_facts(run: RunFolder) -> dict:
    """What a run did, for the card; no folders, which mean nothing elsewhere, but networks of the package."""
    plan, summary = run.read_plan(), run.read_summary()
    settings, schedule = dataclasses.asdict(plan.settings), dataclasses.asdict(plan.schedule)
    if settings["weights"] not in names():
        settings["weights"] = None
    return {
        "settings": {key: value for key, value in settings.items() if value is not None},
        "phases": schedule["phases"],
        "batch_size": schedule["batch_size"],
        "steps_done": summary["step"],
        "hours": summary["hours"],
        "versions": plan.versions,
    }


def card_text(card: dict, measured: list[dict]) -> str:
    """The model card as Markdown. card: of NAME.json; measured: metrics.json of evaluations."""
    kind = KINDS[card["training"][-1]["settings"]["task"]]
    parts = [
        f"# {card['name']}",
        f"{kind.what} Preset `{card['preset']}`, {card['weights']:,} weights in float16.",
        f"SHA-256 of the file: `{card['sha256']}`.",
        "## Training",
        "\n".join(_run_line(run) for run in card["training"]),
        f"The weights are those of step {card['step']} of the last run, validation loss "
        f"{card['validation']['val_loss']:.4g}. All settings and versions are in `{card['name']}.json`.",
        "## Measured",
        *(_table_of(metrics, kind, card["name"]) for metrics in measured),
        "## Limits",
        LIMITS_ALL if card["training"][-1]["settings"].get("scenario") == "all" else LIMITS_DISCS,
    ]
    return "\n\n".join(parts) + "\n"


def _run_line(run):
    settings = run["settings"]
    snr_db = settings.get("snr_db")
    low, high = snr_db if isinstance(snr_db, list) else (snr_db, snr_db)
    noise = "no noise" if low is None else f"noise of {low:g}-{high:g} dB and {settings['clean_share']:.0%} without"
    units = "-".join(map(str, settings.get("n_units") or (5, 30)))
    start = f", from the weights of {Path(settings['weights']).name}" if settings.get("weights") else ""
    return (
        f"- Preset {settings['preset']}{start}, {run['steps_done']:,} steps of {run['batch_size']}: fresh sequences of "
        f"scenario {settings['scenario']}, {units} units, {noise}; seed {settings['seed']}, "
        f"{run['hours']:.1f} h on one core."
    )


def _table_of(metrics, kind, name):
    used = metrics["settings"].get(kind.setting)
    if used is None or Path(used).stem != name:
        raise InputError(f"evaluations: expected those of {name}, got one of {used}")
    data, method = metrics["data"], f"method {metrics['method']} with signals {metrics['settings']['signals']}"
    lines = [
        f"Scenario {data['scenario']}, {method}, test set of seed {data['seed']}, mean over sequences:\n",
        "| SNR [dB] | units | sequences | " + " | ".join(kind.columns.values()) + " |",
        "|---:|---:|---:" + "|---:" * len(kind.columns) + "|",
    ]
    for cell in metrics["cells"]:
        values = " | ".join(f"{cell[key]['mean']:.3f}" for key in kind.columns)
        lines.append(f"| {cell['snr_db']} | {cell['n_units']} | {cell['n_sequences']} | {values} |")
    return "\n".join(lines)


def _largest_change(whole, half):
    return max(float(np.abs(whole[n] - half[n]).max() / max(np.abs(whole[n]).max(), 1e-3)) for n in whole)


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error})") from error
