"""How long `muspipe --help` takes, beside an empty Python and beside what it avoids: importing TensorFlow.

    python experiments/benchmarks/bench_startup.py

Takes about 20 s. Expect `muspipe --help` well under its target of 0.3 s, a few hundredths above an empty Python.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

TARGET_S = 0.3
ROOT = Path(__file__).resolve().parents[2]
CASES = {
    "python -c pass": (["-c", "pass"], 7),
    "muspipe --help": (["-m", "muspipe", "--help"], 7),
    "import muspipe": (["-c", "import muspipe"], 7),
    "muspipe identify --help": (["-m", "muspipe", "identify", "--help"], 7),
    "import tensorflow": (["-c", "import tensorflow"], 2),
}


def wall_s(arguments, repeats) -> float:
    """Median wall time [s] of a fresh Python with these arguments, after one run that is not counted."""
    times_s = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
        times_s.append(time.perf_counter() - start)
    return statistics.median(times_s[1:])


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    times_s = {name: wall_s(*case) for name, case in CASES.items()}
    plain_s = times_s["python -c pass"]
    print(f"{'':26}{'time [s]':>10}{'times empty Python':>22}")
    for name, time_s in times_s.items():
        print(f"{name:26}{time_s:10.3f}{time_s / plain_s:22.1f}")
    met = times_s["muspipe --help"] <= TARGET_S
    print(f"target: muspipe --help <= {TARGET_S} s: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
