"""Evaluating all of ShapeNetPart's test shapes with a trained small student: shapes per second, and where time goes.

    python benchmarks/evaluation.py --student runs/chair/student                # 2,874 shapes, one pass of the student
    python benchmarks/evaluation.py --student runs/chair/student --share 0.1    # a tenth of every category

The set is written first, in ShapeNetPart's text form and with its numbers of test shapes: clouds of 2,600 points from
procedural shapes, `--distinct` per category, stored under as many ids as the real set has. One network stands for
those of all categories: they are of one size, and only its time is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

TEST_SHAPES = {  # official test split, 2,874 in all
    "airplane": 341, "bag": 14, "cap": 11, "car": 158, "chair": 704, "earphone": 14, "guitar": 159, "knife": 80,
    "lamp": 286, "laptop": 83, "motorbike": 51, "mug": 38, "pistol": 44, "rocket": 12, "skateboard": 31, "table": 848,
}  # fmt: skip
POINTS = 2600  # about the mean of the real files


def write_set(root: Path, share: float, distinct: int) -> int:
    """The set in its text form; returns the number of shapes."""
    from gen3d.categories import category
    from gen3d.generators.procedural import ProceduralGenerator

    split, total = [], 0
    rows = {name: category(name) for name in TEST_SHAPES}
    classes = "".join(f"{name}\t{row.synset}\n" for name, row in rows.items())
    root.mkdir(parents=True)
    (root / "synsetoffset2category.txt").write_text(classes)
    for name, row in rows.items():
        texts = []
        for seed in range(distinct):
            shape = ProceduralGenerator().generate(name, seed, f"{name}-{seed}").sampled(POINTS, seed)
            assert shape.points is not None and shape.normals is not None and shape.point_labels is not None
            labels = shape.point_labels[:, None] + row.first_label
            lines = np.concatenate([shape.points, shape.normals, labels], 1)
            texts.append("\n".join(" ".join(f"{x:.6f}" for x in line) for line in lines))
        (root / row.synset).mkdir()
        for number in range(max(1, round(TEST_SHAPES[name] * share))):
            (root / row.synset / f"{number:06d}.txt").write_text(texts[number % distinct])
            split.append(f"shape_data/{row.synset}/{number:06d}")
            total += 1
    (root / "train_test_split").mkdir()
    (root / "train_test_split" / "shuffled_test_file_list.json").write_text(json.dumps(split))
    return total


def main() -> None:
    """Print shapes per second, and the shares of reading and of the network."""
    import torch

    from distill.evaluation import EvalSettings, evaluate_student, read_dataset
    from distill.metrics import class_miou, instance_miou
    from distill.student import Student
    from gen3d.categories import category

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", type=Path, required=True, help="folder of any small student")
    parser.add_argument("--share", type=float, default=1.0, help="of every category's shapes")
    parser.add_argument("--distinct", type=int, default=8, help="different clouds per category")
    parser.add_argument("--passes", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    trained = Student.load(args.student)
    reading = scoring = 0.0
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        total = write_set(root, args.share, args.distinct)
        for name in TEST_SHAPES:
            how = EvalSettings(dataset="shapenetpart", passes=args.passes)
            student = Student(name, list(category(name).parts))
            wanted = student.state_dict()
            kept = {k: v for k, v in trained.state_dict().items() if v.shape == wanted[k].shape}
            student.load_state_dict(wanted | kept)
            clock = time.process_time()
            labelled = read_dataset(how, name, root)
            read = time.process_time()
            report = evaluate_student(student, labelled, how)
            reading, scoring = reading + read - clock, scoring + time.process_time() - read
            scores[name] = np.array([scored.ious.mean() for scored in report.shapes])
    seconds = reading + scoring
    rate = total / seconds
    print(f"{total} shapes of 2,048 points, {args.passes} pass(es), one thread: {rate:.1f} per CPU second")
    print(f"reading {reading / seconds:.0%}, sampling, network and scores {scoring / seconds:.0%}; {seconds:.0f} CPU s")
    means = 100 * class_miou(scores), 100 * instance_miou(scores)
    print("class mean {:.1f}, instance mean {:.1f}: no result, since most heads are untrained".format(*means))


if __name__ == "__main__":
    main()
