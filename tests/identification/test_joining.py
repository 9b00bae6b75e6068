"""The pieces that long recordings are cut into, which units of them are one, and how their trains become one."""

import numpy as np
import pytest

from muspipe.identification.blocks import Cutting, Piece, Tile, pieces
from muspipe.identification.joining import Part, _groups, _worth, _worth_in_time, join_tiles, link, shares
from muspipe.identification.seams import active, drift_px, silenced, territory_of, train_of
from muspipe.recordings.recording import Recording
from muspipe.recordings.units import MotorUnits

WINDOWS = pieces(250, 100, 25)
"""0-100, 75-175, 150-250"""


def part(pixels, train, score=0.8):
    return Part(np.asarray(pixels), np.asarray(train, np.float32), score)


def wave(window, seed=0):
    return np.random.default_rng(seed).standard_normal(250)[window.slice]


def test_pieces_cover_everything_and_fade_only_where_there_is_another():
    assert [(p.start, p.stop) for p in WINDOWS] == [(0, 100), (75, 175), (150, 250)]
    total = sum(np.pad(p.fade, (p.start, 250 - p.stop)) for p in WINDOWS)
    np.testing.assert_allclose(total, 1)
    assert pieces(100, 100, 25) == pieces(100, 200, 25) == (Piece(0, 100, 0, 0),)
    assert WINDOWS[0].common(WINDOWS[1]) == slice(75, 100) and WINDOWS[0].common(WINDOWS[2]) is None


def test_a_plan_in_seconds_and_millimetres():
    velocity = np.random.default_rng(0).standard_normal((20, 80, 700)).astype(np.float32)
    plan = Cutting(window_s=3.0, window_overlap_s=0.5).plan(Recording(velocity, frame_rate_hz=200, pixel_mm=1.0))
    assert [(w.start, w.stop) for w in plan.windows] == [(0, 600), (100, 700)]
    assert [(t.columns.start, t.columns.stop) for t in plan.tiles] == [(0, 60), (20, 80)]
    assert not Cutting(window_s=3.5, tile_mm=80).plan(Recording(velocity, frame_rate_hz=200, pixel_mm=1.0)).is_cut


def test_units_go_on_where_territory_and_signal_agree():
    here, there = np.arange(0, 30), np.arange(100, 130)
    parts = [
        [part(here, wave(WINDOWS[0], 1)), part(there, wave(WINDOWS[0], 2))],
        [part(there + 2, wave(WINDOWS[1], 2)), part(here + 2, wave(WINDOWS[1], 1))],
        [part(here + 4, wave(WINDOWS[2], 1)), part(there, wave(WINDOWS[2], 3), score=0.1)],
    ]
    chains = link(WINDOWS, parts, 1000)
    assert [sorted(chain) for chain in chains] == [[0, 1, 2], [0, 1, 2]]  # the last one by its place alone
    np.testing.assert_array_equal([chains[0][w].pixels[0] for w in range(3)], [0, 2, 4])


def test_units_in_one_place_with_other_signals_are_two():
    here = np.arange(30)
    parts = [[part(here, wave(w, 1)), part(here + 5, wave(w, 2))] for w in WINDOWS]
    parts[1].reverse()
    chains = link(WINDOWS, parts, 1000)
    assert len(chains) == 2
    for chain in chains:
        assert len({chain[w].pixels[0] for w in range(3)}) == 1


def test_a_unit_that_is_silent_where_windows_meet_goes_on():
    train = wave(Piece(0, 250, 0, 0))
    train[70:105] = 0
    parts = [[part(np.arange(30), train[w.slice])] for w in WINDOWS]
    assert len(link(WINDOWS, parts, 1000)) == 1


@pytest.mark.parametrize("factor", [1.0, 0.8])
def test_trains_of_other_size_are_joined_without_a_step(factor):
    train = wave(Piece(0, 250, 0, 0), 4)
    chain = {w: part([0], train[window.slice] * factor**w) for w, window in enumerate(WINDOWS)}
    joined = train_of(chain, WINDOWS, 250)
    ratio = joined / train
    assert np.ptp(ratio) < 0.3 * (1 - factor**2) + 1e-6 and abs(np.log(ratio.mean() / factor)) < 0.02


def test_a_train_is_zero_where_no_window_has_the_unit():
    train = wave(Piece(0, 250, 0, 0), 5)
    joined = train_of({1: part([0], train[75:175])}, WINDOWS, 250)
    np.testing.assert_allclose(joined[75:175], train[75:175], rtol=1e-6)
    assert not joined[:75].any() and not joined[175:].any()


def test_activity_and_short_pauses():
    train = np.zeros(1000)
    train[200:400], train[460:600] = 1, -1  # a pause of 0.6 s, at 100 Hz
    on = active(train, 100.0)
    assert abs(np.flatnonzero(on)[0] - 200) <= 25 and abs(np.flatnonzero(on)[-1] - 600) <= 25 and on[200:600].all()
    quiet = silenced(np.ones(1000, np.float32), on, 100.0)
    assert (quiet[215:585] == 1).all() and not quiet[~on].any() and np.abs(np.diff(quiet)).max() < 0.6


def test_drift_is_that_of_the_units_together():
    chains = []
    for k in range(4):
        rows, columns = np.divmod(np.arange(36), 6)
        pixels = [(rows + 8 * k) * 50 + columns + 3 + (w if k else 5 * w % 3) for w in range(3)]  # the first errs
        chains.append({w: part(pixels[w], wave(WINDOWS[w])) for w in range(3)})
    moved = drift_px(chains, 3, 50)
    np.testing.assert_allclose(moved, [[0, -1], [0, 0], [0, 1]], atol=0.05)
    territory = territory_of(chains[1], moved, (40, 50))
    assert territory.sum() == 36 and territory[8:14, 4:10].all()


def test_a_rest_at_the_edge_of_a_tile_is_no_unit():
    tiles = (Tile(Piece(0, 10, 0, 0), Piece(0, 24, 0, 8)), Tile(Piece(0, 10, 0, 0), Piece(16, 40, 8, 0)))
    mask = np.zeros((2, 1, 10, 24), bool)
    mask[0, 0, 3:7, 21:24] = True  # seen by the first tile at its right edge, and by no other
    units = [MotorUnits(m, np.ones((1, 50)), [0.9], 100.0, 1.0) for m in mask]
    none = MotorUnits(mask[0, :0], np.ones((0, 50)), [], 100.0, 1.0)
    assert join_tiles(tiles, [units[0], none], 40) == []
    mask[1, 0, 3:7, 5:12] = True  # the whole of it
    train = wave(Piece(0, 50, 0, 0))[None]
    whole = [MotorUnits(m, train, [0.9], 100.0, 1.0) for m in mask]
    (one,) = join_tiles(tiles, whole, 40)
    expected = np.zeros((10, 40), bool)
    expected[3:7, 21:28] = True
    np.testing.assert_array_equal(one.pixels, np.flatnonzero(expected))


def test_what_two_territories_share():
    """Of 10 and 20 pixels 5 are in both: of 25, and of the smaller 10."""
    iou, share = shares([part(range(10), [])], [part(range(5, 25), []), part(range(50, 60), [])], 100)
    np.testing.assert_allclose(iou, [[0.2, 0]])
    np.testing.assert_allclose(share, [[0.5, 0]])


@pytest.mark.parametrize(
    ("iou", "share", "alike", "worth"),
    [(0.4, 0.5, 0.5, 0.9), (0.4, 0.5, 0.49, 0), (0.39, 0.5, 0.9, 0), (0.2, 0.6, 0.8, 1.1), (0.2, 0.6, 0.79, 0)],
)
def test_what_is_one_unit(iou, share, alike, worth):
    """IoU and signals, or for one that is cut more of the smaller and of the signals: half of that counts as IoU."""
    assert _worth(*np.array([[iou], [share], [alike]])) == pytest.approx(worth)


def test_of_each_tile_one_unit_is_in_a_group():
    members = [(0, 0), (0, 1), (1, 0)]
    groups = _groups(members, [(1.0, (0, 1), (1, 0)), (1.5, (0, 0), (1, 0))])
    assert sorted(map(sorted, groups)) == [[(0, 0), (1, 0)], [(0, 1)]]


def in_two_tiles(*columns, scores=(0.9, 0.6)):
    """Parts of one window. Tiles of columns 0-23 and 16-39, which fade by ninths; in each a unit on the given columns
    of the image, that in the second twice as fast."""
    tiles = (Tile(Piece(0, 10, 0, 0), Piece(0, 24, 0, 8)), Tile(Piece(0, 10, 0, 0), Piece(16, 40, 8, 0)))
    train, units = wave(Piece(0, 50, 0, 0))[None], []
    for (first, last), start, factor, score in zip(columns, (0, 16), (1, 2), scores, strict=True):
        mask = np.zeros((1, 10, 24), bool)
        mask[0, 3:7, first - start : last + 1 - start] = True
        units.append(MotorUnits(mask, factor * train, [score], 100.0, 1.0))
    return train[0], join_tiles(tiles, units, 40)


def test_tiles_have_their_say_over_train_and_score():
    """Over columns 17-19 the first tile has 7, 6 and 5 ninths, the second 2, 3 and 4: two thirds and one."""
    train, (one,) = in_two_tiles((17, 19), (17, 19))
    np.testing.assert_allclose(one.train, train * (2 / 3 + 2 / 3), rtol=1e-5)
    assert one.score == pytest.approx((2 * 0.9 + 0.6) / 3)


def test_tiles_have_their_say_over_the_territory():
    """Column 20 is in the first's alone, which has 4 ninths there, and column 17 in the second's, which has 2."""
    _, (one,) = in_two_tiles((18, 20), (17, 19))
    assert np.unique(one.pixels % 40).tolist() == [18, 19]


def test_the_likeliest_of_a_window_is_first():
    _, parts = in_two_tiles((2, 5), (30, 34), scores=(0.5, 0.9))
    assert [one.score for one in parts] == pytest.approx([0.9, 0.5])


def test_a_unit_that_is_silent_where_windows_meet_is_known_by_its_place():
    """Frames 75-99 are in both: noise of a hundredth, unlike in the two."""
    before, after = wave(Piece(0, 250, 0, 0), 1)[:100], wave(Piece(0, 250, 0, 0), 2)[:100]
    loud = _worth_in_time([part(range(9), before)], [part(range(9), after)], *WINDOWS[:2], 100)
    before[75:] *= 0.01
    half_loud = _worth_in_time([part(range(9), before)], [part(range(9), after)], *WINDOWS[:2], 100)
    after[:25] *= 0.01
    silent = _worth_in_time([part(range(9), before)], [part(range(9), after)], *WINDOWS[:2], 100)
    assert loud == half_loud == 0 and silent == pytest.approx(1.5)


@pytest.mark.parametrize(("moved_px", "one"), [(8, True), (14, False)])
def test_a_unit_that_pauses_is_known_again_by_its_place(moved_px, one):
    """Of 30 pixels in a row 22 are shared, IoU 22 / 38, or 16, IoU 16 / 44."""
    parts = [[part(range(30), wave(WINDOWS[0], 1))], [], [part(range(moved_px, 30 + moved_px), wave(WINDOWS[2], 2))]]
    assert len(link(WINDOWS, parts, 1000)) == (1 if one else 2)


def test_territories_are_moved_back_by_the_drift():
    """Columns 8-9 where the image lies 2 px to the left, 12-13 where it lies as much to the right."""
    chain = {0: part([8, 9], wave(WINDOWS[0])), 1: part([12, 13], wave(WINDOWS[1]))}
    moved = np.array([[0.0, -2.0], [0.0, 2.0]])
    assert np.flatnonzero(territory_of(chain, moved, (1, 20))).tolist() == [10, 11]


def test_half_of_the_windows_are_enough_for_a_pixel():
    chain = {w: part(pixels, wave(WINDOWS[w])) for w, pixels in enumerate([[3, 4], [4, 5]])}
    assert np.flatnonzero(territory_of(chain, np.zeros((3, 2)), (1, 20))).tolist() == [3, 4, 5]
    chain[2] = part([4, 6], wave(WINDOWS[2]))
    assert np.flatnonzero(territory_of(chain, np.zeros((3, 2)), (1, 20))).tolist() == [4]


@pytest.mark.parametrize(("n_units", "columns"), [(3, [-1, -1, 2]), (2, [0, 0, 0])])
def test_drift_is_from_the_mean_place_and_three_units_must_show_it(n_units, columns):
    """In the last window all lie 3 px further to the right, 1 px from the left on the mean."""
    chains = [{w: part([50 * k + 10 + x], wave(WINDOWS[w])) for w, x in enumerate((0, 0, 3))} for k in range(n_units)]
    np.testing.assert_allclose(drift_px(chains, 3, 50), [[0, x] for x in columns], atol=0.01)


@pytest.mark.parametrize(("amplitude", "is_active"), [(0.4, True), (0.25, False)])
def test_a_tenth_of_the_power_is_active(amplitude, is_active):
    """Squares of 0.16 and 0.0625, for 3 s at 100 Hz."""
    train = np.r_[np.ones(300), np.full(300, amplitude)]
    assert active(train, 100.0)[350:].all() == is_active and active(train, 100.0)[:300].all()
