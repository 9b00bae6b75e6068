"""What the commands make of damaged and odd inputs: counted over some hundred of them.

Command: nice python experiments/robust_inputs.py --cases 600
Time: some minutes on one core.
Expected: all right or refused, see README.md, "Damaged inputs and killed processes". Whatever is not is printed with
its command and error, and its input is kept in --keep.

Damaged bytes, other content, odd values of options and settings, over recordings, echoes, results, decomposed EMG and
data sets; damage.py and odd_cases.py say how. Interrupted, it says what it has counted so far.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from damage import make_sound
from odd_cases import BAD, GOOD, KINDS, draw_case, fork_workers, load, outcome

COLUMNS = ("kind", "cases", *GOOD, *BAD)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=600, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first case (default 0)")
    parser.add_argument(
        "--kinds", nargs="+", default=list(KINDS), metavar="WORD", help="those that begin so; default: all"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where inputs go that were not taken well")
    args = parser.parse_args()
    counts = {kind: Counter() for kind in KINDS if kind.startswith(tuple(args.kinds))}
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as temporary:
        load()
        fork_workers()
        sound = make_sound(Path(temporary))
        for seed in range(args.first, args.first + args.cases):
            count(seed, sound, Path(tempfile.mkdtemp(dir=temporary)), counts, args.keep)
    print(f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}")
    for kind, found in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"| {kind} | {found.total()} | {' | '.join(str(found[word]) for word in (*GOOD, *BAD))} |")


def count(seed, sound, folder, counts, keep):
    """One case more in `counts`."""
    case = draw_case(random.Random(seed), sound, folder, counts)
    found, said = outcome(case, folder)
    counts[case.kind][found] += 1
    if found in BAD:
        print(f"seed {seed}: {found}: {' '.join(case.words)}\n{said}", flush=True)
        if keep:
            shutil.copytree(folder, keep / str(seed), dirs_exist_ok=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
