"""`muspipe simulate`: a data set folder of sequences with their truth, or one recording as a user would have it."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path

from muspipe.commands.workers import WORK, add_workers, given_workers

DATASET_DEFAULTS = {"train": 10_000, "val": 1_000, "test": 600}
"""Sizes of the sets of Ali et al. 2020."""
DEFAULT_SEED = 2020
DEFAULT_UNITS = 15
ABOUT = {
    "recording": "simulated ultrafast-ultrasound recording of a muscle, scenario {}",
    "velocity": "tissue velocity (H, W, T); simulated: arbitrary units that stand for mm/s",
}
"""Descriptions inside a recording's file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("out", nargs="?", metavar="OUT", help="folder for the data set; one begun there is continued")
    parser.add_argument("--recording", metavar="FILE", help="write one recording (.h5, .npz or .mat) instead")
    parser.add_argument("--scenario", default="paper", help="paper (default), physiological or echo")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"default {DEFAULT_SEED}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="a setting of the scenario, which `muspipe settings SCENARIO` lists; give a scenario that you change a "
        "name of its own, --set name=NAME; may be repeated",
    )
    parser.add_argument(
        "--snr-db",
        type=float,
        metavar="DB",
        help="noise at this SNR [dB], of the echoes in scenario echo; default none",
    )
    dataset = parser.add_argument_group("data set")
    for split, size in DATASET_DEFAULTS.items():
        dataset.add_argument(f"--{split}", type=int, metavar="N", help=f"sequences of the {split} set; default {size}")
    dataset.add_argument("--dense", action="store_true", help="store the images too, 6.5 MB a sequence")
    add_workers(parser)
    recording = parser.add_argument_group("recording")
    recording.add_argument("--units", type=int, metavar="N", help=f"motor units; default {DEFAULT_UNITS}")
    recording.add_argument("--seconds", type=float, metavar="S", help="its length; default 1")
    recording.add_argument("--truth", metavar="FILE", help="write the true motor units here, as a result file (.h5)")
    recording.add_argument(
        "--iq",
        action="store_true",
        help="write the echoes that the velocity comes from, beamformed IQ (.h5; scenario echo); --truth is the same",
    )
    recording.add_argument("--overwrite", action="store_true", help="replace existing files")


def _scenario(args, **changes):
    """The SimulationConfig that was asked for; changes: from other arguments than --set, which may not repeat them."""
    from muspipe.errors import InputError
    from simulator import SimulationConfig
    from simulator.shared.settings import changed, parse_assignments

    settings = parse_assignments(args.settings)
    for name in changes.keys() & settings.keys():
        raise InputError(f"--set {name}: is given by another argument, too; leave one of them out")
    config, listed = SimulationConfig.scenario(args.scenario), f"listed by `muspipe settings {args.scenario}`"
    return changed(config, settings | changes, f"scenario {args.scenario}", listed=listed)


def run(args: argparse.Namespace) -> int:
    """Exit code 0; raises InputError for what the user can mend, OSError for a disk that fails."""
    from muspipe.errors import InputError

    if (args.out is None) == (args.recording is None):
        raise InputError("expected either a folder OUT for a data set or --recording FILE, got both or neither")
    dataset, recording = (*DATASET_DEFAULTS, "dense", *WORK), ("units", "seconds", "truth", "iq", "overwrite")
    foreign = dataset if args.recording else recording
    for name in foreign:
        given = getattr(args, name)
        if given is not None and given is not False:
            kind = "a data set" if args.recording else "a recording"
            raise InputError(f"--{name} belongs to {kind}: leave it out")
    return _simulate_recording(args) if args.recording else _simulate_dataset(args)


def _simulate_dataset(args):
    from tqdm import tqdm

    from simulator.generate import generate_dataset

    config = _scenario(args)
    sizes = [
        default if getattr(args, split) is None else getattr(args, split) for split, default in DATASET_DEFAULTS.items()
    ]
    with tqdm(total=sum(sizes), unit="sequence", disable=None) as bar:
        manifest = generate_dataset(
            args.out,
            config,
            args.seed,
            *sizes,
            workers=given_workers(args),
            dense=args.dense,
            snr_db=args.snr_db,
            progress=bar.update,
        )
    counts = ", ".join(f"{n} {split}" for split, n in manifest["n_sequences"].items())
    print(f"{args.out}: {counts} sequences in {len(manifest['shards'])} files, scenario {config.name}")
    return 0


def _simulate_recording(args):
    from tqdm import tqdm

    from muspipe.errors import InputError
    from muspipe.recordings.simulated import recording_of, truth_of
    from muspipe.recordings.writers import ENDINGS, write_recording
    from simulator import simulate
    from simulator.shared.files import atomic_path, sha256_of_file

    path, truth = Path(args.recording), Path(args.truth) if args.truth else None
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: expected a file ending in {', '.join(ENDINGS)}, got {path.suffix or 'no ending'}")
    if args.seed < 0:
        raise InputError(f"--seed: expected an integer from 0, got {args.seed}")
    if truth and truth.suffix.lower() not in (".h5", ".hdf5"):
        raise InputError(f"{truth}: expected a result file ending in .h5 for --truth")
    if truth and truth.resolve() == path.resolve():
        raise InputError(f"{path}: --recording and --truth name the same file")
    for file in filter(None, (path, truth)):
        if not file.absolute().parent.is_dir():
            raise InputError(f"{file}: no folder {file.parent}; make it first")
        if file.exists() and (file.is_dir() or not args.overwrite):
            raise InputError(f"{file}: exists already; give --overwrite to replace it, or choose another name")
    if args.snr_db is not None and not args.snr_db > -math.inf:
        raise InputError(f"--snr-db: expected decibels, got {args.snr_db}")
    config = _of_length(_scenario(args, **_units(args)), args)
    if args.iq and config.echo is None:
        raise InputError(f"--iq: expected a scenario with echoes, got {config.name}: give --scenario echo")
    if args.iq and path.suffix.lower() not in (".h5", ".hdf5"):
        raise InputError(f"{path}: expected a file ending in .h5 for --iq")
    with tqdm(total=3 if truth else 2, unit="step", disable=None) as bar, _naming_what_failed(path, truth):
        sequence = simulate(config, args.seed)
        recording = None if args.iq else recording_of(sequence, args.snr_db)
        bar.update()
        with atomic_path(path) as temporary:
            if args.iq:
                _write_iq(temporary, sequence, args.snr_db)
            else:
                write_recording(temporary, recording, {part: text.format(config.name) for part, text in ABOUT.items()})
            bar.update()
            if truth:  # the recording takes its place only when this too is written
                settings = {"seed": args.seed, "snr_db": args.snr_db, "simulation": sequence.config.to_dict()}
                source = {"name": path.name, "sha256": sha256_of_file(temporary)}
                truth_of(sequence, settings=settings, source=source).save(truth)
                bar.update()
    noise = "no noise" if args.snr_db is None or math.isinf(args.snr_db) else f"{args.snr_db:g} dB SNR"
    print(f"{path}: {sequence.n_units} motor units, {noise}, scenario {config.name}, seed {args.seed}")
    if truth:
        print(f"{truth}: their territories, twitch trains and firings")
    return 0


def _write_iq(path, sequence, snr_db):
    """The echoes of a sequence, as a scanner with its settings would have taken them."""
    from muspipe.echoes.echoes import Echoes
    from muspipe.echoes.iq_file import write_echoes
    from muspipe.echoes.options import Scan
    from muspipe.recordings.simulated import SimulatedEchoes

    config = sequence.config
    scan = Scan(
        centre_frequency_hz=config.echo.centre_frequency_mhz * 1e6,
        prf_hz=config.frame_rate_hz,
        pixel_mm=config.echo.grid_mm,
        speed_of_sound_m_s=config.echo.speed_of_sound_m_s,
        first_depth_mm=config.echo.grid_mm[0] / 2,
    )
    write_echoes(path, Echoes(SimulatedEchoes(sequence, snr_db), scan), f"simulated IQ, scenario {config.name}")


def _units(args):
    """{"n_units": n} of --units or its default; empty if --set gives it."""
    if args.units is not None:
        return {"n_units": args.units}
    return {} if any(pair.startswith("n_units=") for pair in args.settings) else {"n_units": DEFAULT_UNITS}


def _of_length(config, args):
    """With as many images as --seconds has."""
    from muspipe.errors import InputError
    from simulator.shared.settings import changed

    if args.seconds is None:
        return config
    if not 0 < args.seconds < math.inf:
        raise InputError(f"--seconds: expected a number above 0, got {args.seconds}")
    if any(pair.startswith("n_frames=") for pair in args.settings):
        raise InputError("--set n_frames: is given by --seconds, too; leave one of them out")
    n_frames = max(1, round(args.seconds * config.frame_rate_hz))
    return changed(config, {"n_frames": n_frames}, f"scenario {config.name}")


@contextlib.contextmanager
def _naming_what_failed(path, truth):
    """A full disk or a locked folder: say which files were not written."""
    try:
        yield
    except OSError as error:
        files = " and ".join(str(file) for file in (path, truth) if file)
        raise OSError(error.errno, f"not written: {error.strerror or error}", files) from error
