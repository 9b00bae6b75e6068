"""Results survive the way through a file, and wrong ones do not get far."""

import errno
import json

import h5py
import numpy as np
import pytest

from muspipe import InputError, Recording, Result
from muspipe.recordings.result import ATTRIBUTES, COMPUTED, DATASETS, LATER
from muspipe.recordings.units import MotorUnits


def make(n=2, **changes):
    territories = np.zeros((n, 8, 10), bool)
    territories[:, 2:4, 3:6] = True
    fields = dict(
        territories=territories,
        twitch_trains=np.arange(n * 100, dtype=np.float32).reshape(n, 100),
        firings=[np.arange(k) / 10 for k in range(n)],
        scores=np.linspace(1, 0.5, n),
        firing_latencies=np.linspace(0.02, 0.03, n),
        firing_confidences=np.linspace(0.9, 0.6, n),
        firing_rule="discharges",
        frame_rate_hz=400.0,
        pixel_mm=0.5,
        method="ica",
        settings={"k": np.int64(3), "alpha": 0.5, "range": (1, 2), "nested": {"a": None}},
        source={"name": "Übung.h5", "sha256": "ab" * 32},
        velocity_unit="mm/s",
        warnings=("3 frames stand out", "motion was taken off"),
        left_out_frames=[7, 8, 40],
        velocity_rms=np.arange(80).reshape(8, 10) / 8,
        bmode=np.arange(60, dtype=np.uint8).reshape(6, 10),
        recruited_s=np.where(np.arange(n) % 2, 0.1, np.nan),
        derecruited_s=np.full(n, np.nan),
    )
    return Result(**(fields | changes))


@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_round_trip(tmp_path, n):
    saved = make(n)
    saved.save(tmp_path / "result.h5")
    loaded = Result.load(tmp_path / "result.h5")
    arrays = ("territories", "twitch_trains", "scores", "left_out_frames", "firing_latencies", "firing_confidences")
    for name in (*arrays, "velocity_rms", "bmode", "recruited_s", "derecruited_s"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
        assert getattr(loaded, name).dtype == getattr(saved, name).dtype
    assert len(loaded.firings) == n
    for a, b in zip(loaded.firings, saved.firings, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_array_equal(a, b)
    assert loaded.settings == {"k": 3, "alpha": 0.5, "range": [1, 2], "nested": {"a": None}}
    for name in (
        "firing_rule",
        "frame_rate_hz",
        "pixel_mm",
        "method",
        "source",
        "velocity_unit",
        "version",
        "warnings",
    ):
        assert getattr(loaded, name) == getattr(saved, name)
    assert loaded.image_shape == (8, 10) and loaded.duration_s == 0.25
    assert [path.name for path in tmp_path.iterdir()] == ["result.h5"]


def test_the_bytes_do_not_depend_on_when_python_lets_go(tmp_path, monkeypatch):
    make().save(tmp_path / "a.h5")
    create, held = h5py.Group.create_dataset, []

    def hold(*args, **options):
        held.append(create(*args, **options))
        return held[-1]

    monkeypatch.setattr(h5py.Group, "create_dataset", hold)
    monkeypatch.setattr(h5py.File, "__exit__", lambda file, *_: (held.reverse(), held.clear(), file.close()))
    make().save(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_file_explains_itself_and_is_reproducible(tmp_path):
    for name in ("a.h5", "b.h5"):
        make().save(tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {*DATASETS, *COMPUTED} and set(file.attrs) == set(ATTRIBUTES)
        computed = [dataset for group in COMPUTED for dataset in file[group].values()]
        for dataset in (*(file[name] for name in DATASETS), *computed):
            assert set(dataset.attrs) == {"unit", "axes", "description"}
            assert dataset.ndim == len(dataset.attrs["axes"].split(", "))
        assert file["twitch_trains"].attrs["unit"] == file["velocity_rms"].attrs["unit"] == "mm/s"
        json.loads(file.attrs["settings"])


def test_what_the_firings_say_stands_in_the_file_and_onsets_come_before_the_firings(tmp_path):
    """Units 2 and 3 both fire at 0 s; the onset of unit 3 is 30 ms earlier, of unit 2 not told."""
    saved = make(3, firing_latencies=[0.02, np.nan, 0.03])
    saved.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        units, pairs, drive = (file[group] for group in COMPUTED)
        assert units["n_firings"][()].tolist() == [0, 1, 2]
        assert units["rate_hz"].attrs["unit"] == "Hz"
        np.testing.assert_allclose(units["rate_hz"], [np.nan, np.nan, 10])
        assert [pairs[name][()].tolist() for name in ("unit", "other_unit")] == [[1, 1, 2], [2, 3, 3]]
        assert pairs["n_synchronous"][()].tolist() == [0, 0, 0]  # by their onsets
        assert drive["n_firings"][[0, 40]].tolist() == [2, 1] and drive["n_firings"][()].sum() == 3
        assert drive["drive_hz"].attrs["axes"] == "time" and drive["drive_hz"].shape == (100,)
    assert [times_s.tolist() for times_s in saved.onsets] == [[], [0.0], [-0.03, 0.07]]


def test_a_file_of_an_earlier_version(tmp_path):
    make().save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["left_out_frames"], file["velocity_rms"], file["bmode"], file.attrs["warnings"]
    loaded = Result.load(tmp_path / "a.h5")
    assert loaded.velocity_rms is None and loaded.bmode is None
    assert loaded.warnings == () and loaded.left_out_frames.tolist() == [] and loaded.n_units == 2
    loaded.save(tmp_path / "a.h5")  # what is not known is not invented
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(DATASETS) - set(file) == {"velocity_rms", "bmode"}


def test_units_of_a_recording(velocity):
    recording = Recording(velocity, frame_rate_hz=400, pixel_mm=0.5, velocity_unit="mm/s")
    none = MotorUnits.none(recording)
    assert (none.n_units, none.image_shape, none.n_frames) == (0, (10, 12), 100)
    assert (none.frame_rate_hz, none.pixel_mm, none.velocity_unit) == (400.0, 0.5, "mm/s")
    mask = np.zeros((1, 10, 12))
    mask[0, 2:4, 3:6] = 1
    units = MotorUnits.of(recording, mask, np.arange(100)[None], [1])
    assert (units.territories.dtype, units.twitch_trains.dtype, units.scores.dtype) == (bool, np.float32, np.float32)
    np.testing.assert_allclose(units.centres_mm, [[1.5, 2.25]])
    result = Result.of_units(units, firings=[[0.1]], method="mine")
    assert isinstance(result, MotorUnits) and result.method == "mine" and result.velocity_unit == "mm/s"
    np.testing.assert_array_equal(result.territories, units.territories)
    with pytest.raises(InputError, match="motor units: twitch_trains: expected 1 units, got 2"):
        MotorUnits.of(recording, mask, np.zeros((2, 100)), [1])


def test_in_words():
    """6 px of 0.25 mm2 are a disc of 1.4 mm."""
    assert str(make()) == (
        "2 motor units by method ica in Übung.h5 (8 x 10 px of 0.5 mm, 0.25 s at 400 Hz): 1 firings, territories of "
        "1.4 to 1.4 mm, scores of 0.50 to 1.00; 3 frames stand out; motion was taken off"
    )
    assert str(make(0, warnings=(), source={})) == (
        "0 motor units by method ica in a recording (8 x 10 px of 0.5 mm, 0.25 s at 400 Hz)"
    )


def test_geometry_by_hand():
    result = make(1)  # rows 2-3, columns 3-5 of 0.5 mm: 6 pixels, 1.5 mm2
    np.testing.assert_allclose(result.centres_mm, [[1.5, 2.25]])
    np.testing.assert_allclose(result.diameters_mm, [2 * np.sqrt(1.5 / np.pi)])
    empty = make(1, territories=np.zeros((1, 8, 10)))
    assert np.isnan(empty.centres_mm).all() and empty.diameters_mm == 0
    assert make(0).centres_mm.shape == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"territories": np.zeros((8, 10))}, "territories: expected shape"),
        ({"twitch_trains": np.zeros(100)}, "twitch_trains: expected shape"),
        ({"twitch_trains": np.zeros((3, 100))}, "expected 2 units, got 3"),
        ({"twitch_trains": np.full((2, 100), np.nan)}, "finite"),
        ({"scores": np.zeros(3)}, "scores"),
        ({"firings": [[0.1]]}, "firings: expected 2 arrays, got 1"),
        ({"firings": [[0.2, 0.1], []]}, "rising"),
        ({"firings": [[np.nan], []]}, "rising"),
        ({"firings": [[[0.1]], []]}, "1-D"),
        ({"firing_latencies": [0.02]}, "firing_latencies: expected shape"),
        ({"firing_confidences": np.zeros((2, 2))}, "firing_confidences: expected shape"),
        ({"derecruited_s": [0.1]}, "derecruited_s: expected shape"),
        ({"frame_rate_hz": 0}, "frame_rate_hz"),
        ({"pixel_mm": np.nan}, "pixel_mm"),
        ({"velocity_rms": np.zeros((8, 9))}, "velocity_rms: expected shape .8, 10., got .8, 9."),
        ({"velocity_rms": np.full((8, 10), np.nan)}, "velocity_rms: expected finite"),
        ({"bmode": np.zeros((8, 10))}, "bmode: expected an image of uint8, got float64"),
    ],
)
def test_arrays_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)


def test_older_files_tell_no_rule_and_no_delay(tmp_path):
    make().save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name in LATER:
            del (file if name in file else file.attrs)[name]
    loaded = Result.load(tmp_path / "a.h5")
    assert loaded.firing_rule == "" and loaded.warnings == () and loaded.left_out_frames.size == 0
    assert loaded.recruited_s is None and loaded.derecruited_s is None
    assert np.isnan(loaded.firing_latencies).all() and np.isnan(loaded.firing_confidences).all()


def test_wrong_files(tmp_path):
    def refused(message):
        with pytest.raises(InputError, match=message) as caught:
            Result.load(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

    path = tmp_path / "a.h5"
    refused("no such file")
    path.mkdir()
    refused("folder")
    path.rmdir()
    path.write_bytes(b"text" * 1000)
    refused("cannot be read as a muspipe result")
    with h5py.File(path, "w") as file:
        file["x"] = 1
    refused("another HDF5 file")
    make().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("cannot be read")
    for name in DATASETS.keys() - LATER:
        make().save(path)
        with h5py.File(path, "a") as file:
            del file[name]
        refused(f"lacks {name}")
    for name in set(ATTRIBUTES) - {"format", "format_version", *LATER}:
        make().save(path)
        with h5py.File(path, "a") as file:
            del file.attrs[name]
        refused(f"lacks {name}")
    make().save(path)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 99
    refused("newer version")
    make().save(path)
    with h5py.File(path, "a") as file:
        firings = list(file["firings"])[:-1]
        del file["firings"]
        file.create_dataset("firings", (len(firings),), h5py.vlen_dtype(np.float64))
    refused(f"expected {len(firings) + 1} arrays")
    make().save(path)
    with h5py.File(path, "a") as file:
        file["firings"][0] = [0.2, 0.1]
    refused("rising times")
    make().save(path)
    with h5py.File(path, "a") as file:
        file.attrs["settings"] = "{broken"
    refused("cannot be read")


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("frame_rate_hz", 1e-300, "frame_rate_hz: expected a number from 1 to 1e.06, got 1e-300"),
        ("pixel_mm", 1e12, "pixel_mm: expected a number from 0.0001 to 1000"),
        ("method", 3, "method: expected text, got 3"),
        ("settings", "[1]", r"settings: expected a dictionary, got \[1\]"),
        ("warnings", '"none"', "warnings: expected a list"),
        ("firings", 1e200, r"firings: expected times \[s\] of at most 1e.06 s, got .* 1.e.200"),
    ],
)
def test_what_only_damage_can_have_made(tmp_path, name, value, said):
    make().save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        if name == "firings":
            file["firings"][0] = [0.0, value]
        else:
            file.attrs[name] = value
    with pytest.raises(InputError, match=rf"a.h5: .*{said}"):
        Result.load(tmp_path / "a.h5")


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    make(1).save(path)
    before = path.read_bytes()

    def full(self, data):
        with open(self, "wb") as file:
            file.write(bytes(data)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        make(2).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
