"""The text of the page: complete, escaped, alone. What it does in a browser is in test_browser.py."""

import base64
import errno
import io
import json
import re

import numpy as np
import pytest
from matplotlib.image import imread

from muspipe import InputError
from muspipe.report.contents import contents_of
from muspipe.report.page import report_html, write_report
from muspipe.report.plots import RANDOM_NAME, plots
from tests.report.pages import ODD, result


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def without_scripts(html):
    return re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)


def test_arrays_of_a_unit():
    """Unit 2 fires 6 times a second: at 0.1 s, then every 1/6 s."""
    one = contents_of(result(3), "a")
    row, unit = one["rows"][1], one["plots"]["units"][1]
    assert (row["unit"], row["n_firings"], row["score"]) == (2, 60, 0.75)
    assert row["rate_hz"] == pytest.approx(6) and row["interval_cv_percent"] == pytest.approx(0, abs=1e-4)
    assert (row["recruitment_s"], row["derecruitment_s"]) == (0.1, pytest.approx(0.1 + 59 / 6))
    drive = one["plots"]["drive"]
    assert len(drive["y"]) == 1000 and drive["y"][500] == pytest.approx(5 + 6 + 7, rel=0.06)  # of the three units
    assert (row["x_mm"], row["y_mm"]) == (7, 2.5)  # columns 11-16, rows 2-7 of 0.5 mm
    assert row["explained"] is None and row["latency_ms"] is None  # not told
    train = np.frombuffer(base64.b64decode(unit["train"]["base64"]), "<i2") * unit["train"]["unit"]
    assert unit["step_s"] == 1 / 400 and len(train) == 4000
    np.testing.assert_allclose(train, result(3).twitch_trains[1], atol=2e-5)
    np.testing.assert_allclose(unit["firings"]["x"], result(3).firings[1], atol=1e-6)
    assert max(unit["rates"]["y"]) == pytest.approx(6) and len(unit["rates"]["x"]) == 59
    assert unit["intervals"]["counts"][16] == 59  # 167 ms
    assert (
        max(unit["twitch"]["mean"]) == pytest.approx(1, abs=0.02) and unit["twitch"]["n"] == 59
    )  # the last lies 67 ms before the end


def test_map_in_mm():
    drawn = contents_of(result(3), "a")["map"]
    assert (drawn["width_mm"], drawn["height_mm"]) == (32, 32)
    (velocity,) = drawn["grounds"]
    assert (velocity["name"], velocity["low"], velocity["high"]) == ("velocity", "0", "2 mm/s")
    assert drawn["x_ticks_mm"] == [0, 10, 20, 30]
    (path,) = [unit["path"] for unit in drawn["units"] if unit["number"] == 2]
    corners = np.array(re.findall(r"([\d.]+) ([\d.]+)", path), float)
    np.testing.assert_allclose([corners.min(0), corners.max(0)], [[5.5, 1], [8.5, 4]])
    assert contents_of(result(1, velocity_rms=None), "a")["map"]["grounds"] == []


def test_the_echoes_are_a_second_ground_of_the_map():
    bmode = np.repeat(np.arange(0, 256, 5, dtype=np.uint8)[None], 30, axis=0)
    html = report_html([result(1, bmode=bmode), result(1)])
    _, ground = contents_of(result(1, bmode=bmode), "a")["map"]["grounds"]
    pixels = imread(io.BytesIO(base64.b64decode(ground["image"].split(",")[1])), format="png")
    np.testing.assert_allclose(255 * pixels[..., 0], bmode, atol=1.01)
    outside = without_scripts(html)
    assert "Brightness of the echoes (B-mode): −60 dB" in outside
    assert outside.count('type="radio"') == 2  # of the first recording alone
    assert outside.count('<image data-ground="velocity"') == 2
    assert outside.count('<image data-ground="bmode" hidden') == 1


def test_pairs_of_units():
    """Units 1 and 2 fire together 98 times in 10 s, 10 ms after the onset and 18 ms after it."""
    times_s = np.linspace(0.1, 9.8, 98) + np.random.default_rng(1).uniform(-0.04, 0.04, 98)
    firings = [times_s + 0.010, times_s + 0.018, times_s[:1]]
    one = contents_of(result(3, firings=firings, firing_latencies=[0.010, 0.018, np.nan]), "a")["plots"]
    assert one["pairs"]["n_synchronous"] == [98, 1, 1] and one["pairs"]["z"][0] > 10
    assert one["pairs"]["bin_s"] == 0.001 and one["rows"][1]["latency_ms"] == 18
    json.dumps(contents_of(result(2, firings=[[0.5], []]), "a"), allow_nan=False)  # by chance none: z is not told


def test_two_firings_at_one_instant():
    """Their rate is infinite, which JSON cannot hold."""
    one = contents_of(result(1, firings=[[0.5, 0.5, 0.75]]), "a")
    assert one["rows"][0]["rate_hz"] is None and one["plots"]["units"][0]["rates"] == {"x": [0.75], "y": [4]}
    json.dumps(one, allow_nan=False)


def test_fast_recordings_are_thinned():
    fast = result(1, duration_s=1)
    fast = type(fast)(fast.territories, np.ones((1, 5000)), [1], 5000, 0.5, firings=[[0.5]])
    unit = contents_of(fast, "a")["plots"]["units"][0]
    assert unit["step_s"] == 1 / 1000 and len(base64.b64decode(unit["train"]["base64"])) == 2 * 1000


@pytest.mark.parametrize("n", [0, 1, 40])
def test_whole_and_alone(n):
    html = report_html([result(n, warnings=["3 frames were left out"], left_out_frames=[5, 6, 7])])
    assert len(html) < 8e6
    for text in ("recording.h5", "ab" * 32, "sparse.iterations", "3 frames were left out", "5, 6, 7", "muspipe 0."):
        assert text in html
    assert html.count('class="pick"') == html.count('role="option"') == n
    assert ("x [mm]" in html) and ("data:image/png;base64," in html)
    outside = without_scripts(html)
    assert not re.search(r'(src|href|action)="(?!data:|#)', outside) and "url(" not in outside
    assert "default-src 'none'" in html
    assert len(data_of(html)[0]["units"]) == n


def test_equal_results_have_equal_pages():
    assert report_html([result(2)]) == report_html([result(2)])
    script, elements = plots()
    assert len(elements) == 8 and not any(RANDOM_NAME.search(text) for text in (script, *elements.values()))
    for i, element in enumerate(elements.values()):
        (name,) = re.findall(r'id="(muspipe-\d+)"', element)
        assert script.count(f'"{name}"') == 1, i  # where it draws into


def test_every_text_of_files_is_escaped():
    odd = result(1, source={"name": ODD, "sha256": "<i>"}, velocity_unit="<u>", method="<m>", warnings=["<w>"])
    html = report_html([odd, odd])
    for tag in ("<b>", "<i>", "<u>", "<m>", "<w>", "taken'</script>", "49.h5"):
        assert tag not in without_scripts(html)
    assert "&lt;b&gt;odd" in html and "{{ 7 * 7 }}" in html
    assert data_of(html)[1]["name"] == ODD
    assert html.count("</script>") == html.count("<script")  # neither settings nor the library end one


def test_bad_calls(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="expected at least one result"):
        report_html([])
    (tmp_path / "a.html").write_text("old")

    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space"):
        write_report([result(0)], tmp_path / "a.html")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.html", "old")]
