"""Puts trained students among those that ship: half precision, with the commands that made them and what they score.

    gen3d sweep shipped-students                                      # trains them: about 75 CPU minutes
    python benchmarks/ship_students.py --students DIR [--real DIR] [--fresh DIR]

`--students` has a student per category; `--real` and `--fresh` may have `CATEGORY/scores.json` of `gen3d eval` on
human-labelled shapes and on fresh generated ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from distill.finding import SHIPPED
from distill.model_card import COMMANDS, SCORES
from distill.student import Student
from gen3d.categories import CATEGORIES

REAL = {"chair": "PSB", "table": "PSB", "mug": "PSB (cups)", "airplane": "PSB", "cap": "ShapeNetPart Cap val"}


def commands(student: Student) -> list[str]:
    """The lines that make it."""
    made, name = student.training_record["settings"], student.category
    count = student.training_record["sources"]["generated"]["shapes"]
    how = f"--student {made['student']} --epochs {made['epochs']} --steps {made['steps']}"
    return [
        f"gen3d generate --category {name} --n {count}",
        f"gen3d label runs/{name}/generated",
        f"gen3d distill --category {name} {how}",
    ]


def scores(name: str, real: Path | None, fresh: Path | None) -> dict[str, Any]:
    """What was measured, in words, and the value."""
    found = {}
    for folder, on in ((real, f"real {REAL.get(name)} shapes"), (fresh, "fresh generated shapes, exact labels")):
        path = folder and folder / name / "scores.json"
        if path and path.is_file():
            told = json.loads(path.read_text())
            low, high = told["interval_95"]
            without = told["settings"]["leave_out"]
            rest = f", without {', '.join(without)}" if without else ""
            title = f"mIoU % on {told['shapes_scored']} {on}{rest}, {told['settings']['passes']} passes"
            found[title] = f"{told['miou']:.1f} ({low:.1f} to {high:.1f})"
    return found


def main() -> None:
    """Write them all and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--fresh", type=Path)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    total = 0
    for name in CATEGORIES:
        if not (args.students / name).is_dir():
            print(f"{name}: no student there, left as it is")
            continue
        student = Student.load(args.students / name)
        made = commands(student)
        for source in student.training_record["sources"].values():
            source["collection"] = f"runs/{name}/generated"  # where these commands put it
        student.training_record |= {COMMANDS: made, SCORES: scores(name, args.real, args.fresh)}
        student.save(args.out / name, precision="float16")
        size = sum(path.stat().st_size for path in (args.out / name).iterdir())
        total += size
        print(f"{name}: {size / 1e6:.2f} MB, {student.training_record[SCORES]}")
    print(f"{total / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main()
