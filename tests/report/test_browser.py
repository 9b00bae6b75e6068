"""The page in a real Chromium without a window: what it draws, what a click does, and that it asks for nothing."""

import io
import json
import shutil
import time

import matplotlib.image
import numpy as np
import pytest

from muspipe.discharges import cross_histogram, synchronisation
from muspipe.report.page import DARK_COLOURS, write_report
from tests.report.pages import ODD, result

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: see make test-browser")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="no Chromium with its chromedriver here: see make test-browser"
)
WAIT_S = 60
"""A busy machine takes its time; how fast a page opens is measured by experiments/benchmarks/bench_report.py."""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield Page(driver)
    driver.quit()


class Page:
    """A browser with one page, seen as a person sees it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, results, **names):
        write_report(results, path, **names)
        self.logs()
        self.driver.get(path.as_uri())
        self.until("return document.documentElement.dataset.ready === 'true'")
        self.until("return document.getElementById('all').hidden || Bokeh.documents[0].is_idle")
        return self

    def until(self, script):
        end = time.monotonic() + WAIT_S
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def __call__(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def data(self, name, column):
        return self.run(
            "return [...Bokeh.documents[0].get_model_by_name(arguments[0]).data[arguments[1]]]", name, column
        )

    def point_at(self, element):
        webdriver.ActionChains(self.driver).move_to_element(element).perform()

    def colours_of(self, selector):
        """Pixels (n, 3), 0-255, of an element as it is drawn."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", self(selector))
        image = matplotlib.image.imread(io.BytesIO(self(selector).screenshot_as_png), format="png")
        return np.rint(255 * image[..., :3]).reshape(-1, 3).astype(int)

    def logs(self):
        """(complaints, addresses asked for) since the last call."""
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return said, [url for url in asked if not url.startswith(("data:", "blob:"))]


def assert_quiet(page, path):
    said, asked = page.logs()
    assert said == [] and set(asked) <= {path.as_uri()}


def has_colour(pixels, code):
    wanted = [int(code[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(pixels - wanted).max(axis=1) <= 8).sum() > 20


@pytest.mark.parametrize("n", [0, 1, 40])
def test_opens_and_is_quiet(browser, tmp_path, n):
    path = tmp_path / "a.html"
    page = browser.open(path, [result(n)])
    assert page("h1").text == "Motor units of recording.h5"
    assert len(page.all(".map .unit")) == len(page.all("#table tbody tr")) == n
    assert page("#none").is_displayed() == (n == 0)
    for plot in ("train", "rate", "twitch", "intervals", "raster", "drive", "matrix", "cross"):
        figure = page(f"[data-plot={plot}]")
        assert figure.is_displayed() == (n > 0)
        if n:
            assert len(figure.get_attribute("aria-label")) > 20
    if n:
        assert len(page.data("train data", "x")) == 4000 and page.data("train data", "x")[-1] == pytest.approx(9.9975)
        assert len(page.data("raster data", "x")) == sum(map(len, result(n).firings))
        assert "peak 1.00, 50 firings (dots)" in page("[data-plot=train]").text
        for plot in ("train", "rate", "twitch", "intervals", "raster"):
            assert has_colour(page.colours_of(f"[data-plot={plot}]"), "#0072B2"), plot
        assert len(page.data("matrix data", "x")) == n * (n - 1)
    assert_quiet(page, path)


def chosen(page):
    """The number of the chosen unit, wherever it is said; each place says the same."""
    (unit,) = page.all(".map .unit[aria-selected=true]")
    (row,) = page.all("#table tr[aria-current=true]")
    number = unit.get_attribute("data-unit")
    assert row.get_attribute("data-unit") == number
    assert page("#unit-name").text.startswith(f"Unit {number} of ")
    assert page("#said").get_attribute("textContent").startswith(f"Unit {number}: Score ")
    assert len(page.data("firings data", "x")) == len(result(10).firings[int(number) - 1])
    assert page.run("return Bokeh.documents[0].get_model_by_name('raster row').top") == int(number) - 0.5
    return int(number)


def test_every_way_to_choose_a_unit(browser, tmp_path):
    path = tmp_path / "a.html"
    page = browser.open(path, [result(10)])
    assert chosen(page) == 1 and not page("#previous").is_enabled()
    page("#r0u4 .line").click()
    assert chosen(page) == 4
    page.point_at(page("#r0u7 .line"))  # shown, not chosen
    assert page("#unit-name").text == "Unit 7 of 10" and len(page.data("firings data", "x")) == len(
        result(10).firings[6]
    )
    page.point_at(page("h1"))
    assert chosen(page) == 4
    map_ = page(".map")
    for key, number in (
        (Keys.ARROW_RIGHT, 5),
        (Keys.ARROW_UP, 4),
        (Keys.END, 10),
        (Keys.ARROW_DOWN, 10),
        (Keys.HOME, 1),
    ):
        map_.send_keys(key)
        assert chosen(page) == number
    assert map_.get_attribute("aria-activedescendant") == "r0u1"
    page("#next").click()
    assert chosen(page) == 2
    page("#table tr[data-unit='9'] .pick").send_keys(Keys.ENTER)
    assert chosen(page) == 9 and not has_colour(page.colours_of("[data-plot=train]"), "#D55E00")
    page("#table tr[data-unit='2'] td:last-child").click()
    assert chosen(page) == 2 and has_colour(page.colours_of("[data-plot=train]"), "#D55E00")
    raster = page("[data-plot=raster] .bk-Figure")
    # Row 8 of 10: between 0.3 and 10.7 from the top of the frame to the axis under it.
    box = page.run("const f = Bokeh.documents[0].get_model_by_name('raster'); return [f.inner_height, f.height]")
    middle = (8 - 0.3) / 10.4 * box[0] + 5 - raster.size["height"] / 2
    webdriver.ActionChains(page.driver).move_to_element_with_offset(raster, 0, round(middle)).click().perform()
    page.until("return document.getElementById('unit-name').textContent !== 'Unit 2 of 10'")
    assert chosen(page) == 8
    assert_quiet(page, path)


def test_pairs(browser, tmp_path):
    """Units 2 and 3 share their input; of the others none does."""
    rng = np.random.default_rng(3)
    firings = [np.sort(rng.uniform(0.1, 9.9, 80)) for _ in range(4)]
    firings[2] = np.sort(np.r_[firings[1][:60] + 0.012 + rng.normal(0, 0.001, 60), rng.uniform(0.1, 9.9, 20)])
    latencies_s = np.array([0.02, 0.02, 0.03, np.nan])
    path = tmp_path / "a.html"
    given = result(4, firings=firings, firing_latencies=latencies_s)
    page = browser.open(path, [given])

    def shown():
        counts = page.data("cross data", "top")
        (other,), (unit,) = page.data("matrix pair data", "x"), page.data("matrix pair data", "y")
        assert Select(page("#other")).first_selected_option.text == str(other)
        assert f"onsets of unit {other} after those of unit {unit}: " in page("[data-plot=cross]").text
        lags_s, expected = cross_histogram(given.onsets[unit - 1], given.onsets[other - 1])
        assert counts == expected.tolist()
        assert page.data("cross data", "left")[0] == pytest.approx(1e3 * lags_s[0] - 0.5)
        return unit, other

    page("#table tr[data-unit='2'] .pick").click()
    assert shown() == (2, 3)  # the pair that stands out
    row = {k: v[3] for k, v in synchronisation(given.onsets, 10.0).items()}
    assert (row["unit"], row["other_unit"]) == (2, 3) and row["z"] > 10
    said = page("[data-plot=cross]").get_attribute("aria-label")
    assert f"{row['n_synchronous']:.0f} within 5.5 ms (shaded)" in said and f"z {row['z']:.1f}" in said
    y, x, z = (page.data("matrix data", name) for name in "yxz")
    assert dict(zip(zip(y, x, strict=True), z, strict=True))[3, 2] == pytest.approx(row["z"], rel=1e-3)
    Select(page("#other")).select_by_visible_text("1")
    assert shown() == (2, 1)
    page("#previous").click()
    assert shown()[0] == 1  # with whom else than itself
    matrix = page("[data-plot=matrix] .bk-Figure")
    place = "const f = Bokeh.documents[0].get_model_by_name('matrix'); return [f.inner_width, f.inner_height]"
    width, height = page.run(place)
    box = page.run("return arguments[0].getBoundingClientRect().toJSON()", matrix)
    left, top = box["width"] - 30 - width, 5  # the toolbar is 30 px wide
    offset = round(left + width * 3.5 / 4 - box["width"] / 2), round(top + height * 2.5 / 4 - box["height"] / 2)
    webdriver.ActionChains(page.driver).move_to_element_with_offset(matrix, *offset).click().perform()
    page.until("return document.getElementById('unit-name').textContent === 'Unit 3 of 4'")
    assert shown() == (3, 4)
    assert_quiet(page, path)


def test_velocity_or_echoes_under_the_territories(browser, tmp_path):
    path = tmp_path / "a.html"
    page = browser.open(path, [result(2, bmode=np.full((60, 50), 40, np.uint8))])
    velocity, bmode = (page(f"image[data-ground={name}]") for name in ("velocity", "bmode"))
    assert velocity.is_displayed() and not bmode.is_displayed()
    assert not has_colour(page.colours_of(".map"), "#282828")
    page(".grounds input[value=velocity]").send_keys(Keys.ARROW_RIGHT)
    assert bmode.is_displayed() and not velocity.is_displayed() and "B-mode" in page(".scale:not([hidden])").text
    assert has_colour(page.colours_of(".map"), "#282828")
    assert_quiet(page, path)


def column(page, index):
    return [
        row.find_elements(By.TAG_NAME, "td")[index].text for row in page.all("#table tbody tr") if row.is_displayed()
    ]


def test_table_is_sorted_by_any_column(browser, tmp_path):
    odd = result(3)
    firings = [odd.firings[0], odd.firings[1][:1], odd.firings[2]]  # unit 2 has no rate
    page = browser.open(tmp_path / "a.html", [result(3, firings=firings)])
    heading = page.all("#table th")[7]
    assert heading.text == "Rate [Hz]"
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "ascending" and column(page, 7) == ["5.0", "7.0", "–"]
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "descending" and column(page, 0) == ["3", "1", "2"]
    assert page("#table tr[aria-current=true]").get_attribute("data-unit") == "1"


def test_several_recordings_and_their_filter(browser, tmp_path):
    path = tmp_path / "a.html"
    results = [result(2, warnings=["of the first"]), result(0), result(3, duration_s=5)]
    page = browser.open(path, results, names=["first day", "nothing", "second day"])
    assert "of the first" in page(".warnings").text and len(column(page, 0)) == 5
    Select(page("#recording")).select_by_visible_text("nothing")
    assert page("#none").is_displayed() and not page("#unit").is_displayed() and not page(".warnings").is_displayed()
    page("#filter").send_keys("second")
    assert page("#filtered").text == "1 of 3 recordings"
    assert column(page, 0) == ["second day"] * 3 and page("#unit-name").text == "Unit 1 of 3"
    assert page.data("train data", "x")[-1] == pytest.approx(4.9975)
    assert page.run("return Bokeh.documents[0].get_model_by_name('drive').x_range.end") == 5
    page("#filter").send_keys(" zzz")
    assert page("#filtered").text == "no recording has that in its name" and column(page, 0) == []
    page("#filter").clear()
    page("#filter").send_keys("day")
    assert len(column(page, 0)) == 5
    page("#table tr[data-recording='0'][data-unit='2'] td:last-child").click()  # of another recording
    assert (
        page("#unit-name").text == "Unit 2 of 2"
        and Select(page("#recording")).first_selected_option.text == "first day"
    )
    assert_quiet(page, path)


def test_dark_narrow_and_escaped(browser, tmp_path):
    path = tmp_path / "a.html"
    odd = result(12, source={"name": ODD, "sha256": ""}, velocity_unit="$$\\href{x}{y}$$ <b>", warnings=[ODD * 3])
    page = browser.open(path, [odd])
    assert page("h1").text == "Motor units of " + ODD and "taken" != page.driver.title
    page("#theme").click()
    assert page("#theme").get_attribute("aria-pressed") == "true"
    pixels = page.colours_of("[data-plot=train]")
    assert has_colour(pixels, DARK_COLOURS[0]) and pixels.mean() < 100
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.until("return document.querySelector('[data-plot=train] .bk-Figure').clientWidth < 360")
    assert page.run("return document.documentElement.scrollWidth") == 360
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert_quiet(page, path)
