"""What a report costs: seconds to write it, its size, and seconds until a browser has drawn it.

    python experiments/benchmarks/bench_report.py [PAGE.html] [--picture FILE.png]

Half a minute. 40 motor units, 10 s at 400 Hz, scenario paper, unless a page is given. Targets: below 8 MB, opens in
less than 2 s. The browser is Chromium, as for `make test-browser`; without it, size and seconds to write are all.
--picture writes what the browser shows.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

N_UNITS, N_FRAMES, N_OPENED = 40, 4000, 5
SEEN_PX = 1280, 1530


def written(folder):
    """Path of a report of simulated units."""
    import numpy as np

    from muspipe import Recording, Result
    from muspipe.firings.maxima import positive_maxima
    from muspipe.report.page import write_report
    from simulator import SimulationConfig, simulate

    sequence = simulate(SimulationConfig.scenario("paper", n_units=N_UNITS, n_frames=N_FRAMES), seed=1)
    trains = sequence.twitch_trains
    units = sequence.territories, trains, np.ones(N_UNITS), 400, 0.625
    recording = Recording(sequence.render(20), 400, 0.625)
    result = Result(*units, firings=positive_maxima(trains, 400), velocity_rms=recording.velocity_rms)
    path = Path(folder) / "report.html"
    for call in ("first", "second"):
        start = time.process_time()
        write_report([result], path)
        print(f"written, {call} call: {time.process_time() - start:.2f} s of a processor")
    return path


def opened(page, picture):
    """Open the page in Chromium; print the seconds until all plots are drawn, write the picture if there is a path."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size={},{}".format(*SEEN_PX)):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    drawn = "return document.documentElement.dataset.ready === 'true' && Bokeh.documents[0].is_idle"
    try:
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        seconds, worked = [], []
        for _ in range(N_OPENED):
            driver.get("about:blank")
            before, start = _worked(driver), time.perf_counter()
            driver.get(page.resolve().as_uri())
            while not driver.execute_script(drawn):
                time.sleep(0.01)
            seconds.append(time.perf_counter() - start)
            worked.append(_worked(driver) - before)
        later = statistics.median(seconds[1:])
        print(f"opened: first {seconds[0]:.2f} s, then {later:.2f} s (median of {N_OPENED - 1})")
        print(f"work of the page's own thread: {statistics.median(worked):.2f} s of a processor, however busy it is")
        if picture:
            driver.set_window_size(*SEEN_PX)
            time.sleep(1)
            driver.save_screenshot(str(picture))
    finally:
        driver.quit()


def _worked(driver):
    """Seconds of a processor that the page's thread has taken so far."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", type=Path, metavar="PAGE.html", help="a report that is there already")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="where to write what is seen")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = args.page or written(folder)
        print(f"size: {page.stat().st_size / 1e6:.2f} MB")
        if shutil.which("chromium") and shutil.which("chromedriver"):
            opened(page, args.picture)
        else:
            print("opened: not measured, no Chromium with its chromedriver here")


if __name__ == "__main__":
    main()
