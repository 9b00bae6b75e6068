"""Recordings that are cut: units found in pieces are whole again.

The method is a plain one that sees whatever moves, so that what is tested is the joining. The units are discs that move
with trains of twitches; positions (y, x) [px], 1 mm each.
"""

import dataclasses
import re

import h5py
import numpy as np
import pytest
from scipy import ndimage

from muspipe import InputError, Recording, identify, load_recording
from muspipe.evaluation.metrics import matched_firings
from muspipe.identification.blocks import Plan, pieces
from muspipe.identification.joining import Part
from muspipe.identification.long import _score, _Work
from muspipe.progress import tell
from muspipe.recordings import survey
from muspipe.recordings.result import Result
from muspipe.recordings.stored import StoredVelocity
from muspipe.recordings.units import MotorUnits
from muspipe.territories import discs, iou
from simulator.activity import twitch_velocity
from simulator.shared.settings import setting

RATE_HZ = 200.0
CUT = {"window_s": 2.0, "window_overlap_s": 0.5, "tile_mm": 24, "tile_overlap_mm": 12}


@dataclasses.dataclass(frozen=True)
class Movers:
    """What moves is a unit: connected pixels that are nearly as strong as the strongest."""

    level: float = setting(0.3, "of the strongest pixel")

    def networks(self):
        return {}

    def find(self, recording):
        rms = recording.velocity_rms
        labels, n = ndimage.label(rms > self.level * max(float(rms.max()), 1.0))
        shapes = np.array([labels == k + 1 for k in range(n)], bool).reshape(-1, *recording.image_shape)
        shapes = shapes[shapes.sum(axis=(1, 2)) >= 6]
        trains = np.array([recording.velocity[shape].mean(axis=0) for shape in shapes]).reshape(-1, recording.n_frames)
        return MotorUnits.of(recording, shapes, trains, np.full(len(shapes), 0.8))


def train_of(firings_s, duration_s, size=10.0):
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return size * sum(twitch_velocity(time_s - t, 0.05, 0.62) / 20 for t in firings_s)


def firings(start_s, stop_s, rate_hz, seed):
    gaps = np.random.default_rng(seed).uniform(0.8, 1.2, 1000) / rate_hz
    times_s = start_s + np.cumsum(gaps)
    return times_s[times_s < stop_s]


def recording_of(units, duration_s, shape=(20, 20), noise=0.05):
    """units: [(centre, radius, firings_s)]"""
    masks = discs(np.array([u[0] for u in units]), np.array([u[1] for u in units]), shape)
    trains = np.array([train_of(u[2], duration_s) for u in units])
    trains *= 10 / trains.max(axis=1, keepdims=True)
    velocity = np.einsum("nhw,nt->hwt", masks, trains)
    velocity += noise * np.random.default_rng(0).standard_normal(velocity.shape)
    return Recording(velocity, frame_rate_hz=RATE_HZ, pixel_mm=1.0), masks, trains


def found_in(recording, method=None, **more):
    return identify(recording, method or Movers(), prepare={"motion": False}, cut=CUT, **more)


def agreement(result, unit, times_s, tolerance_s=0.02):
    """(share of the firings that were found, number of others)"""
    lags = np.median([result.firings[unit][np.abs(result.firings[unit] - t).argmin()] - t for t in times_s])
    a, b = matched_firings(result.firings[unit] - lags, times_s, tolerance_s)
    return b.mean(), np.count_nonzero(~a)


@pytest.fixture(scope="module")
def two():
    """7 s with two units, of which one is active from 2.6 to 4.4 s."""
    always, some = firings(0.1, 6.8, 9, 1), firings(2.6, 4.4, 10, 2)
    recording, masks, trains = recording_of([((6, 6), 4, always), ((14, 14), 3, some)], 7.0)
    return recording, masks, trains, always, some, found_in(recording)


def test_a_long_unit_is_one_and_has_each_firing_once(two):
    _, masks, trains, always, _, result = two
    assert result.n_units == 2 and result.twitch_trains.shape == trains.shape
    order = iou(masks, result.territories).argmax(axis=1)
    np.testing.assert_array_equal(result.territories[order], masks)
    share, more = agreement(result, order[0], always)
    assert share > 0.98 and more <= 1
    np.testing.assert_allclose(result.twitch_trains[order[0]], trains[0], atol=0.2)  # no seam: noise is 0.05 / 7


def test_recruitment_and_derecruitment(two):
    _, masks, _, _, some, result = two
    always, part = iou(masks, result.territories).argmax(axis=1)
    assert np.isnan(result.recruited_s[always]) and np.isnan(result.derecruited_s[always])
    assert 0 < result.recruited_s[part] - some[0] < 0.1 and 0 < result.derecruited_s[part] - some[-1] < 0.1
    train = result.twitch_trains[part]
    assert not train[: round(2.2 * RATE_HZ)].any() and not train[round(5.2 * RATE_HZ) :].any()
    share, more = agreement(result, part, some)
    assert share == 1 and more == 0


def test_a_unit_that_only_stops_is_derecruited_alone():
    times_s = firings(0.1, 2.2, 9, 1)
    result = found_in(recording_of([((10, 10), 4, times_s)], 4.0)[0])
    assert np.isnan(result.recruited_s[0]) and 0 < result.derecruited_s[0] - times_s[-1] < 0.1


def test_a_score_is_the_mean_by_power():
    """Powers of 1 and 9: (0.5 + 9 x 0.9) / 10. Looked for and not found at first, they speak against a unit."""
    weak, strong = (Part(np.arange(9), np.full(50, size, np.float32), score) for size, score in ((1, 0.5), (3, 0.9)))
    assert _score({0: weak, 1: strong}) == pytest.approx(0.86)
    assert _score({0: weak, 1: dataclasses.replace(strong, found=False)}) == 0
    assert _score({0: dataclasses.replace(weak, found=False), 1: strong}) == pytest.approx(0.86)


def test_drift_is_told_over_the_whole_recording():
    """Middles of the windows are 150 of 250 frames apart, between which it is 2 px of 0.6 mm: 2 mm over 250."""
    plan = Plan(pieces(250, 100, 25), ())
    recording = Recording(np.random.default_rng(0).standard_normal((10, 10, 250)), frame_rate_hz=100.0, pixel_mm=0.6)
    (line,) = _Work(recording, None, None, plan, None)._all_said(np.array([[0.0, -1.0], [0, 0], [0, 1]]))
    assert "by 0.0 mm in height and 2.0 mm in width over the recording" in line


def test_activity_is_kept_in_the_file(two, tmp_path):
    result = two[-1]
    result.save(tmp_path / "result.h5")
    back = Result.load(tmp_path / "result.h5")
    np.testing.assert_array_equal(back.recruited_s, result.recruited_s)
    np.testing.assert_array_equal(back.derecruited_s, result.derecruited_s)


def test_any_number_of_jobs_gives_the_same_bytes(two, tmp_path):
    recording = two[0]
    for jobs in (1, 3):
        found_in(recording, jobs=jobs).save(tmp_path / f"{jobs}.h5")
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()


def test_a_unit_across_tiles_is_whole():
    times = [firings(0.05, 0.95, 9, k) for k in range(4)]
    places = [((20, 20), 5), ((8, 8), 4), ((18, 6), 4), ((32, 31), 4)]  # the first is cut by every tile
    recording, masks, trains = recording_of([(*p, t) for p, t in zip(places, times, strict=True)], 1.0, (40, 40))
    result = found_in(recording)
    assert result.n_units == 4
    order = iou(masks, result.territories).argmax(axis=1)
    np.testing.assert_array_equal(result.territories[order], masks)
    np.testing.assert_allclose(result.twitch_trains[order], trains, atol=0.2)


def test_neighbours_with_other_signals_stay_two():
    """Two discs, so near each other that a tile sees the rest of the one where another sees the other."""
    times = [firings(0.05, 2.9, 9, 1), firings(0.05, 2.9, 11, 2)]
    recording, masks, _ = recording_of([((20, 15), 4, times[0]), ((20, 25), 4, times[1])], 3.0, (40, 40))
    result = found_in(recording)
    assert result.n_units == 2
    np.testing.assert_array_equal(result.territories[iou(masks, result.territories).argmax(axis=1)], masks)


def test_a_window_that_missed_a_unit_is_looked_at_again():
    always = firings(0.1, 6.9, 9, 1), firings(0.1, 6.9, 11, 5)
    recording, masks, trains = recording_of([((6, 6), 4, always[0]), ((14, 14), 3, always[1])], 7.0)

    class Blind(Movers):
        """Misses the smaller unit in the window from 1.5 to 3.5 s or so, and no other."""

        def find(self, part):
            units = super().find(part)
            start = next(
                s for s in range(1400) if np.array_equal(recording.velocity[0, 0, s : s + 5], part.velocity[0, 0, :5])
            )
            kept = units.territories.sum(axis=(1, 2)) > (35 if 200 < start < 400 else 0)
            return MotorUnits.of(part, units.territories[kept], units.twitch_trains[kept], units.scores[kept])

    result = found_in(recording, Blind())
    assert result.n_units == 2 and result.recruited_s is None
    missed = iou(masks[1:], result.territories).argmax()
    np.testing.assert_allclose(result.twitch_trains[missed], trains[1], atol=0.3)
    assert result.scores.min() < 0.75 < result.scores.max()


def test_what_one_window_alone_takes_for_a_unit_is_none():
    always = firings(0.1, 6.9, 9, 1), firings(0.1, 6.9, 11, 5)
    recording, masks, _ = recording_of([((6, 6), 4, always[0]), ((14, 14), 3, always[1])], 7.0)
    calls = []

    class Once(Movers):
        """Sees the smaller unit in the first window alone."""

        def find(self, part):
            calls.append(1)
            units = super().find(part)
            kept = units.territories.sum(axis=(1, 2)) > (0 if len(calls) == 1 else 35)
            return MotorUnits.of(part, units.territories[kept], units.twitch_trains[kept], units.scores[kept])

    result = found_in(recording, Once(), jobs=1)
    assert len(calls) > 3 and result.n_units == 1
    np.testing.assert_array_equal(result.territories[0], masks[0])


def test_a_unit_that_is_found_twice_is_one(two):
    recording, masks, *_ = two

    class Twice(Movers):
        """Sees the upper half of each unit besides, less likely."""

        def find(self, part):
            units = super().find(part)
            halves = units.territories.copy()
            for half in halves:
                rows = np.flatnonzero(half.any(axis=1))
                half[rows[len(rows) // 2 + 1] :] = False
            scores = np.repeat([0.8, 0.4], units.n_units)
            trains = np.concatenate([units.twitch_trains] * 2)
            return MotorUnits.of(part, np.concatenate([units.territories, halves]), trains, scores)

    result = found_in(recording, Twice())
    assert result.n_units == 2 and sorted(iou(masks, result.territories).max(axis=1)) == [1, 1]


def test_drift_is_said_and_followed():
    times = [firings(0.1, 9.9, 9 + k, k) for k in range(4)]
    places = [(9, 8), (9, 30), (30, 9), (29, 30)]
    parts = []
    for k in range(6):  # half a pixel to the right every 1.6 s
        moved = [((y, x + 0.5 * k), 4.3, t) for (y, x), t in zip(places, times, strict=True)]
        recording, masks, trains = recording_of(moved, 10.0, (40, 40))
        parts.append(recording.velocity[..., round(10 / 6 * k * RATE_HZ) : round(10 / 6 * (k + 1) * RATE_HZ)])
    recording = Recording(np.concatenate(parts, axis=2), frame_rate_hz=RATE_HZ, pixel_mm=1.0)
    result = identify(recording, Movers(), prepare={"motion": False}, cut=CUT | {"tile_mm": 60})
    assert result.n_units == 4
    assert any(re.search(r"drifts, by 0.\d mm in height and (2|3).\d mm in width", text) for text in result.warnings)
    middle = discs(np.array(places) + [0, 1.25], np.full(4, 4.3), (40, 40))
    assert iou(middle, result.territories).max(axis=1).min() > 0.85


def test_no_drift_is_said_where_there_is_none(two):
    assert not any("drift" in text for text in two[-1].warnings)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"jobs": 0}, "jobs: expected a whole number, at least 1, got 0"),
        ({"cut": {"window_s": 0.1}}, "cut.window_s: expected a number from 1 .s., got 0.1"),
        ({"cut": {"windows": 3}}, "cut has no setting 'windows'"),
        ({"cut.tile_mm": "large"}, "cut.tile_mm: expected a number"),
    ],
)
def test_wrong_settings(velocity, more, message):
    with pytest.raises(InputError, match=message):
        identify(Recording(velocity, frame_rate_hz=400, pixel_mm=0.5), Movers(), **more)


def test_progress_rises_and_says_where_it_is(two):
    told = []
    found_in(two[0], progress=lambda done, what: told.append((done, what)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and told[-1] == (1.0, "done")
    assert any(what == "window 2 of 5" for _, what in told)


@dataclasses.dataclass(frozen=True)
class Talker(Movers):
    def find(self, recording):
        for k in range(4):
            tell(k, 4, "component")
        return super().find(recording)


@pytest.mark.parametrize("jobs", [1, 3])
def test_progress_goes_into_a_window(two, jobs):
    told = []
    found_in(two[0], Talker(), jobs=jobs, progress=lambda done, what: told.append((done, what)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    where = {what: done for done, what in told}
    assert where["window 2 of 5, component 3 of 4"] < where["window 2 of 5, component 4 of 4"] < where["window 2 of 5"]


def test_a_still_stretch_and_an_empty_recording(two):
    recording = two[0]
    velocity = recording.velocity.copy()
    velocity[..., :500] = 0
    result = found_in(dataclasses.replace(recording, velocity=velocity))
    assert result.n_units == 2 and not result.twitch_trains[:, :400].any()
    assert found_in(recording, Movers(level=5.0)).n_units == 0


def test_settings_are_kept_only_where_they_count(two, velocity):
    assert two[-1].settings["cut"]["window_s"] == 2.0
    short = Recording(velocity, frame_rate_hz=400, pixel_mm=0.5)
    assert "cut" not in identify(short, Movers()).settings


def test_from_a_file_a_window_at_a_time(two, tmp_path, monkeypatch):
    """The same as from memory, and never more frames at a time than a window has."""
    recording = two[0]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["velocity"] = recording.velocity
        file.attrs.update({"frame_rate_hz": RATE_HZ, "pixel_mm": 1.0})
    stored = load_recording(tmp_path / "a.h5", whole=False)
    read, frames = [], StoredVelocity.frames
    monkeypatch.setattr(StoredVelocity, "frames", lambda self, part: read.append(part) or frames(self, part))
    monkeypatch.setattr(survey, "BLOCK_BYTES", 4 * 400 * 300)
    result = found_in(stored)
    assert max(part.stop - part.start for part in read) == 2 * RATE_HZ
    np.testing.assert_array_equal(result.twitch_trains, two[-1].twitch_trains)
    np.testing.assert_array_equal(result.territories, two[-1].territories)
