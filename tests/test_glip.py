"""The adapter for a detector of the user's own: a stand-in that keeps to what is documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_detectors import block_view

from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label, read_knowledge
from gen3d.teachers import make_teacher
from gen3d.teachers.predictions import check_predictions

PARTS = ("back", "seat")
HEAD = "import numpy as np\nimport torch\n"
# Boxes the dark pixels as the part with the longest name, and says how often it was made and called.
DARK = """
made = []

def make():
    made.append(1)
    calls = []

    def detect(images, names):
        calls.append(len(images))
        longest = max(range(len(names)), key=lambda k: len(names[k]))
        for image in images:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
            rows, columns = np.nonzero(image.mean(2) < 200)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0, 0, 0, 0]
            yield {
                "boxes": torch.tensor([box, [-9, -9, 999, 999]], dtype=torch.float32),
                "labels": torch.tensor([longest, 0]),
                "scores": [0.9 / len(made), 0.3],
            }

    detect.calls = calls
    return detect
"""


def teacher_of(folder: Path, code: str, **options: Any) -> Any:
    path = folder / "detector.py"
    path.write_text(HEAD + code)
    return make_teacher("glip", {"detector": f"{path}:make", **options})


def returning(expression: str) -> str:
    return f"\ndef make():\n    return lambda images, names: {expression}\n"


GOOD = "{'boxes': [[1, 2, 3, 4]], 'labels': [0], 'scores': [0.9]}"


def test_its_boxes_are_cut_and_parted_by_the_threshold(tmp_path: Path) -> None:
    teacher = teacher_of(tmp_path, DARK, threshold=0.2, batch=2)
    teacher.check("chair", PARTS)
    teacher.load()
    views = [
        block_view(40, 40, (5, 9), (20, 30)),
        block_view(40, 40, (1, 40), (0, 3)),
        block_view(40, 40, (0, 0), (0, 0)),
    ]
    said = teacher.predict(views, "chair", ("seat", "back rest"))
    check_predictions(said, views, 2)
    assert [boxes.part.tolist() for boxes in said] == [[1, 0], [1, 0], [0]]  # the empty one has no area
    assert said[0].xyxy.tolist() == [[20, 5, 30, 9], [0, 0, 40, 40]] and said[1].xyxy[0].tolist() == [0, 1, 3, 40]
    assert said[0].score.tolist() == [np.float32(0.9), np.float32(0.3)]  # made once, whatever was asked before
    strict = teacher_of(tmp_path, DARK).predict(views, "chair", PARTS)
    assert [len(boxes.part) for boxes in strict] == [1, 1, 0]


def test_shapes_are_labelled_with_it(tmp_path: Path) -> None:
    (tmp_path / "detector.py").write_text(HEAD + DARK)
    chairs = generate(GenerateSettings(category="chair", n=2, seed=3), tmp_path / "chairs")
    named = f"{tmp_path / 'detector.py'}:make"
    settings = LabelSettings(teacher="glip", detector=named, views=2, size=64, points=512, parts=("cushion", "seat"))
    label(chairs, settings)
    for knowledge in read_knowledge(Collection.open(chairs.root), "glip"):
        assert knowledge.meta["detector"] == named and len(knowledge.part) == 2
        assert knowledge.coverage() > 0.3 and knowledge.meta["prompts"] == [["seat"], ["cushion"]]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (returning("1 / 0"), r"failed \(ZeroDivisionError: division by zero\)"),
        (returning("[]"), "answered for 0 of 1 images"),
        (returning("None"), r"failed \(TypeError"),
        (returning("[3]"), "gave no mapping with arrays boxes"),
        (returning(f"[{GOOD.replace('boxes', 'bbox')}]"), "gave no mapping with arrays boxes"),
        (returning(f"[{GOOD.replace('1, 2, 3, 4', '1, 2, 3')}]"), "gave no mapping with arrays boxes"),
        (returning(f"[{GOOD.replace('0.9', '0.9, 0.8')}]"), "gave 1 boxes with other numbers of labels or scores"),
        (returning(f"[{GOOD.replace('[0]', '[2]')}]"), "gave a label that is none of 0 to 1"),
        (returning(f"[{GOOD.replace('[0]', '[-1]')}]"), "gave a label that is none of 0 to 1"),
        (returning(f"[{GOOD.replace('[0]', '[0.5]')}]"), "gave a label that is none of 0 to 1"),
    ],
)
def test_answers_of_another_form_are_refused(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        teacher_of(tmp_path, code).predict([block_view(40, 40, (5, 9), (20, 30))], "chair", PARTS)
    assert str(caught.value).startswith("--detector ") and len(str(caught.value).splitlines()) == 1


def test_scores_that_are_none_are_left_for_the_stage_to_refuse(tmp_path: Path) -> None:
    views = [block_view(40, 40, (5, 9), (20, 30))]
    said = teacher_of(tmp_path, returning(f"[{GOOD.replace('0.9', '1.5')}]")).predict(views, "chair", PARTS)
    with pytest.raises(InputError, match="not between 0 and 1"):
        check_predictions(said, views, 2)


def test_detectors_that_can_not_be_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs --detector module:function or file.py:function"):
        make_teacher("glip").check("chair", PARTS)
    for named in ("glip", ":make", "glip.py:"):
        with pytest.raises(SettingsError, match="name it module:function or file.py:function"):
            make_teacher("glip", {"detector": named}).predict([], "chair", PARTS)
    (tmp_path / "odd.py").write_text("def make():\n    return 3\n\ndef torn():\n    raise OSError('no\\nGPU')\n")
    for named, words in (
        ("no_such_module:make", "No module named 'no_such_module'"),
        (f"{tmp_path / 'none.py'}:make", "No such file"),
        (f"{tmp_path / 'odd.py'}:other", "has no attribute 'other'"),
        (f"{tmp_path / 'odd.py'}:make", "made a int, which can't be called"),
        (f"{tmp_path / 'odd.py'}:torn", "can't be made"),
        ("json:loads", "can't be made"),
    ):
        with pytest.raises(MissingError, match=words):
            make_teacher("glip", {"detector": named}).predict([], "chair", PARTS)
    with pytest.raises(SettingsError, match="is asked one phrase per part"):
        teacher_of(tmp_path, DARK, prompt_style="ensemble").check("chair", PARTS)
