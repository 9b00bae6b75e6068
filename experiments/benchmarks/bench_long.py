"""Time and memory of identification against the length of the recording and the area of its image; and what is found.

    nice python experiments/benchmarks/bench_long.py [--method ica] [--jobs 2] [--only 64x3 128x10] [--scenario echo]

Scenario physiological, 20 dB, or echo, 25 dB; 10 motor units on each 64 x 64 px (40 x 40 mm), seed 2020. Each
recording is written to a file, read from it and identified in a process of its own, of which processor time, time and
peak memory are taken. What is measured takes its place in experiments/results/long.csv, and experiments/long.png is
drawn, of scenario physiological.
Expected on 2 cores: 128 x 128 px and 10 s by `hybrid` within 60 s and 2 GB; processor time along a straight line.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TABLE, PICTURE = HERE / "results" / "long.csv", HERE / "long.png"
CASES = ("64x1", "64x3", "64x10", "64x30", "64x60", "96x3", "128x1", "128x3", "128x10", "192x3")
"""Side [px] x duration [s]."""
RATE_HZ, SEED = 400, 2020
SNR_DB = {"physiological": 20.0, "echo": 25.0}
FIELDS = ("scenario", "method", "side_px", "duration_s", "units", "jobs", "processor_s", "seconds", "peak_gb")
FIELDS += ("recall", "precision", "roa")


def sequence(scenario, side_px, duration_s):
    from simulator import SimulationConfig, simulate

    config = SimulationConfig.scenario(
        scenario,
        n_units=round(10 * (side_px / 64) ** 2),
        height_px=side_px,
        width_px=side_px,
        n_frames=round(duration_s * RATE_HZ),
    )
    return simulate(config, SEED)


def write(path, one):
    import h5py

    with h5py.File(path, "w") as file:
        file["velocity"] = one.render(SNR_DB[one.config.name])
        file.attrs.update({"frame_rate_hz": one.config.frame_rate_hz, "pixel_mm": one.config.pixel_mm})


def child(path, method, jobs, out):
    """In a process of its own: identify, and print what it took."""
    from muspipe import identify, load_recording

    start = time.perf_counter()
    result = identify(load_recording(path, whole=False), method, jobs=jobs)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    result.save(out)
    print(json.dumps([used.ru_utime + used.ru_stime, seconds, used.ru_maxrss * 1024 / 1e9]))


def measured(scenario, method, side_px, duration_s, jobs):
    from muspipe import Result
    from muspipe.evaluation.metrics import compare
    from muspipe.recordings.simulated import truth_of

    one = sequence(scenario, side_px, duration_s)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "recording.h5", Path(folder) / "result.h5"
        written = [sys.executable, __file__, "--write", path, scenario, str(side_px), str(duration_s)]
        subprocess.run(written, check=True)
        command = [sys.executable, __file__, "--child", path, method, str(jobs), out]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        metrics = compare(Result.load(out), truth_of(one))
    numbers = [*json.loads(answer), *(metrics[name] for name in ("recall", "precision", "roa"))]
    case = [scenario, method, side_px, duration_s, one.n_units, jobs]
    return dict(zip(FIELDS, [*case, *(round(n, 3) for n in numbers)], strict=True))


def stored():
    if not TABLE.exists():
        return []
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _case(row):
    return row["scenario"], row["method"], float(row["side_px"]), float(row["duration_s"])


def draw(rows):
    """Processor time and peak memory over duration, at 64 x 64 px, and over area, at 3 s; scenario physiological."""
    rows = [row for row in rows if row["scenario"] == "physiological"]
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col")
    for number, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        for column, (fixed, value, name) in enumerate((("side_px", 64, "duration_s"), ("duration_s", 3, "side_px"))):
            some = [row for row in rows if row["method"] == method and float(row[fixed]) == value]
            x = [float(row[name]) if column == 0 else (float(row[name]) * 0.0625) ** 2 for row in some]
            order = sorted(range(len(x)), key=x.__getitem__)
            for line, (quantity, label) in enumerate(
                (("processor_s", "processor time [s]"), ("peak_gb", "peak memory [GB]"))
            ):
                y = [float(some[k][quantity]) for k in order]
                if y:
                    axes[line, column].plot([x[k] for k in order], y, "o-", label=method, color=f"C{number}")
                axes[line, column].set_ylabel(label)
    axes[1, 0].set_xlabel("duration [s], 40 x 40 mm, 10 units")
    axes[1, 1].set_xlabel("area [cm²], 3 s, 10 units on 16 cm²")
    for each in axes.flat:
        each.set_ylim(bottom=0)
    axes[0, 0].legend(frameon=False)
    figure.savefig(PICTURE, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="ica")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=CASES, metavar="SIDExSECONDS")
    parser.add_argument("--scenario", choices=SNR_DB, default="physiological")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args.child[0], args.child[1], int(args.child[2]), args.child[3])
    if args.write:
        return write(args.write[0], sequence(args.write[1], int(args.write[2]), float(args.write[3])))
    rows = stored()
    for case in args.only:
        side_px, duration_s = (float(part) for part in case.split("x"))
        this = args.scenario, args.method, side_px, duration_s
        rows = [row for row in rows if _case(row) != this]
        rows.append(measured(args.scenario, args.method, int(side_px), duration_s, args.jobs))
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
        with open(TABLE, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
    draw(rows)


if __name__ == "__main__":
    main()
