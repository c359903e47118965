"""The README's picture: what each stage makes of a word. All shapes are generated; none of them is anybody's data.

    python benchmarks/picture.py --collections DIR --out docs/pipeline.png

A row per category: two shapes of DIR/CATEGORY (a labelled collection) with the parts of their grammar, three views of
the second one with what the teacher found, and a fresh shape (seed 1) that the shipped student labels in one pass.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from distill.student import Student
from gen3d.collection import Collection, shape_seed
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import Knowledge
from gen3d.label_pictures import found_in
from gen3d.labelling import labelled_stem
from gen3d.pictures import caption, portraits, tile
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings

SIDE, ANGLE = 150, ((22.0, 35.0),)
VIEWS = (0, 1, 5)  # of the ten that the teacher was shown
TITLES = ("generated, exact parts", "", "the teacher, by view", "", "", "student, new shape")


def row(category: str, collection: Collection, student: Student) -> list[UInt8[np.ndarray, "H W 3"]]:
    """The six pictures of one category."""
    stem = labelled_stem(collection, "lite")
    first, second = islice(collection.shapes(), 2)
    pictures = [portraits(shape, shape.face_labels, ANGLE, SIDE)[0] for shape in (first, second)]
    known = dict(collection.members(stem, "safetensors", 0))
    knowledge = Knowledge.from_bytes(known[second.id], second.id)
    views = make_renderer("auto", rings(10, SIDE), second.has_mesh).render(second)
    pictures += [found_in(views[number], number, knowledge) for number in VIEWS]
    fresh = ProceduralGenerator().generate(category, shape_seed(1, 0), f"{category}-fresh")
    labels, _ = student.label_faces(fresh)
    return [*pictures, portraits(fresh, labels, ANGLE, SIDE)[0]]


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", type=Path, required=True)
    parser.add_argument("--categories", default="chair,airplane,motorbike,guitar")
    parser.add_argument("--out", type=Path, default=Path("docs/pipeline.png"))
    args = parser.parse_args()
    pictures = []
    for category in args.categories.split(","):
        pictures += row(category, Collection.open(args.collections / category), Student.load(category))
    pictures[: len(TITLES)] = [caption(p, text, 18) for p, text in zip(pictures, TITLES, strict=False)]
    rest = [caption(picture, "", 18) for picture in pictures[len(TITLES) :]]
    Image.fromarray(tile(pictures[: len(TITLES)] + rest, len(TITLES))).quantize(128).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
