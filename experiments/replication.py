"""What replicate.py replicates, and by which stages: public commands, one after the other."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from muspipe.errors import InputError
from muspipe.training.schedules import get_schedule
from simulator.shared.settings import check, setting

HERE = Path(__file__).resolve().parent
CELLS = 6
"""Numbers of motor units in the test set."""
SEQUENCES = {"train": (10_000, 8), "val": (1_000, 8), "test": (100 * CELLS, CELLS)}
"""split: (the paper's sequences, the fewest)."""
VAL_BATCHES, VAL_EVERY, VALIDATIONS = 10, 100, 20
"""Batches of a validation, steps between two (paper); the fewest validations of a run that has as many steps."""
QUICK, QUICK_SHARE = 0.002, 0.25
"""Below this scale all phases have one step, which shows no more than that the way is whole; batches are then smaller,
by this factor, which shows it as well."""
SEQUENCES_A_WORKER = 30
"""Test sequences that are worth another process, which takes ten seconds to begin."""
FIGURES = {
    "fig04": ("fig04.png",),
    "fig05": ("fig05.png",),
    "fig06": ("fig06.png",),
    "fig07_08": ("fig07.png", "fig08.png", "fig07_08.csv"),
    "fig09": ("fig09.png",),
    "fig10": ("fig10.png",),
    "fig11": ("fig11.png",),
    "fig12_13": ("fig12.png", "fig13.png"),
}
"""script: what it draws."""


@dataclass(frozen=True)
class Replication:
    """What is replicated; with other values it is another one, in another folder."""

    scale: float = setting(
        1.0, "share of the sequences, and of the passes over them: steps shrink by its square", above=0, most=1
    )
    preset: str = setting(
        "paper", "networks: paper (default), as printed, or compact, small ones", choices=("paper", "compact")
    )
    coco: str | None = setting(None, "mask_rcnn_coco.h5, from which the paper started", metavar="FILE")
    random_start: bool = setting(False, "without --coco: start from random weights, the ResNet frozen at first")
    seed: int = setting(2020, "of data and training", least=0)

    def __post_init__(self):
        check(self)
        if self.preset == "compact" and (self.coco or self.random_start):
            raise InputError("preset compact: starts from random weights; leave --coco and --random-start out")
        if self.preset == "paper" and bool(self.coco) == self.random_start:
            raise InputError(
                "preset paper: expected either --coco mask_rcnn_coco.h5, as the paper's ResNet-101 and Mask R-CNN "
                "started from COCO weights, or --random-start to train from random ones all the same"
            )
        if self.coco and not Path(self.coco).is_file():
            raise InputError(f"--coco {self.coco}: there is no such file")

    @property
    def sequences(self) -> dict[str, int]:
        """Of each split."""
        sizes = {split: max(least, round(full * self.scale)) for split, (full, least) in SEQUENCES.items()}
        return sizes | {"test": CELLS * max(1, round(sizes["test"] / CELLS))}

    @property
    def steps(self) -> dict[str, int]:
        """Of each training."""
        seg, twitch = get_schedule("seg", "paper"), get_schedule("twitch", "paper-noise")
        parts = {
            "seg-clean": seg.part(last="fine"),
            "seg-noise": seg.part("noise"),
            "twitch-clean": twitch.part(last="all"),
            "twitch-noise": twitch.part("noise"),
        }
        return {name: max(len(part.phases), round(part.steps * self.scale**2)) for name, part in parts.items()}

    @property
    def val_batches(self) -> int:
        """Of each validation."""
        return min(VAL_BATCHES, self.sequences["val"] // 8)

    @property
    def batch_share(self) -> float:
        """Of the paper's batch: what a batch is."""
        return QUICK_SHARE if self.scale < QUICK else 1.0

    def batch_size(self, task: str) -> int:
        """Examples a step."""
        return round(get_schedule(task, "paper").batch_size * self.batch_share)

    def val_every(self, name: str) -> int:
        """Steps between two validations of a training."""
        return max(1, min(VAL_EVERY, self.steps[name] // VALIDATIONS))


@dataclass(frozen=True)
class Stage:
    """A command, whether its output is there, and the file that a training to be gone on with has."""

    name: str
    command: tuple[str, ...]
    done: Callable[[], bool]
    begun: Path | None = None
    needs: frozenset[str] = frozenset()
    """Names of the stages that must be done before."""

    def words(self) -> list[str]:
        """The command as it is to be run now."""
        return [*self.command, *(["--resume"] if self.begun and self.begun.exists() else [])]


def stages(what: Replication, out: Path, workers: int | None = None) -> list[Stage]:
    """All of them, in order."""
    workers = workers or max(1, min(os.cpu_count() or 1, what.sequences["test"] // SEQUENCES_A_WORKER))
    shared = ("--workers", f"{workers}")
    sizes = [word for split, n in what.sequences.items() for word in (f"--{split}", str(n))]
    simulate = ("muspipe", "simulate", f"{out / 'data'}", *sizes, "--scenario", "paper", "--seed", f"{what.seed}")
    found = [Stage("data", (*simulate, *shared), lambda: read_json(out / "data/manifest.json").get("complete", False))]
    found += [_training(name, task, words, what, out) for name, task, words in _trainings(what, out)]
    for name, method, settings in _evaluations(out):
        sets = [word for pair in settings for word in ("--set", pair)]
        own = ("--method", method, *sets, "--firings", "paper")
        command = ("muspipe", "evaluate", f"{out / 'data'}", *own, "--out", f"{out / name}")
        found.append(Stage(name, (*command, *shared), (out / name / "metrics.json").is_file))
    for script, files in FIGURES.items():
        own = _drawn_from(script, what, out)
        command = ("python", _shown(HERE / f"{script}.py"), *own, "--out", f"{out / 'figures'}")
        found.append(Stage(script, command, _all_there(out / "figures", files)))
    table = ("python", _shown(HERE / "published_table.py"), f"{out}")
    found.append(Stage("table", table, _all_there(out, ("table.md", "table.csv"))))
    return [dataclasses.replace(stage, needs=_needs(stage, found[:i], out)) for i, stage in enumerate(found)]


def _needs(stage, before, out):
    """Names of the stages before it whose folders its command names; the table is of all."""
    read = [other for other in before if any(f"{out / other.name}" in word for word in stage.command)]
    return frozenset(other.name for other in (before if stage.name == "table" else read))


def _all_there(folder, names):
    return lambda: all((folder / name).is_file() for name in names)


def _trainings(what, out):
    """(name, task, arguments that make it what it is) of each."""
    start = ("--weights", what.coco) if what.coco else ("--random-start",)
    clean = {task: ("--weights", f"{out / f'{task}-clean'}") for task in ("seg", "twitch")}
    if what.preset == "compact":
        noise = ("--schedule", "short", "--snr-db", "10", "30")
        return [
            ("seg-clean", "seg", ("--schedule", "short")),
            ("seg-noise", "seg", (*noise, *clean["seg"])),
            ("twitch-clean", "twitch", ("--schedule", "short")),
            ("twitch-noise", "twitch", (*noise, *clean["twitch"])),
        ]
    behind = ("--weights", f"{out / 'seg-clean/phase-fine.weights.h5'}")  # where one run of all phases would be
    return [
        ("seg-clean", "seg", ("--schedule", "paper", "--until-phase", "fine", *start)),
        ("seg-noise", "seg", ("--schedule", "paper", "--from-phase", "noise", *behind)),
        ("twitch-clean", "twitch", ("--schedule", "paper-noise", "--until-phase", "all")),
        ("twitch-noise", "twitch", ("--schedule", "paper-noise", "--from-phase", "noise", *clean["twitch"])),
    ]


def _training(name, task, words, what, out):
    own = ("--preset", what.preset, *words, "--steps", f"{what.steps[name]}", "--seed", f"{what.seed}")
    if what.batch_share < 1:
        own += ("--batch-size", f"{what.batch_size(task)}")
    validation = ("--val-every", f"{what.val_every(name)}", "--val-batches", f"{what.val_batches}")
    command = ("muspipe-train", task, "--data", f"{out / 'data'}", *own, *validation, "--out", f"{out / name}")

    def done():
        return read_json(out / name / "summary.json").get("reason") in ("finished", "early stopping")

    return Stage(name, command, done, begun=out / name / "config.json")


def _evaluations(out):
    """(name, method, its settings) of each."""
    for kind in ("clean", "noise"):
        networks = (f"segmentation={out / f'seg-{kind}'}", f"twitch={out / f'twitch-{kind}'}")
        yield f"eval-{kind}", "deep", networks
        yield f"eval-twitch-{kind}", "twitch-true", networks[1:]
    yield "eval-stica", "stica", ()


def _drawn_from(script, what, out):
    """Arguments that say what a figure is drawn from."""
    if script in ("fig04", "fig05", "fig06"):
        kind = "eval-twitch-" if script == "fig06" else "eval-"
        of = ("--of", f"preset {what.preset}, scale {what.scale:g}")
        return "--clean", f"{out / f'{kind}clean'}", "--noise", f"{out / f'{kind}noise'}", *of
    if script in ("fig09", "fig10"):
        task = "seg" if script == "fig09" else "twitch"
        return tuple(f"{out / f'{task}-{kind}'}" for kind in ("clean", "noise"))
    if script == "fig07_08":
        return "--segmentation", f"{out / 'seg-noise'}", "--twitch", f"{out / 'twitch-noise'}"
    return ()


def read_json(path):
    """What a file holds; {} if there is none, or none yet."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _shown(path):
    """A script's path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
