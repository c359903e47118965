"""Names that the command line repeats, so that `--help` imports nothing heavy, are those of the registries."""

from __future__ import annotations

from cli import eval, label
from distill.baselines import BASELINES
from distill.datasets import DATASETS
from gen3d.rendering import AUTO, RENDERERS
from gen3d.teachers import TEACHERS
from gen3d.teachers.prompts import STYLES


def test_the_help_of_label_names_every_teacher_renderer_and_style() -> None:
    assert tuple(TEACHERS) == label._TEACHERS
    assert sorted((AUTO, *RENDERERS)) == sorted(label._RENDERERS) and label._RENDERERS[0] == AUTO
    assert tuple(STYLES) == label._STYLES


def test_the_help_of_eval_names_every_baseline_and_data_set() -> None:
    assert ", ".join(BASELINES) == eval._BASELINES and ", ".join(DATASETS) == eval._DATASETS
