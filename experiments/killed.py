"""Commands killed (kill -9) at a random instant and started again: is anything lost, do they end in the same bytes?

Command: nice python experiments/killed.py --kills 20
Time: minutes without train, on an idle core; with it half an hour.
Expected: README.md, "Damaged inputs and killed processes": after every kill the same command (train: with --resume)
ends in the files of a run that nobody killed, byte for byte, and nothing else is left in the folder.

Each command runs on a small input in a process that is forked off, and so are its workers, which saves the seconds that
a new Python takes to load. The instant is uniform over the time that the unbroken run took; a run that ended before
it is not counted. Not compared are seconds.json (evaluate), checkpoints, and what training says of hours and memory;
weights are compared by their checksum.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from damage import make_sound
from odd_cases import fork_workers, load

from muspipe.cli import main as muspipe
from muspipe.cli import main_train
from muspipe.models.weight_files import checksum_of

SMALL = [word for name in ("height_px=16", "width_px=16", "n_frames=100") for word in ("--set", name)]
NETWORK = [
    word
    for name in ("input_shape=[16,16,100,1]", "gru=4", "dense_before=[8]", "dense_after=[4]")
    for word in ("--set", name)
]
TRAINING = ["--steps", "6", "--batch-size", "2", "--val-batches", "1", "--val-every", "2", "--checkpoint-minutes", "0"]
COLUMNS = ("command", "killed", "same bytes after", "other bytes", "files left", "does not go on")


def commands(sound: dict[str, Path]) -> dict:
    """{name: arguments, given the folder to write to}"""
    data = str(sound["data"])
    return {
        "simulate": lambda out: ["simulate", f"{out}/data", "--train", "4", "--val", "2", "--test", "6", *SMALL],
        "velocity": lambda out: ["velocity", str(sound["iq.h5"]), "--out", f"{out}/velocity.h5"],
        "identify": lambda out: ["identify", str(sound["h5"]), "--out", f"{out}/found", "--method", "ica"],
        "evaluate": lambda out: [
            "evaluate",
            data,
            "--out",
            f"{out}/measured",
            "--method",
            "ica",
            "--snr-db",
            "inf",
            "20",
        ],
        "train": lambda out: ["twitch", "--data", data, "--out", f"{out}/run", *TRAINING, *NETWORK],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="of each command")
    parser.add_argument("--commands", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        load()
        sound = make_sound(Path(temporary))
        fork_workers()
        print(f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}", flush=True)
        for name, words in commands(sound).items():
            if args.commands and name not in args.commands:
                continue
            counts = killed_often(name, words, args.kills, rng, Path(temporary))
            print(f"| {name} | {' | '.join(str(counts[word]) for word in COLUMNS[1:])} |", flush=True)


def killed_often(name, words, kills, rng, temporary) -> Counter:
    """What became of so many kills of a command."""
    whole, counts = Path(tempfile.mkdtemp(dir=temporary)), Counter()
    began = time.monotonic()
    if run(words(whole)) != 0:
        raise SystemExit(f"{name}: does not work where nobody kills it")
    length_s, expected = time.monotonic() - began, content(whole)
    while counts["killed"] < kills:
        folder = Path(tempfile.mkdtemp(dir=temporary))
        if run(words(folder), rng.uniform(0, length_s)) is not None:
            shutil.rmtree(folder)
            continue
        counts["killed"] += 1
        resumed = name == "train" and (folder / "run/config.json").exists()
        code = run([*words(folder)[:5], "--resume"] if resumed else words(folder))
        found = content(folder)
        lacking = {path for path in expected if found.get(path) != expected[path]}
        if code != 0 and lacking:  # one that was complete already says so
            counts["does not go on"] += 1
        elif lacking:
            counts["other bytes"] += 1
        elif set(found) != set(expected):
            counts["files left"] += 1
        else:
            counts["same bytes after"] += 1
            shutil.rmtree(folder)
            continue
        print(f"{name}: exit {code}, other {sorted(lacking)}, left {sorted(set(found) - set(expected))}: {folder}")
    return counts


def run(words, kill_after_s: float | None = None) -> int | None:
    """Exit code of a command in a process of its own; None where it was killed."""
    child = os.fork()
    if not child:
        _in_child(words)
    if kill_after_s is None:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    deadline = time.monotonic() + kill_after_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):  # until its workers have noticed, which hold its locks as forks do
        while True:
            os.killpg(child, 0)
            time.sleep(0.01)
    return None


def _in_child(words):
    code = 77
    os.setpgid(0, 0)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        if os.environ.get("MUSPIPE_DEBUG") != "1":
            os.dup2(nowhere, 2)
        code = (main_train if words[0] == "twitch" else muspipe)(words)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def content(folder: Path) -> dict[str, str]:
    """{path within the folder: checksum}, "" for what is not compared."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "checkpoints"]
    return {str(path.relative_to(folder)): checksum(path) for path in files}


def checksum(path):
    if path.name in ("seconds.json", "history.csv", "loss.png", "summary.json"):
        return ""
    if path.name.endswith(".weights.h5"):  # beside the weights it says how long training took
        return checksum_of(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
