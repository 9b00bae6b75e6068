"""Both loaders: equal batches from equal seeds, and batches that are what they say."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from muspipe.data import BatchOptions, OnlineSource, loader, open_dataset
from muspipe.data.geometry import crop, crop_corner, flip
from muspipe.data.loader import detection_batches, twitch_batch, twitch_batches
from muspipe.data.records import RecordMaker
from muspipe.data.sources import crop_order, epoch_order
from muspipe.data.stacks import makings_of, truth_of
from muspipe.errors import InputError
from muspipe.leastsquares import fit_signals, signal_weights
from muspipe.training.examples import Alternating
from simulator import SimulationConfig
from simulator.generate import generate_dataset

SMALL_BANK = 1 << 22
LOADERS = {"detection": detection_batches, "twitch": twitch_batches}


def online(scenario="paper", n=7, **changes):
    """Sequences of a scenario; of "mixed", those of echo and paper in turn."""
    if scenario == "mixed":
        return Alternating([online(name, 4, **changes) for name in ("echo", "paper")])
    return OnlineSource(SimulationConfig.scenario(scenario, n_units=(2, 5), **changes), seed=11, n_sequences=n)


def options(**changes):
    return BatchOptions(**(dict(batch_size=3, seed=4, snr_db=(10.0, 30.0), noise_bank_values=SMALL_BANK) | changes))


def tensorflow_batches(kind, source, chosen, epoch, device=None):
    """Those of LOADERS[kind] through tf.data, as tensors."""
    tfdata = pytest.importorskip("muspipe.data.tfdata", exc_type=ImportError)
    maker, name = RecordMaker(source, chosen), {"detection": "images", "twitch": "crops"}[kind]
    records_of = {"detection": loader.detection_records, "twitch": loader.twitch_records}[kind]
    order = {
        "detection": lambda: epoch_order(len(source), chosen.seed, epoch, chosen.shuffle),
        "twitch": lambda: crop_order(source.n_units, chosen.seed, epoch, chosen.shuffle),
    }[kind]()

    def make(step):
        records = records_of(maker, epoch, order[step * chosen.batch_size :][: chosen.batch_size])
        return records, truth_of(records)

    return list(tfdata.stream(make, maker.bank, name, 0, chosen.n_batches(len(order)), device))


@pytest.mark.parametrize("scenario", ["paper", "physiological", "mixed"])
@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize(
    "changes, device", [({}, None), ({}, "CPU:0"), ({"snr_db": None, "flips": False, "shuffle": False}, None)]
)
def test_both_loaders_give_equal_batches(kind, scenario, changes, device):
    """In tf.data's threads, and on a device; the sequences of a batch have from 2 to 5 units."""
    source, chosen = online(scenario), options(**changes)
    expected = list(LOADERS[kind](source, chosen, epoch=2))
    batches = tensorflow_batches(kind, source, chosen, 2, device)
    assert len(batches) == len(expected) > 1
    for batch, other in zip(batches, expected, strict=True):
        assert batch.keys() == other.keys()
        for name in other:
            assert batch[name].dtype == other[name].dtype and batch[name].shape == other[name].shape
            np.testing.assert_allclose(batch[name], other[name], rtol=1e-5, atol=5e-5, err_msg=name)
            assert hasattr(batch[name], "device")  # a tensor, not an array of NumPy's


def test_what_goes_wrong_with_a_record_is_raised_as_it_is():
    tfdata = pytest.importorskip("muspipe.data.tfdata", exc_type=ImportError)
    maker = RecordMaker(online(), options())

    def make(step):
        if step == 2:
            raise InputError("shard 7: is damaged")
        return loader.detection_records(maker, 0, [step]), {}

    seen = []
    with pytest.raises(InputError, match="shard 7: is damaged"):
        for batch in tfdata.stream(make, maker.bank, "images", 0, 5):
            seen.append(batch)
    assert len(seen) == 2
    assert list(tfdata.stream(make, maker.bank, "images", 2, 2)) == []


@pytest.mark.parametrize("kind", LOADERS)
def test_every_index_once_an_epoch(kind):
    source = online()
    n_examples = 7 if kind == "detection" else int(source.n_units.sum())
    chosen = options(drop_last=False, snr_db=None, flips=False)
    # an example is told by its mask area and, for crops, by its train
    name = "masks" if kind == "detection" else "trains"
    for epoch in (0, 1):
        plain = list(LOADERS[kind](source, options(drop_last=False, snr_db=None, flips=False, shuffle=False), epoch))
        shuffled = list(LOADERS[kind](source, chosen, epoch))
        keys = [[x.tobytes() for batch in run for x in batch[name]] for run in (plain, shuffled)]
        assert len(keys[0]) == len(set(keys[0])) == n_examples
        assert sorted(keys[0]) == sorted(keys[1]) and keys[1] != keys[0]


def test_tensorflow_ops_eagerly():
    pytest.importorskip("tensorflow")
    from muspipe.data import tfdata

    maps = np.arange(8, dtype=np.float32).reshape(2, 2, 2)  # pixel (1, 0): 2 and 6
    images = tfdata.render(maps, np.array([[1, 0, 1], [0, 1, 1]], np.float32)).numpy()
    assert images.shape == (2, 2, 3) and images[1, 0].tolist() == [2, 6, 8]
    record = {"noise_offset": 1, "noise_sd": 0.5}
    noisy = tfdata.add_noise(images[:1, :1] * 0, tfdata.tf.constant([9.0, 2.0, 4.0, 6.0]), record).numpy()
    assert noisy.ravel().tolist() == [1, 2, 3]
    standardised = tfdata.standardise(tfdata.tf.constant([[1.0, 2.0], [3.0, 6.0]]), {}).numpy()
    np.testing.assert_allclose(standardised, np.array([[-2, -1], [0, 3]]) / 3.5**0.5, rtol=1e-6)
    assert tfdata.standardise(tfdata.tf.fill((2, 2), 7.0), {}).numpy().tolist() == [[0, 0], [0, 0]]
    of_sequence = {"sequence_mean": 1.0, "sequence_sd": 2.0, "inside": tfdata.tf.constant([[1.0, 0.0]])}
    crop = tfdata.standardise(tfdata.tf.constant([[[3.0, 7.0], [3.0, 7.0]]]), of_sequence).numpy()
    assert crop.tolist() == [[[1, 3], [0, 0]]]  # the second pixel is outside of the image


def test_records_are_stacked():
    one = {"maps": np.ones((1, 2, 2)), "signals": np.ones((1, 3)), "sequence_sd": np.float32(2), "train": np.zeros(3)}
    two = one | {"maps": np.ones((2, 2, 2)), "signals": np.full((2, 3), 4)}
    makings = makings_of([one, two])
    assert makings.keys() == {"maps", "signals", "sequence_sd"} and makings["maps"].shape == (2, 2, 2, 2)
    assert makings["signals"].sum(axis=2).tolist() == [[3, 0], [12, 12]]  # the second component of the first is zero
    truth = truth_of([one, two])
    assert truth["scales"].tolist() == [2, 2] and truth["trains"].shape == (2, 3) and len(truth) == 2


def test_detection_batch_is_the_sequence_standardised():
    source = online()
    (batch, *_) = detection_batches(source, options(shuffle=False, flips=False, snr_db=None))
    clean = source[1].render()
    np.testing.assert_allclose(batch["images"][1, ..., 0], (clean - clean.mean()) / clean.std(), rtol=1e-5, atol=1e-4)
    n_units = source[1].n_units
    assert batch["class_ids"][1].sum() == n_units
    np.testing.assert_array_equal(batch["masks"][1, :n_units], source[1].territories)


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
def test_crop_is_cut_from_the_standardised_sequence(scenario):
    source = online(scenario, n=2)
    plain = options(batch_size=100, drop_last=False, shuffle=False, flips=False, snr_db=None)
    batch = next(twitch_batches(source, plain))
    sequence = source[1]
    clean = sequence.render()
    whole = (clean - clean.mean()) / clean.std()
    first = source[0].n_units
    for unit in range(sequence.n_units):
        corner = crop_corner(sequence.territories[unit], 16)
        expected = crop(whole, corner, 16, axes=(0, 1))
        np.testing.assert_allclose(batch["crops"][first + unit, ..., 0], expected, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(batch["masks"][first + unit], crop(sequence.territories[unit], corner, 16))
        train = sequence.twitch_trains[unit] / clean.std()
        np.testing.assert_allclose(batch["trains"][first + unit], train, rtol=1e-4)
        assert batch["amplitudes"][first + unit] == pytest.approx(np.abs(train).max(), rel=1e-4)
        assert batch["scales"][first + unit] == pytest.approx(clean.std(), rel=1e-4)


def test_noise_ends_at_the_border_of_the_image():
    source = online(n=6)
    maker = RecordMaker(source, options(flips=False, snr_db=0.0))
    rows = np.array([(s, u, 0) for s in range(6) for u in range(source[s].n_units)])
    corners = [crop_corner(source[s].territories[u], 16) for s, u, _ in rows]
    crops = twitch_batch(maker, 0, rows)["crops"][..., 0]
    outside = [~crop(np.ones((64, 64), bool), corner, 16) for corner in corners]
    assert sum(mask.any() for mask in outside) >= 3  # some territories lie near the border
    for image, mask in zip(crops, outside, strict=True):
        assert (image[mask] == 0).all() and (image[~mask] != 0).any()


def test_least_squares_signals_of_a_batch():
    """Without noise what `fit_signals` finds in the standardised sequence; with noise, off by what it lets through."""
    source = online(n=1)
    chosen = options(refit=True, batch_size=100, drop_last=False, shuffle=False, flips=False, snr_db=None)
    clean = source[0].render()
    maps = source[0].territories.reshape(source[0].n_units, -1).astype(np.float32)
    expected = fit_signals(maps, ((clean - clean.mean()) / clean.std()).reshape(-1, 400))
    batch = next(twitch_batches(source, chosen))
    np.testing.assert_allclose(batch["signals"], expected, atol=2e-5 * np.abs(expected).max())
    noisy = next(twitch_batches(source, dataclasses.replace(chosen, snr_db=0.0)))
    for unit, signal in enumerate(noisy["signals"]):
        noise = signal * noisy["scales"][unit] - expected[unit] * clean.std()
        let_through = np.linalg.norm(signal_weights(maps, unit))  # of independent noise whose power is the sequence's
        assert noise.std() == pytest.approx(let_through * np.mean(clean**2) ** 0.5, rel=0.15)


def test_noise_in_a_crop_has_the_sequences_snr():
    source = online(n=1)
    chosen = options(snr_db=10.0, flips=False)
    power = np.mean(source[0].render().astype(float) ** 2)
    record = RecordMaker(source, chosen).twitch(0, 0, 0, 0)
    assert 10 * np.log10(power / float(record["noise_sd"]) ** 2) == pytest.approx(10, abs=1e-3)


def test_an_example_depends_on_seed_epoch_and_index_alone():
    maker = RecordMaker(online(), options())
    first = maker.detection(0, 3)
    for _ in range(3):
        maker.detection(0, 1)
    assert maker.detection(0, 3)["noise_offset"] == first["noise_offset"]
    others = [RecordMaker(online(), options(seed=5)).detection(0, 3), maker.detection(1, 3), maker.detection(0, 4)]
    assert all(other["noise_offset"] != first["noise_offset"] for other in others)
    still = RecordMaker(online(), options(flips=False)).detection(0, 3)  # an option turned off moves no other draw
    assert (still["noise_offset"], still["noise_sd"]) == (first["noise_offset"], first["noise_sd"])


def test_all_four_flips_are_drawn():
    maker, plain = RecordMaker(online(n=1), options()), RecordMaker(online(n=1), options(flips=False))
    maps = plain.detection(0, 0)["maps"]
    variants = {f: 0 for f in ("none", "y", "x", "both")}
    flipped = {"none": maps, "y": maps[:, ::-1], "x": maps[:, :, ::-1], "both": maps[:, ::-1, ::-1]}
    for epoch in range(80):
        record = maker.detection(epoch, 0)
        match = [name for name, other in flipped.items() if np.array_equal(record["maps"], other)]
        assert len(match) == 1
        variants[match[0]] += 1
    assert min(variants.values()) > 8  # 20 each expected, 4 SD is 15.5


def test_data_set_and_online_source_are_the_same(tmp_path):
    source = OnlineSource(SimulationConfig.scenario("paper"), seed=3, n_sequences=9)
    generate_dataset(tmp_path / "set", source.config, 3, 9, 0, 0, workers=1)
    stored = open_dataset(tmp_path / "set")
    assert stored.n_units.tolist() == source.n_units.tolist()
    for kind, load in LOADERS.items():
        pairs = list(zip(load(stored, options()), load(source, options()), strict=True))
        assert len(pairs) >= 3, kind  # nine sequences in batches of three
        for a, b in pairs:
            for name in a:
                np.testing.assert_array_equal(a[name], b[name], err_msg=f"{kind}, {name}")


def test_partial_batches_are_dropped_or_kept():
    source = online(n=7)
    for drop, sizes in ((True, [3, 3]), (False, [3, 3, 1])):
        chosen = options(drop_last=drop)
        assert [len(batch["images"]) for batch in detection_batches(source, chosen)] == sizes
        assert chosen.n_batches(7) == len(sizes)


def test_no_tensorflow_without_tfdata():
    code = "import sys, muspipe.data.loader, muspipe.data; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 0}, {"seed": -1}, {"snr_db": (30.0, 10.0)}, {"snr_db": (10.0, np.inf)}, {"snr_db": np.nan}],
)
def test_options_that_cannot_be_had(changes):
    with pytest.raises(InputError, match=f"BatchOptions.{next(iter(changes))}"):
        options(**changes)


def test_noise_of_echoes_in_a_crop_is_as_strong_as_in_the_sequence():
    source = online("echo", n=1, n_frames=600)
    maker = RecordMaker(source, options(snr_db=15.0))
    expected = source[0].noise_shape(15.0)
    corners = set()
    for index in range(6):  # each with a flip of its own
        record = maker.twitch(0, 0, 0, index)
        image = np.zeros((16, 16, 600), np.float32)
        loader._add_noise(record, maker.bank, image)
        inside = record["inside"] > 0
        sd = record["noise_map"] * np.sqrt(1 + expected.lag**2)
        np.testing.assert_allclose(image.std(axis=2)[inside], sd[inside], rtol=0.2)
        assert np.isclose(expected.sd, sd[8, 8]).any()
        corners.add(float(sd[5, 8]))
    assert len(corners) > 1


def test_summed_noise_of_echoes_is_that_of_the_summed_pixels():
    """The signal of a record sums noise with weights: as strong as the same sum of rendered noise."""
    source = online("echo", n=1)
    maker = RecordMaker(source, options(snr_db=15.0, flips=False, refit=True))
    sequence = source[0]
    weights = np.zeros((64, 64), np.float32)
    weights[10:40, 20:50] = 1 / 900
    shape = sequence.noise_shape(15.0)
    white = np.random.default_rng(0).standard_normal((*shape.white_shape, 401), dtype=np.float32)
    expected = np.einsum("hw,hwt->t", weights, shape.of(white)).std()
    noise = dataclasses.replace(maker._draw(np.random.default_rng(1), (16, 16), maker._parts(0))[1], shape=shape)
    corner = (15, 25)
    inside, outside = crop(weights, corner, 16), weights.copy()
    outside[15:31, 25:41] = 0
    summed = maker._summed_noise(np.random.default_rng(2), noise, (inside, corner), outside)
    assert summed.std() == pytest.approx(expected, rel=0.25)
    assert np.mean(summed[1:] * summed[:-1]) / summed.var() == pytest.approx(-shape.lag / (1 + shape.lag**2), abs=0.15)


def test_uneven_noise_is_flipped_as_the_tissue_is():
    """The noise of echoes is strong where they are weak: in a place that flips with the image."""
    maker = RecordMaker(online("echo", n=1), options(snr_db=15.0))
    maps, sd = maker._parts(0).maps, maker._parts(0).noise_shape(15.0).sd
    seen = set()
    for epoch in range(12):
        record = maker.detection(epoch, 0)
        (code,) = (code for code in range(4) if np.array_equal(record["maps"], flip(maps, code)))
        ratio = record["noise_map"] / flip(sd, code)
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)
        seen.add(code)
    assert len(seen) == 4


@pytest.mark.parametrize("scenario", ["paper", "echo"])
def test_crops_are_standardised_by_the_sequence_with_its_noise(scenario):
    source = online(scenario, n=1)
    record = RecordMaker(source, options(snr_db=0.0)).twitch(0, 0, 0, 0)
    clean, noisy = (source[0].render(snr_db).astype(float) for snr_db in (None, 0.0))
    assert noisy.std() > 1.4 * clean.std()
    assert record["sequence_mean"] == pytest.approx(clean.mean(), rel=1e-3)
    assert record["sequence_sd"] == pytest.approx(noisy.std(), rel=0.01)
