"""Weight files in parts: whole again in memory, found by name, and clear about what is missing or damaged."""

import json

import numpy as np
import pytest

from muspipe.errors import InputError
from muspipe.models import pretrained, weight_files, weight_parts


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(a network, the bytes of its weight file)."""
    from muspipe.models import get_preset

    preset = get_preset("twitch", "compact").changed({"dense_before": [8], "gru": 4, "dense_after": [4]})
    model, path = preset.build(seed=3), tmp_path_factory.mktemp("whole") / "twitch-mine.h5"
    weight_files.save(model, path, {"name": "twitch-mine"}, dtype="float16")
    return model, path.read_bytes()


@pytest.fixture
def index(whole, tmp_path):
    path = tmp_path / "twitch-mine.h5"
    path.write_bytes(whole[1])
    return weight_parts.cut(path, 0.02)  # MiB


def parts_of(index):
    return [index.with_name(part["file"]) for part in json.loads(index.read_text())["parts"]]


def test_parts_are_the_file_cut(whole, index):
    pieces = [part.read_bytes() for part in parts_of(index)]
    assert len(pieces) > 2 and {len(piece) for piece in pieces[:-1]} == {20971}
    assert b"".join(pieces) == whole[1]
    assert sorted(path.name for path in index.parent.iterdir()) == sorted(
        ["twitch-mine.parts.json", *(f"twitch-mine.h5.part{i + 1}" for i in range(len(pieces)))]
    )


def test_a_network_comes_back_from_its_parts(whole, index):
    model, meta = pretrained.load_model(index)
    expected = weight_files.arrays_of(whole[0])
    assert meta == {"name": "twitch-mine"} and weight_files.is_weight_file(index)
    for name, array in weight_files.arrays_of(model).items():
        np.testing.assert_array_equal(array, expected[name].astype(np.float16))
    assert len(weight_files.checksum_of(index)) == 64


def test_networks_are_found_by_name(index, tmp_path, monkeypatch):
    for name in (index, index.parent / "twitch-mine", index.parent / "twitch-mine.h5"):
        assert pretrained.path_of(str(name)) == index
    with pytest.raises(InputError, match="weights 'twitch-mine': .* MUSPIPE_NETWORKS, which is not set"):
        monkeypatch.delenv(pretrained.VARIABLE, raising=False)
        pretrained.path_of("twitch-mine")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv(pretrained.VARIABLE, f"{other}:{index.parent}")
    assert pretrained.path_of("twitch-mine") == index
    (other / "twitch-mine.h5").write_bytes(b"")
    assert pretrained.path_of("twitch-mine") == other / "twitch-mine.h5"  # the folder before
    assert pretrained.path_of("seg-centre") == pretrained.FOLDER / "seg-centre.h5"
    with pytest.raises(InputError, match=f"one in a folder of MUSPIPE_NETWORKS, which is {other}"):
        pretrained.path_of("twitch-none")


def test_what_is_missing_or_damaged_is_named(index):
    second = parts_of(index)[1]
    good = second.read_bytes()
    for bad, said in (
        (good[:-1], f"{second}: expected 20971 bytes, got 20970; the part is damaged: get it again"),
        (b"\0" + good[1:], f"{second}: expected [0-9a-f]* as SHA-256, got [0-9a-f]*; the part is damaged"),
    ):
        second.write_bytes(bad)
        with pytest.raises(InputError, match=said):
            weight_files.read(index)
    second.unlink()
    with pytest.raises(InputError, match="parts beside it, but twitch-mine.h5.part2 is missing; put it there"):
        pretrained.load_model(index)


@pytest.mark.parametrize(
    "change",
    [{"format": "other"}, {"parts": []}, {"parts": [{"file": "../x", "bytes": 1, "sha256": ""}]}, {"parts": 3}],
)
def test_another_index_is_refused(index, change):
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    with pytest.raises(InputError, match="expected the index of a weight file in parts"):
        weight_files.read(index)


def test_parts_of_another_file_do_not_make_the_whole(index):
    """Each part is as stated, but one is left out."""
    facts = json.loads(index.read_text())
    index.write_text(json.dumps(facts | {"parts": facts["parts"][:-1]}))
    with pytest.raises(InputError, match="its parts do not make the whole that it states"):
        weight_files.stored_preset(index)
