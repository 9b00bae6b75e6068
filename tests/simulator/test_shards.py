"""Shards give back exactly what was simulated, and say so when they cannot."""

import dataclasses
import json

import h5py
import numpy as np
import pytest

from simulator import SimulationConfig, simulate
from simulator.generate import generate_dataset
from simulator.schema import FIELDS, VELOCITY, field_bytes
from simulator.shards import Shard, open_dataset, write_shard
from simulator.shared.errors import InputError


def make(path, scenario="paper", n=3, dense=False, snr_db=None):
    config = SimulationConfig.scenario(scenario, n_units=(2, 4))
    sequences = [simulate(config, seed) for seed in range(n)]
    write_shard(path, sequences, config=config, seed=7, split="train", first_index=0, dense=dense, snr_db=snr_db)
    return config, sequences


@pytest.mark.parametrize("scenario", ["paper", "physiological"])
def test_a_sequence_is_rebuilt_exactly(tmp_path, scenario):
    config, sequences = make(tmp_path / "a.h5", scenario)
    shard = Shard(tmp_path / "a.h5")
    assert len(shard) == 3 and shard.config == config
    assert shard.n_units.tolist() == [sequence.n_units for sequence in sequences]
    for read, drawn in zip((shard[i] for i in range(3)), sequences, strict=True):
        for field in dataclasses.fields(drawn):
            a, b = getattr(read, field.name), getattr(drawn, field.name)
            assert type(a) is type(b)
            if isinstance(b, np.ndarray):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
            else:
                assert a == b, field.name
        np.testing.assert_array_equal(read.territories, drawn.territories)
        np.testing.assert_array_equal(read.twitch_trains, drawn.twitch_trains)
        np.testing.assert_array_equal(read.render(10), drawn.render(10))


def test_a_fixed_number_of_units_comes_back_in_the_config(tmp_path):
    config = SimulationConfig.scenario("paper")
    sequences = [simulate(dataclasses.replace(config, n_units=n), 0) for n in (1, 25)]
    write_shard(tmp_path / "a.h5", sequences, config=config, seed=0, split="test", first_index=0)
    assert [Shard(tmp_path / "a.h5")[i].config.n_units for i in (0, 1)] == [1, 25]


def test_stored_territories_and_trains_are_not_computed_again(tmp_path, monkeypatch):
    make(tmp_path / "a.h5")
    monkeypatch.setattr("simulator.activity.twitch_trains", None)
    monkeypatch.setattr("simulator.tissue.territory_masks", None)
    sequence = Shard(tmp_path / "a.h5")[2]
    assert sequence.territories.shape[1:] == (64, 64) and sequence.twitch_trains.shape[1:] == (400,)


def test_every_field_describes_itself_and_is_in_the_table(tmp_path):
    make(tmp_path / "a.h5", dense=True)
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {field.name for field in (*FIELDS, VELOCITY)}
        for field in (*FIELDS, VELOCITY):
            dataset = file[field.name]
            assert dataset.dtype == np.dtype(field.dtype)
            assert dict(dataset.attrs) == {
                "axes": ", ".join(field.axes),
                "unit": field.unit,
                "description": field.description,
            }


def test_size_of_a_shard_by_hand():
    # one sequence, one unit, no firings, image 2 x 4 px (1 byte packed), 3 frames: offsets 2 x 16, range 8,
    # synchronisation 8, noise seed 8, centre 16, six parameters 48, mask 1, train 12
    assert field_bytes(1, 1, 0, (2, 4), 3) == 32 + 8 + 8 + 8 + 16 + 48 + 1 + 12
    assert field_bytes(1, 1, 10, (2, 4), 3, dense=True) == 133 + 10 * 12 + 2 * 4 * 3 * 4


def test_dense_shards_hold_the_rendered_images(tmp_path):
    _, sequences = make(tmp_path / "a.h5", dense=True, snr_db=20)
    shard = Shard(tmp_path / "a.h5")
    shard.validate()
    np.testing.assert_allclose(shard.velocity(1), sequences[1].render(20), atol=1e-6)
    make(tmp_path / "b.h5")
    with pytest.raises(InputError, match="holds no images"):
        Shard(tmp_path / "b.h5").velocity(0)


def test_same_content_same_bytes(tmp_path):
    make(tmp_path / "a.h5", dense=True)
    make(tmp_path / "b.h5", dense=True)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_one_changed_byte_is_noticed_in_every_field(tmp_path):
    make(tmp_path / "a.h5")
    Shard(tmp_path / "a.h5").validate()
    with h5py.File(tmp_path / "a.h5") as file:
        last_bytes = {name: file[name].id.get_offset() + file[name].nbytes - 1 for name in file}
    whole = (tmp_path / "a.h5").read_bytes()
    for name, place in last_bytes.items():
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / "b.h5").write_bytes(damaged)
        with pytest.raises(InputError, match="content and checksum differ"):
            Shard(tmp_path / "b.h5").validate()
            pytest.fail(f"a changed {name} went unnoticed")


@pytest.mark.parametrize("kept", [0, 100, 3000, -1])
def test_truncated_files_are_refused_in_one_line(tmp_path, kept):
    make(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:kept])
    with pytest.raises(InputError, match="a.h5") as caught:
        Shard(tmp_path / "a.h5").validate()
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="another HDF5 file"):
        Shard(tmp_path / "other.h5")
    with pytest.raises(InputError, match="no such shard"):
        Shard(tmp_path / "missing.h5")
    make(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(InputError, match="schema version 1, got 99"):
        Shard(tmp_path / "a.h5")


@pytest.mark.parametrize("damage", ["shards", "seed", "config", "entry", "null", "of an entry"])
def test_manifest_with_missing_entries(tmp_path, damage):
    generate_dataset(tmp_path / "data", SimulationConfig.scenario("paper", n_units=1), 1, 2, 0, 0, workers=1)
    path = tmp_path / "data" / "manifest.json"
    manifest = json.loads(path.read_text())
    if damage == "entry":
        manifest["shards"][0] = {}
    elif damage == "null":
        manifest["config"] = None
    elif damage == "of an entry":
        manifest["shards"][0]["n_sequences"] = "two"
    else:
        del manifest[damage]
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="manifest.json: damaged"):
        open_dataset(tmp_path / "data", "train")


def two_sequences(folder):
    """The folder of a data set of seed 1: two sequences of one motor unit, from number 0 on, in one shard."""
    generate_dataset(folder, SimulationConfig.scenario("paper", n_units=1), 1, 2, 0, 0, workers=1)
    return folder


@pytest.mark.parametrize(("name", "value"), [("n_sequences", 3), ("first_index", 1), ("seed", 2), ("config", None)])
def test_a_shard_that_is_not_as_the_manifest_has_it(tmp_path, name, value):
    path = two_sequences(tmp_path / "data") / "manifest.json"
    manifest = json.loads(path.read_text())
    if name == "config":
        manifest["config"]["n_units"] = 2
    else:
        (manifest if name == "seed" else manifest["shards"][0])[name] = value
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="train-00000.h5: belongs to another data set"):
        open_dataset(tmp_path / "data")


def test_a_whole_shard_in_the_place_of_another(tmp_path):
    """It says the same of itself and its own checksum is right; that in the manifest is of the other file."""
    dataset = open_dataset(two_sequences(tmp_path / "data"))
    dataset.validate()
    others = [simulate(dataset.config, seed) for seed in (8, 9)]
    write_shard(
        tmp_path / "data" / "train-00000.h5", others, config=dataset.config, seed=1, split="train", first_index=0
    )
    exchanged = open_dataset(tmp_path / "data")
    exchanged.shards[0].validate()
    with pytest.raises(InputError, match="train-00000.h5: is not the file that manifest.json lists"):
        exchanged.validate()
