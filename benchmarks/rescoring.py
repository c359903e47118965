"""What backward distillation can tell: whether a student knows right units from wrong ones better than its teacher.

    python benchmarks/rescoring.py COLLECTION STUDENT [COLLECTION STUDENT ...]

Of every sixth shape of a generated, labelled collection, whose true parts are known. A unit is right if its part is
that of at least half of its points. AUC: how often a right unit has more confidence than a wrong one, by the teacher's
confidence and by the student's re-scoring. Accuracy: % of points whose part is the true one, by votes with either and
by the student, which had better be one of forward distillation: it is that one which re-scores.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int16
from scipy.stats import mannwhitneyu

from distill.export_labels import nearest_labels
from distill.rescoring import rescore
from distill.student import Student
from gen3d.collection import Collection
from gen3d.knowledge import Knowledge, best_parts
from gen3d.labelling import read_knowledge
from gen3d.shape import Shape

EVERY, SAMPLES = 6, 20_000


class Case(NamedTuple):
    """What was found on one shape: of its K units, and shares of its points."""

    right: Bool[np.ndarray, " K"]
    teacher: Float[np.ndarray, " K"]
    student: Float[np.ndarray, " K"]
    accuracy: Float[np.ndarray, " 3"]


def true_parts(shape: Shape, points: Float32[np.ndarray, "N 3"]) -> Int16[np.ndarray, " N"]:
    """The part of the nearest of many samples."""
    dense = shape.sampled(SAMPLES, 0)
    assert dense.points is not None and dense.point_labels is not None
    return nearest_labels(dense.points, dense.point_labels, points)


def case(shape: Shape, knowledge: Knowledge, student: Student) -> Case:
    """Hold teacher and student against the truth."""
    truth, parts = true_parts(shape, knowledge.points), len(student.parts)
    labels, _ = student.label_positions(shape, knowledge.points)
    again = rescore(knowledge, labels)
    votes = best_parts(knowledge.target(parts, again), knowledge.points)
    accuracy = [(found == truth).mean() for found in (knowledge.votes(parts), votes, labels)]
    return Case(rescore(knowledge, truth) >= 0.5, knowledge.confidence, again, np.array(accuracy))


def auc(score: Float[np.ndarray, " K"], right: Bool[np.ndarray, " K"]) -> float:
    """How often a right one has the higher score; a draw counts half."""
    return mannwhitneyu(score[right], score[~right]).statistic / (right.sum() * (~right).sum())


def row(collection: Collection, student: Student) -> str:
    """Of one student, in words."""
    knowledge = read_knowledge(collection, "lite")
    pairs = list(zip(collection.shapes(), knowledge, strict=True))[::EVERY]
    cases = [case(shape, known, student) for shape, known in pairs]
    right, teacher, again = (np.concatenate([c[i] for c in cases]) for i in range(3))
    votes, after, own = 100 * np.mean([c.accuracy for c in cases], axis=0)
    told = f"AUC teacher {auc(teacher, right):.3f}, re-scored {auc(again, right):.3f}"
    accuracy = f"accuracy % votes {votes:.1f}, re-scored {after:.1f}, student {own:.1f}"
    return f"{len(right)} units, {100 * np.mean(~right):.1f} % wrong; {told}; {accuracy}"


def main() -> None:
    """A row per pair."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="COLLECTION STUDENT")
    args = parser.parse_args()
    for collection, student in zip(args.pairs[::2], args.pairs[1::2], strict=True):
        found = row(Collection.open(collection), Student.load(student))
        print(f"{student}: {found}", flush=True)


if __name__ == "__main__":
    main()
