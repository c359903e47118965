"""OBJ and OFF read at once give, bit for bit, what reading line by line gives, or leave the file to that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_shapes import random_mesh, same

from gen3d import mesh_readers
from gen3d.errors import InputError
from gen3d.mesh_io import read_shape, shape_bytes
from gen3d.text_rows import indices, plain_lines, positions

BOX = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
FACES = "f 1 2 3\nf 1 2 4\n"
REGULAR = {
    "plain.obj": BOX + FACES,
    "comments, groups, materials.obj": "# v 9 9 9\nmtllib a.mtl\n" + BOX + "g f\nusemtl v\ns off\n" + FACES,
    "corners.obj": BOX + "vn 0 0 1\nvt 0 0\nf 1/1/1 2/1/1 3/1/1\nf 1//1 2//1 4//1\n",
    "colours.obj": BOX.replace("\n", " 0.1 0.2 0.3\n") + FACES,
    "digits.obj": BOX.replace("v 1 0 0", "v 1.0000001e-3 .5 -0.0") + FACES,
    "crlf and blanks.obj": (BOX + "\n \n" + FACES).replace("\n", "\r\n"),
    "plain.off": "OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n",
    "colours.off": "OFF\n4 1 0\n0 0 0 1\n1 0 0 1\n0 1 0 1\n0 0 1 1\n3 0 1 2\n",
}
ODD = {
    "quads.obj": BOX + "f 1 2 3 4\n",
    "unequal.obj": BOX + "f 1 2 3 4\nf 1 2\n",
    "negative.obj": BOX + "f -1 -2 -3\n",
    "indented.obj": BOX + " v 2 2 2\nf 1 2 5\n",
    "tabs.obj": BOX + "f\t1 2 3\nf 1 2 4\n",
    "continued.obj": BOX + "f 1 2 \\\n3\n",
    "comment behind.obj": BOX + "f 1 2 3 # a face\n",
    "one vertex of another width.obj": BOX + "v 1 2\n" + FACES,
    "vertical tab.obj": BOX + "f 1 2 3\x0bf 1 2 4\n",
    "not ascii.obj": "# caf\xe9\n" + BOX + FACES,
    "zero.obj": BOX + "f 0 1 2\n",
    "beyond.obj": BOX + "f 1 2 99999999999999999999\n",
    "words.obj": BOX + "f a b c\n",
    "infinite.obj": BOX.replace("1 0 0", "inf 0 0") + FACES,
    "a fraction.obj": BOX + "f 1 2 3.5\n",
    "polygon.off": "OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n4 0 1 2 3\n3 0 1 3\n",
    "face colours.off": "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 255 0 0\n",
    "counts beside.off": "OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
    "shifted.off": "OFF\n3 1 0\n0 0\n0 1 0 0\n0 1 0\n3 0 1 2\n",
    "minus.off": "OFF\n3 -1 0\n0 0 0\n1 0 0\n0 1 0\n",
}


def read_both(path: Path) -> tuple[list, list]:
    """What a file reads as, at once where that can be and line by line: arrays, or that it is refused."""
    found = []
    for regular in (mesh_readers.plain_lines, lambda data: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mesh_readers, "plain_lines", regular)
            try:
                found.append([*read_shape(path).mesh])
            except InputError:
                found.append([])
    return found[0], found[1]


@pytest.mark.parametrize("name", [*REGULAR, *ODD])
def test_odd_and_regular_files_read_as_line_by_line(tmp_path: Path, name: str) -> None:
    text = (REGULAR | ODD)[name]
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    fast, slow = read_both(path)
    assert len(fast) == len(slow) and all(same(a, b) for a, b in zip(fast, slow, strict=True))
    parse = mesh_readers._regular_obj if path.suffix == ".obj" else mesh_readers._regular_off
    if name in REGULAR:
        assert slow and parse(text.encode()) is not None
    elif name not in ("beyond.obj",):  # whose face is refused either way
        assert parse(text.encode("latin-1")) is None


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([".obj", ".off"]))
def test_random_meshes_read_bit_for_bit(seed: int, suffix: str) -> None:
    shape = random_mesh(seed, False)
    parse = mesh_readers._regular_obj if suffix == ".obj" else mesh_readers._regular_off
    found = parse(shape_bytes(shape, suffix))
    assert found is not None
    assert same(found[0].astype(np.float32), shape.vertices) and same(found[1], shape.faces)


LINES = ["v 1 2 3", "v 0 0 1", "v 0 1 0", "v 4 5", "v 1 2 x", "v 1e3 -2 .5", "vn 1 1 1", "#"]
LINES += ["f 1 2 3", "f 1/2 3 2", "f 1 2", "f 1 2 3 4", " f 1 2 3", "f 9 9 9"]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(LINES), max_size=9))
def test_any_lines_read_as_line_by_line(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.obj"
    path.write_text("\n".join([*BOX.splitlines(), *lines]))
    fast, slow = read_both(path)
    assert len(fast) == len(slow) and all(same(a, b) for a, b in zip(fast, slow, strict=True))


def test_rows_are_checked_one_by_one() -> None:
    assert plain_lines(b"a\r\n\n \nb") == [b"a", b"b"] and plain_lines(b"a\x1cb") is None
    assert indices([b"1 2", b"3 4"], 2) is not None and indices([b"1 2 3", b"4"], 2) is None
    assert positions([b"1 2 3", b"4 5 6"]) is not None and positions([b"1 2 3 4", b"5 6"]) is None
    assert positions([b"1 2 nan"]) is None and positions([b"1 2"]) is None and indices([b"-1 2"], 2) is None
