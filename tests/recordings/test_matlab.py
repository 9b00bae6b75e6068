"""MATLAB v5 files against SciPy's reader, and the damage that ends the process there."""

import io

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from muspipe import InputError, load_recording
from muspipe.recordings.matlab import NUMERIC, MatFile

DTYPES = ("f8", "f4", *(f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)), "c16", "c8")
SCALES = {"frame_rate_hz": 400.0, "pixel_mm": 0.5}


@pytest.mark.parametrize("packed", [False, True])
def test_every_class_reads_as_by_scipy(tmp_path, packed):
    rng = np.random.default_rng(0)
    made = {f"of_{dtype}": (100 * rng.random((3, 4, 5))).astype(dtype) for dtype in DTYPES}
    made |= {"long": rng.standard_normal((40, 50, 60)), "empty": np.zeros((0, 3)), "scalar": 2.5, "text": "mm/s"}
    made |= {"cell": np.array([1, "a"], object), "struct": {"a": 1}, "flags": np.ones((2, 3), bool)}
    savemat(tmp_path / "a.mat", made, do_compression=packed)
    file, expected = MatFile(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert set(file.variables) == set(made)
    for name, variable in file.variables.items():
        if variable.kind in NUMERIC:
            values = file.values(name)
            assert variable.shape == values.shape and values.dtype == expected[name].dtype
            np.testing.assert_array_equal(values, expected[name])
    assert file.values("text") == "mm/s"
    kinds = {name: file.variables[name].kind for name in ("cell", "struct", "flags", "of_i8", "of_c8")}
    assert kinds == {"cell": "cell", "struct": "struct", "flags": "logical", "of_i8": "int64", "of_c8": "single"}


def element(kind, data, order=">"):
    return np.array([kind, len(data)], f"{order}u4").tobytes() + data + bytes(-len(data) % 8)


def test_values_of_the_other_order_of_bytes(tmp_path):
    """As a machine of the other kind writes 1.5, 2 and 3 in a row called a."""
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    flags, shape = np.array([6, 0], ">u4").tobytes(), np.array([1, 3], ">i4").tobytes()
    values = np.array([1.5, 2, 3], ">f8").tobytes()
    name = np.array([(1 << 16) | 1], ">u4").tobytes() + b"a\0\0\0"  # a short element: its length beside its type
    parts = element(6, flags) + element(5, shape) + name + element(9, values)
    (tmp_path / "a.mat").write_bytes(head + element(14, parts))
    np.testing.assert_array_equal(MatFile(tmp_path / "a.mat").values("a"), [[1.5, 2, 3]])
    np.testing.assert_array_equal(loadmat(tmp_path / "a.mat")["a"], [[1.5, 2, 3]])


def file_of(velocity):
    file = io.BytesIO()
    savemat(file, {"velocity": velocity, **SCALES})
    return file.getvalue()


@pytest.mark.parametrize("byte, value", [(1, 0x10), (1, 0x40), (2, 0xFF), (0, 14), (4, 0xFF), (7, 0x7F)])
def test_a_damaged_type_or_length_of_the_values_is_refused(tmp_path, velocity, byte, value):
    """The first two end the process inside SciPy 1.17."""
    whole = bytearray(file_of(velocity))
    tag = whole.index(b"velocity") + len("velocity")
    whole[tag + byte] = value
    (tmp_path / "a.mat").write_bytes(whole)
    with pytest.raises(InputError, match="a.mat: cannot be read as a MATLAB file"):
        load_recording(tmp_path / "a.mat")


def test_a_shape_that_the_values_do_not_have_is_refused(tmp_path, velocity):
    whole = bytearray(file_of(velocity))
    whole[whole.index(b"velocity") - 16] ^= 1 << 3  # the frames
    (tmp_path / "a.mat").write_bytes(whole)
    with pytest.raises(InputError, match="bytes of values, its shape .* has another number"):
        load_recording(tmp_path / "a.mat")


def test_unit_of_the_velocity(tmp_path, velocity):
    savemat(tmp_path / "a.mat", {"velocity": velocity, "unit": "mm/s", **SCALES})
    assert load_recording(tmp_path / "a.mat").velocity_unit == "mm/s"
