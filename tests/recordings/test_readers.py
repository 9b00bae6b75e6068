"""Every file format round trip, and every way in which a file can be wrong."""

import hashlib
import io
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from muspipe import InputError, load_recording

BOTH = {"frame_rate_hz": 400.0, "pixel_mm": 0.5}


def write_h5(path, velocity, name="velocity", on_root=False, **attributes):
    with h5py.File(path, "w") as file:
        file[name] = velocity
        (file if on_root else file[name]).attrs.update(attributes)
    return path


def write_mat73(path, **variables):
    """As MATLAB writes v7.3: a 512-byte user block, axes reversed, the class as an attribute."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            file[name] = np.atleast_2d(value).T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def write(kind, folder, velocity):
    """The same recording in a file of some kind; returns (path, options that it needs)."""
    if kind in ("h5", "hdf5"):
        return write_h5(folder / f"a.{kind}", velocity, **BOTH), {}
    if kind == "h5 root":
        return write_h5(folder / "a.h5", velocity, on_root=True, **BOTH), {}
    if kind == "npy":
        np.save(folder / "a.npy", velocity)
        return folder / "a.npy", BOTH
    if kind == "npz":
        np.savez(folder / "a.npz", velocity=velocity, **BOTH)
        return folder / "a.npz", {}
    if kind == "mat":
        scipy.io.savemat(folder / "a.mat", {"velocity": velocity, **BOTH}, do_compression=True)
        return folder / "a.mat", {}
    return write_mat73(folder / "a.mat", velocity=velocity, **BOTH), {}


KINDS = ("h5", "hdf5", "h5 root", "npy", "npz", "mat", "mat73")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_recording(tmp_path, velocity, kind):
    path, options = write(kind, tmp_path, velocity)
    recording = load_recording(path, **options)
    np.testing.assert_array_equal(recording.velocity, velocity)
    assert recording.velocity.flags.c_contiguous
    assert (recording.frame_rate_hz, recording.pixel_mm) == (400.0, 0.5)
    assert recording.source_name == path.name
    assert recording.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_options_override_the_file(tmp_path, velocity, kind):
    path, _ = write(kind, tmp_path, velocity)
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        recording = load_recording(str(path), frame_rate_hz=200, pixel_mm=0.25)
    assert (recording.frame_rate_hz, recording.pixel_mm) == (200.0, 0.25)
    both = "frame_rate_hz 200 instead of the file's 400, pixel_mm 0.25 instead of the file's 0.5"
    assert [str(w.message) for w in noticed] == ([] if kind == "npy" else [f"{path}: taken as given: {both}"])


def test_options_that_say_what_the_file_says_are_no_news(tmp_path, velocity):
    path, _ = write("npz", tmp_path, velocity)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_recording(path, frame_rate_hz=400, pixel_mm=0.5).pixel_mm == 0.5
    np.savez(tmp_path / "odd.npz", velocity=velocity, frame_rate_hz=np.ones(7), pixel_mm=0.5)
    with pytest.warns(UserWarning, match="frame_rate_hz 200 instead of the file's ndarray$"):
        assert load_recording(tmp_path / "odd.npz", frame_rate_hz=200).frame_rate_hz == 200


@pytest.mark.parametrize("axes", ["THW", "twh", "WHT"])
def test_axes(tmp_path, velocity, axes):
    np.save(tmp_path / "a.npy", velocity.transpose(["HWT".index(letter) for letter in axes.upper()]))
    np.testing.assert_array_equal(load_recording(tmp_path / "a.npy", axes=axes, **BOTH).velocity, velocity)


@pytest.mark.parametrize("axes", ["HW", "HHT", "XYT", "", "HWTC"])
def test_wrong_axes(tmp_path, axes):
    with pytest.raises(InputError, match="axes: expected"):
        load_recording(tmp_path / "a.npy", axes=axes)


def test_time_first_is_noticed_unless_axes_are_given(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).standard_normal((150, 128, 128)).astype(np.float32))
    scales = {"frame_rate_hz": 400, "pixel_mm": 0.5}
    with pytest.raises(InputError, match=r"\(150, 128, 128\) looks like time first.*--axes THW"):
        load_recording(path, **scales)
    assert load_recording(path, axes="THW", **scales).velocity.shape == (128, 128, 150)
    assert load_recording(path, axes="HWT", **scales).velocity.shape == (150, 128, 128)


@pytest.mark.parametrize("kind", ["h5", "npz", "mat", "mat73"])
def test_the_only_cube_is_taken_and_of_several_one_must_be_named(tmp_path, velocity, kind):
    def save(**arrays):
        path = tmp_path / ("a." + kind.removesuffix("73"))
        if kind == "h5":
            with h5py.File(path, "w") as file:
                file.update(arrays)
        elif kind == "npz":
            np.savez(path, **arrays)
        elif kind == "mat":
            scipy.io.savemat(path, arrays)
        else:
            write_mat73(path, **arrays)
        return path

    path = save(tvi=velocity, other=velocity[0], **BOTH)
    np.testing.assert_array_equal(load_recording(path).velocity, velocity)
    path = save(left=velocity, right=-velocity, **BOTH)
    with pytest.raises(InputError, match="left, right.*--variable"):
        load_recording(path)
    np.testing.assert_array_equal(load_recording(path, variable="right").velocity, -velocity)
    with pytest.raises(InputError, match="no variable 'middle': it holds left, right"):
        load_recording(path, variable="middle")


def test_hdf5_variable_in_a_group_and_unit(tmp_path, velocity):
    path = write_h5(tmp_path / "a.h5", velocity, "scan/tvi", unit="mm/s", **BOTH)
    for variable in ("scan/tvi", "/scan/tvi"):
        recording = load_recording(path, variable=variable)
        np.testing.assert_array_equal(recording.velocity, velocity)
        assert recording.velocity_unit == "mm/s"
    with pytest.raises(InputError, match="scan is a group"):
        load_recording(path, variable="scan")


@pytest.mark.parametrize("kind", ["h5", "npy", "npz", "mat"])
def test_missing_frame_rate_and_pixel_size_name_file_and_option(tmp_path, velocity, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "h5":
        write_h5(path, velocity)
    elif kind == "npy":
        np.save(path, velocity)
    elif kind == "npz":
        np.savez(path, velocity=velocity)
    else:
        scipy.io.savemat(path, {"velocity": velocity})
    with pytest.raises(InputError, match=rf"a\.{kind}: the frame rate \[Hz\] is missing.*--frame-rate"):
        load_recording(path, pixel_mm=1)
    with pytest.raises(InputError, match=rf"a\.{kind}: the pixel size \[mm\] is missing.*--pixel-mm"):
        load_recording(path, frame_rate_hz=400)


def test_frame_rate_of_a_wrong_kind(tmp_path, velocity):
    np.savez(tmp_path / "a.npz", velocity=velocity, frame_rate_hz=[400, 401], pixel_mm=0.5)
    with pytest.raises(InputError, match="frame rate: expected a number"):
        load_recording(tmp_path / "a.npz")
    write_h5(tmp_path / "a.h5", velocity, frame_rate_hz="fast", pixel_mm=0.5)
    with pytest.raises(InputError, match="frame rate: expected a number.*fast"):
        load_recording(tmp_path / "a.h5")


class Bomb:
    """Fails the test if it is ever unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_pickles_are_refused_unopened(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    array = np.array([Bomb()], dtype=object)
    if kind == "npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, velocity=array, allow_pickle=True)
    with pytest.raises(InputError, match="pickled Python objects, which are never loaded"):
        load_recording(path, **BOTH)


def test_pickled_frame_rate_is_refused(tmp_path, velocity):
    np.savez(tmp_path / "a.npz", velocity=velocity, frame_rate_hz=np.array([Bomb()], dtype=object), pixel_mm=1.0)
    with pytest.raises(InputError, match="frame_rate_hz holds pickled"):
        load_recording(tmp_path / "a.npz")


def test_raw_pickle_is_not_numpy(tmp_path):
    import pickle

    (tmp_path / "a.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="cannot be read as a NumPy .npy file"):
        load_recording(tmp_path / "a.npy", **BOTH)


def test_header_that_promises_too_much(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**5,) * 3})
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(800))
    with pytest.raises(InputError, match="cut short: 8000000000000000 bytes of values expected, 800 there"):
        load_recording(tmp_path / "a.npy", **BOTH)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("velocity.npy", header.getvalue() + bytes(800))
    with pytest.raises(InputError, match="cut short"):
        load_recording(tmp_path / "a.npz", **BOTH)


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_and_foreign_files(tmp_path, velocity, kind):
    path, _ = write(kind, tmp_path, velocity)
    whole = path.read_bytes()
    for length in (1, 7, 100, 130, 700, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            load_recording(path, **BOTH)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    for text in (b"x, y\n1, 2\n" * 300, bytes(5000), b"PK\x03\x04" + bytes(2000)):
        path.write_bytes(text)
        with pytest.raises(InputError, match="cannot be read|expected an array"):
            load_recording(path, **BOTH)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_give_an_input_error_or_numbers(tmp_path, velocity, kind):
    path, _ = write(kind, tmp_path, velocity)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(40):
        damaged = whole.copy()
        damaged[rng.integers(0, min(len(whole), 2500), 8)] = rng.integers(0, 256, 8)
        path.write_bytes(damaged.tobytes())
        try:
            assert load_recording(path, **BOTH).velocity.dtype == np.float32
        except InputError as error:
            assert "\n" not in str(error)


def test_matlab_v5_classes_that_are_no_numbers(tmp_path, velocity):
    cell = np.empty(2, object)
    cell[:] = [1, 2]
    for value, kind in (({"a": 1}, "struct"), (cell, "cell"), ("text", "char"), (velocity > 0, "logical")):
        scipy.io.savemat(tmp_path / "a.mat", {"velocity": value})
        with pytest.raises(InputError, match=f"velocity is a MATLAB {kind} array"):
            load_recording(tmp_path / "a.mat", **BOTH)
    scipy.io.savemat(tmp_path / "a.mat", {"velocity": velocity + 1j})
    with pytest.raises(InputError, match="complex"):
        load_recording(tmp_path / "a.mat", **BOTH)


def test_matlab_v73_classes_that_are_no_numbers(tmp_path, velocity):
    def refused(message):
        with pytest.raises(InputError, match=message):
            load_recording(tmp_path / "a.mat", **BOTH)

    with h5py.File(tmp_path / "a.mat", "w") as file:
        pair = np.zeros(velocity.T.shape, [("real", "f8"), ("imag", "f8")])
        file["velocity"] = pair
    refused("complex")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["#refs#/a"] = velocity.T
        file["velocity"] = np.array([[file["#refs#/a"].ref]], dtype=h5py.ref_dtype)
        file["velocity"].attrs["MATLAB_class"] = np.bytes_("cell")
    refused("cell array")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["velocity/data"] = velocity.T
        file["velocity"].attrs["MATLAB_class"] = np.bytes_("struct")
    refused("MATLAB struct")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["velocity"] = np.array([0, 0], np.uint64)
        file["velocity"].attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_empty": np.uint8(1)})
    refused("velocity is empty")


def test_wrong_paths(tmp_path):
    (tmp_path / "empty.h5").touch()
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "a.avi").write_bytes(b"x")
    for name, message in (
        ("missing.h5", "no such file"),
        ("empty.h5", "empty .0 bytes."),
        ("folder.h5", "it is a folder"),
        ("a.avi", "ending in .h5.*got .avi"),
    ):
        with pytest.raises(InputError, match=rf"{name}: .*{message}"):
            load_recording(tmp_path / name, **BOTH)


def test_members_of_an_npz_that_are_no_arrays_do_not_matter(tmp_path, velocity):
    """Neither a note, nor a pickle, nor a damaged array."""
    path = tmp_path / "a.npz"
    np.savez(path, velocity=velocity, notes=np.array([Bomb()], dtype=object), **BOTH)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "taken on Monday")
        archive.writestr("broken.npy", b"\x93NUMPY\x01\x00")
    np.testing.assert_array_equal(load_recording(path).velocity, velocity)
    for name, said in (("readme.txt", "cannot be read as a NumPy .npz"), ("notes", "never loaded")):
        with pytest.raises(InputError, match=said):
            load_recording(path, variable=name)


def test_npy_has_no_variables(tmp_path, velocity):
    np.save(tmp_path / "a.npy", velocity)
    with pytest.raises(InputError, match="leave out variable"):
        load_recording(tmp_path / "a.npy", variable="velocity", **BOTH)


def test_a_result_is_not_a_recording(tmp_path):
    from muspipe import Result

    shape = (1, 200, 64)
    Result(np.ones(shape, bool), np.ones((1, 400)), [1.0], 400, 0.5, firings=[[0.1]]).save(tmp_path / "a.h5")
    with pytest.raises(InputError, match="expected a recording.*muspipe result"):
        load_recording(tmp_path / "a.h5")
