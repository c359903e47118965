"""Arrays out of pickled dicts: what numpy's versions wrote, and what nothing may run."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.datasets.pickled_arrays import read_arrays
from gen3d.errors import InputError

SEMANTIC, INSTANCE = [0, -1, 2, 1, 2], [0, -1, 1, 2, 3]
NUMPY_1 = (
    "k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoKSwgfSAgICAgICAgICAg"
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqAA2NudW1weS5jb3JlLm11bHRpYXJy"
    "YXkKX3JlY29uc3RydWN0CnEAY251bXB5Cm5kYXJyYXkKcQFLAIVxAkMBYnEDh3EEUnEFKEsBKWNudW1weQpkdHlwZQpxBlgCAAAA"
    "TzhxB4mIh3EIUnEJKEsDWAEAAAB8cQpOTk5K/////0r/////Sz90cQtiiV1xDH1xDShYDAAAAHNlbWFudGljX3NlZ3EOaABoAUsA"
    "hXEPaAOHcRBScREoSwFLBYVxEmgGWAIAAABpOHETiYiHcRRScRUoSwNYAQAAADxxFk5OTkr/////Sv////9LAHRxF2KJQygAAAAA"
    "AAAAAP//////////AgAAAAAAAAABAAAAAAAAAAIAAAAAAAAAcRh0cRliWAwAAABpbnN0YW5jZV9zZWdxGmgAaAFLAIVxG2gDh3Ec"
    "UnEdKEsBSwWFcR5oBlgCAAAAaTRxH4mIh3EgUnEhKEsDaBZOTk5K/////0r/////SwB0cSJiiUMUAAAAAP////8BAAAAAgAAAAMA"
    "AABxI3RxJGJ1YXRxJWIu"
)
# `np.save(path, {"semantic_seg": int64, "instance_seg": int32})` by these versions of numpy
SAVED = {
    "1.21.6": NUMPY_1,
    "1.26.4": NUMPY_1,
    "2.2.6": (
        "k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoKSwgfSAgICAgICAgICAg"
        "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJVmAQAAAAAAAIwWbnVtcHkuX2Nv"
        "cmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBKWgDjAVkdHlw"
        "ZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlH2UKIwMc2VtYW50aWNfc2VnlGgCaAVLAIWUaAeHlFKU"
        "KEsBSwWFlGgLjAJpOJSJiIeUUpQoSwOMATyUTk5OSv////9K/////0sAdJRiiUMoAAAAAAAAAAD//////////wIAAAAAAAAAAQAA"
        "AAAAAAACAAAAAAAAAJR0lGKMDGluc3RhbmNlX3NlZ5RoAmgFSwCFlGgHh5RSlChLAUsFhZRoC4wCaTSUiYiHlFKUKEsDaBtOTk5K"
        "/////0r/////SwB0lGKJQxQAAAAA/////wEAAAACAAAAAwAAAJR0lGJ1YXSUYi4="
    ),
}

PROTOCOL_2 = (
    "gAJjbnVtcHkuX2NvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcQBjbnVtcHkKbmRhcnJheQpxAUsAhXECY19jb2RlY3MKZW5j"
    "b2RlCnEDWAEAAABicQRYBgAAAGxhdGluMXEFhnEGUnEHh3EIUnEJKEsBKWNudW1weQpkdHlwZQpxClgCAAAATzhxC4mIh3EMUnEN"
    "KEsDWAEAAAB8cQ5OTk5K/////0r/////Sz90cQ9iiV1xEH1xEVgBAAAAYXESaABoAUsAhXETaAeHcRRScRUoSwFLA4VxFmgKWAIA"
    "AAB1MXEXiYiHcRhScRkoSwNoDk5OTkr/////Sv////9LAHRxGmKJaANYBAAAAAHDiANxG2gFhnEcUnEddHEeYnNhdHEfYi4="
)


def write(path: Path, pickled: bytes) -> Path:
    """An npy file of one object."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + pickled)
    return path


@pytest.mark.parametrize("version", SAVED)
def test_files_of_other_numpy_versions(tmp_path: Path, version: str) -> None:
    path = tmp_path / "label.npy"
    path.write_bytes(base64.b64decode(SAVED[version]))
    arrays = read_arrays(path)
    assert arrays["semantic_seg"].tolist() == SEMANTIC and arrays["semantic_seg"].dtype == np.int64
    assert arrays["instance_seg"].tolist() == INSTANCE and arrays["instance_seg"].dtype == np.int32


@settings(max_examples=30)
@given(st.lists(st.integers(-128, 127), max_size=40), st.sampled_from(["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8"]))
def test_what_this_numpy_saves_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], kind: str
) -> None:
    path = tmp_path_factory.mktemp("npy") / "label.npy"
    saved = {"a": np.array(values, kind), "b": np.arange(300, dtype="u2"), "text": "x", "flat": np.zeros((2, 3), int)}
    np.save(path, saved | {"float": np.zeros(2), "none": None, "list": [1, 2]})  # type: ignore[arg-type]
    arrays = read_arrays(path)
    assert set(arrays) == {"a", "b"}
    assert arrays["a"].tolist() == values and arrays["b"].tolist() == list(range(300))


def test_the_same_array_twice_and_a_large_one(tmp_path: Path) -> None:
    labels = np.arange(100_000)
    np.save(tmp_path / "label.npy", {"a": labels, "b": labels})  # type: ignore[arg-type]
    arrays = read_arrays(tmp_path / "label.npy")
    assert np.array_equal(arrays["a"], labels) and np.array_equal(arrays["b"], labels)


def test_protocol_2_writes_bytes_as_text(tmp_path: Path) -> None:
    """As numpy did before version 1.17 (made with `pickle.dumps(..., protocol=2)`)."""
    path = write(tmp_path / "label.npy", base64.b64decode(PROTOCOL_2))
    assert {name: array.tolist() for name, array in read_arrays(path).items()} == {"a": [1, 200, 3]}


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'touch ran'\ntR.",  # the oldest of all
        b"\x80\x03cos\nsystem\nX\x09\x00\x00\x00touch ran\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x09touch ran\x85R.",
        b"\x80\x03c__builtin__\neval\nX\x12\x00\x00\x00open('ran', 'w')   \x85R.",
        b"\x80\x03(ios\nsystem\n.",
        b"\x80\x03cos\nsystem\nX\x09\x00\x00\x00touch ran\x85\x81.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02" + b"]" * 20_000 + b".",  # a bomb: a list per byte
    ],
)
def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="copy the file again"):
        read_arrays(write(tmp_path / "label.npy", code))
    assert [path.name for path in tmp_path.iterdir()] == ["label.npy"]


def test_a_call_hidden_in_a_sound_dict_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is left out, whatever it would have been."""
    monkeypatch.chdir(tmp_path)
    np.save("label.npy", {"a": np.arange(3), "b": "PLACE"})  # type: ignore[arg-type]
    whole = Path("label.npy").read_bytes()
    text = b"\x8c\x05PLACE" if b"\x8c\x05PLACE" in whole else b"X\x05\x00\x00\x00PLACE"
    assert whole.count(text) == 1
    Path("label.npy").write_bytes(whole.replace(text, b"cos\nsystem\nX\x09\x00\x00\x00touch ran\x85R"))
    assert {name: array.tolist() for name, array in read_arrays(Path("label.npy")).items()} == {"a": [0, 1, 2]}
    assert not Path("ran").exists()


@pytest.mark.parametrize("version", ["1.26.4", "2.2.6"])
def test_cut_off_anywhere_is_an_error(tmp_path: Path, version: str) -> None:
    whole, path = base64.b64decode(SAVED[version]), tmp_path / "label.npy"
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            read_arrays(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["1.26.4", "2.2.6"])
def test_damaged_anywhere_is_an_error_or_whole_numbers(tmp_path: Path, version: str) -> None:
    whole, path = base64.b64decode(SAVED[version]), tmp_path / "label.npy"
    for at in range(0, len(whole), 3):
        for flip in (0x01, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            try:
                arrays = read_arrays(path)
            except InputError as error:
                assert "\n" not in str(error)
            else:
                assert all(array.dtype.kind in "iu" and array.ndim == 1 for array in arrays.values())


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "label.npy"
    np.save(path, np.arange(3))
    with pytest.raises(InputError, match="plain array"):
        read_arrays(path)
    np.save(path, [{"a": 1}, {"a": 2}])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no dict"):
        read_arrays(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no \.npy"):
        read_arrays(path)
    path.unlink()
    with pytest.raises(InputError, match="can't be read"):
        read_arrays(path)
    with path.open("wb") as file:
        file.truncate((1 << 28) + 1)  # a hole, no bytes
    with pytest.raises(InputError, match="larger than 256 MiB"):
        read_arrays(path)
