"""OWLv2, Grounding DINO, MM Grounding DINO and SAM 3 from tiny random weights: the real networks, end to end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_detectors import NAMES, PARTS, block_view, own_options, teacher_of

from distill.distillation import distill
from distill.trainer import DistillSettings
from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.commands import command_of
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label, read_knowledge
from gen3d.teachers.predictions import Boxes

EACH = pytest.mark.parametrize("name", NAMES)
VIEWS = [
    block_view(48, 48, rows, columns) for rows, columns in (((8, 16), (24, 40)), ((20, 44), (4, 12)), ((0, 48), (0, 9)))
]


# --- precision and thresholds ---------------------------------------------------------------------------------------


@EACH
def test_bfloat16_says_nearly_the_same(name: str, detectors: dict[str, Path]) -> None:
    """Boxes within a pixel: their places must not be rounded with the rest."""
    fine: Any = teacher_of(name, detectors[name]).predict(VIEWS[:1], "chair", PARTS)[0]
    coarse: Any = teacher_of(name, detectors[name], precision="bfloat16").predict(VIEWS[:1], "chair", PARTS)[0]
    assert len(coarse.part) == len(fine.part)
    assert np.median(np.abs(np.sort(coarse.score) - np.sort(fine.score))) < 0.05
    if isinstance(fine, Boxes) and isinstance(coarse, Boxes):
        gaps = np.abs(fine.xyxy[:, None] - coarse.xyxy[None]).max(2)  # every box has a twin
        assert np.median(gaps.min(1)) < 0.5


@EACH
def test_the_threshold_parts_what_is_found(name: str, detectors: dict[str, Path]) -> None:
    whole: Any = teacher_of(name, detectors[name]).predict(VIEWS, "chair", PARTS)
    middle = float(np.median(np.concatenate([answer.score for answer in whole])))
    some: Any = teacher_of(name, detectors[name], threshold=middle).predict(VIEWS, "chair", PARTS)
    assert [len(answer.part) for answer in some] == [int((answer.score > middle).sum()) for answer in whole]


# --- end to end ----------------------------------------------------------------------------------------------------


def settings_of(name: str, folder: Path, **change: Any) -> LabelSettings:
    values: dict[str, Any] = {"teacher": name, "weights": str(folder), "precision": "float32", "threshold": 0.0}
    values |= {"views": 2, "size": 64, "points": 512, "parts": ("back", "seat", "leg"), "options": own_options(name)}
    return LabelSettings(**(values | change))


@EACH
def test_two_chairs_are_labelled_and_distilled(name: str, detectors: dict[str, Path], tmp_path: Path) -> None:
    chairs = generate(GenerateSettings(category="chair", n=2, seed=3), tmp_path / "chairs")
    label(chairs, settings_of(name, detectors[name]))
    collection = Collection.open(chairs.root)
    found = read_knowledge(collection, name)
    assert len(found) == 2 and not collection.failures(f"knowledge-{name}")
    for knowledge in found:
        assert knowledge.meta["parts"] == ["back", "seat", "leg"] and knowledge.meta["precision"] == "float32"
        assert knowledge.meta["revision"].startswith("sha256:") and knowledge.meta["threshold"] == 0.0
        assert knowledge.scores is None and knowledge.coverage() > 0.01 and knowledge.mask.any(1).all()
    train = DistillSettings(category="chair", teacher=name, epochs=1, steps=2, batch=2)
    student, _ = distill({"generated": chairs.root}, train, tmp_path / "student")
    assert tuple(student.parts) == ("back", "seat", "leg")


def test_the_command_that_made_knowledge_is_told() -> None:
    settings = settings_of("grounding-dino", Path("tiny weights"), parts=("back", "chair leg"))
    kept = json.loads(json.dumps({"settings": settings.recorded()}))
    line = command_of(kept, "knowledge-grounding-dino", "chairs")
    for words in ("--parts 'back,chair leg'", "--weights 'tiny weights'", "--threshold 0.0", "--option shortest=96"):
        assert words in line


def broken(folder: Path, out: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """The same weights, changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, out)
    tensors = load_file(out / "model.safetensors")
    change(tensors)
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    return out


@EACH
def test_what_is_missing_or_of_another_network_is_told(name: str, detectors: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"config.json.*name a folder that holds them"):
        teacher_of(name, tmp_path).check("chair", PARTS)
    other = detectors["sam3" if name != "sam3" else "owlv2"]
    swapped = shutil.copytree(detectors[name], tmp_path / "swapped")
    shutil.copy(other / "model.safetensors", swapped / "model.safetensors")
    with pytest.raises(InputError, match="weights"):
        teacher_of(name, swapped).load()
    lacking = broken(detectors[name], tmp_path / "lacking", lambda tensors: tensors.pop(max(tensors)))
    with pytest.raises(InputError, match="they lack"):
        teacher_of(name, lacking).load()


@EACH
def test_words_and_options_that_can_not_be(name: str, detectors: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="threshold"):
        teacher_of(name, detectors[name], threshold=1.5)
    with pytest.raises(SettingsError, match="unknown setting 'colour'"):
        teacher_of(name, detectors[name], colour=1)
    ensemble = teacher_of(name, detectors[name], prompt_style="ensemble")
    if name == "owlv2":
        assert len(ensemble.predict(VIEWS[:1], "chair", PARTS)) == 1
    else:
        with pytest.raises(SettingsError, match=f"the {name} teacher is asked one phrase per part"):
            ensemble.check("chair", PARTS)


def test_more_parts_than_a_caption_holds(detectors: dict[str, Path]) -> None:
    parts = tuple(f"chair leg {letter}{other}" for letter in "abcdefghij" for other in "klmnopq")
    with pytest.raises(InputError, match="70 parts are .* tokens; the network reads 256: ask for fewer"):
        teacher_of("grounding-dino", detectors["grounding-dino"]).predict(VIEWS[:1], "chair", parts)
