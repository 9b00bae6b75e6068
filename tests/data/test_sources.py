"""Every example exactly once an epoch, in an order that the seed and the epoch settle."""

import numpy as np
import pytest

from muspipe.data.sources import OnlineSource, crop_order, epoch_order, example_stream
from simulator import SimulationConfig
from simulator.generate import draw_sequence


def test_every_index_once_an_epoch():
    first, second = (epoch_order(100, seed=1, epoch=epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first.tolist() != second.tolist() and first.tolist() != list(range(100))
    assert first.tolist() == epoch_order(100, 1, 0).tolist() != epoch_order(100, 2, 0).tolist()
    assert epoch_order(3, 1, 0, shuffle=False).tolist() == [0, 1, 2]


def test_crops_by_hand():
    assert crop_order(np.array([2, 1]), 0, 0, shuffle=False).tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 2]]


def test_every_unit_once_an_epoch_in_blocks_of_sequences():
    n_units = np.arange(1, 13)  # 78 units
    plain, order = crop_order(n_units, 0, 0, shuffle=False), crop_order(n_units, 0, 5, block=4)
    assert sorted(order.tolist()) == plain.tolist() and len(order) == 78
    assert order.tolist() != crop_order(n_units, 0, 6, block=4).tolist()
    met, blocks = set(), []
    for sequence in order[:, 0]:  # a sequence belongs to one block of four, all its units come before the next block
        if sequence not in met and len(met) % 4 == 0:
            blocks.append(set())
        met.add(sequence)
        blocks[-1].add(sequence)
    assert [len(block) for block in blocks] == [4, 4, 4]
    assert np.count_nonzero(np.diff(order[:, 0])) > 40  # of 77 neighbours: the units of a block are shuffled
    last_seen = {s: np.flatnonzero(order[:, 0] == s).max() for s in range(12)}
    first_seen = {s: np.flatnonzero(order[:, 0] == s).min() for s in range(12)}
    for before, after in zip(blocks, blocks[1:], strict=False):
        assert max(last_seen[s] for s in before) < min(first_seen[s] for s in after)


def test_streams_differ_by_seed_epoch_and_index():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    draws = [example_stream(*key).random() for key in keys]
    assert len(set(draws)) == 4 and draws[0] == example_stream(0, 0, 0).random()


def test_a_test_set_online_has_its_numbers_of_units_in_order():
    """Twelve sequences: two of each number, as `muspipe simulate` writes them."""
    config = SimulationConfig.scenario("paper")
    source = OnlineSource(config, 3, 12, "test")
    assert source.n_units.tolist() == [1, 1, 5, 5, 10, 10, 15, 15, 20, 20, 25, 25]
    expected = draw_sequence(config, 3, "test", 11, 12)
    for index in (11, -1):
        np.testing.assert_array_equal(source[index].firings_s, expected.firings_s)
    for index in (12, -13):
        with pytest.raises(IndexError, match=f"sequence {index} of 12"):
            source[index]
