"""OWLv2, Grounding DINO, MM Grounding DINO and SAM 3 from tiny random weights: the real networks, end to end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_detectors import block_view, write_tiny

from distill.distillation import distill
from distill.trainer import DistillSettings
from gen3d.asking import LabelSettings
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label, read_knowledge
from gen3d.rendering.view import View
from gen3d.teachers import make_teacher
from gen3d.teachers.images import CLIP, HALF, IMAGENET, detector_images
from gen3d.teachers.predictions import Boxes, Masks, check_predictions
from gen3d.teachers.pretrained import Loaded, PretrainedTeacher

NAMES = ("owlv2", "grounding-dino", "mm-grounding-dino", "sam3")
DINOS = NAMES[1:3]
EACH = pytest.mark.parametrize("name", NAMES)
PARTS = ("back", "seat", "chair leg", "arm")
VIEWS = [
    block_view(48, 48, rows, columns) for rows, columns in (((8, 16), (24, 40)), ((20, 44), (4, 12)), ((0, 48), (0, 9)))
]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny weights of each."""
    return {name: write_tiny(name, tmp_path_factory.mktemp(name)) for name in NAMES}


def own_options(name: str) -> dict[str, Any]:
    return {"shortest": 96} if name in DINOS else {}


def teacher_of(name: str, folder: Path, **options: Any) -> PretrainedTeacher:
    values = {"weights": str(folder), "threshold": 0.0, "precision": "float32"} | own_options(name) | options
    made = make_teacher(name, values)
    assert isinstance(made, PretrainedTeacher)
    return made


def table(answer: Any) -> np.ndarray:
    """An answer's numbers: part, score and place of each, ordered by them."""
    place = answer.xyxy if isinstance(answer, Boxes) else answer.inside.reshape(len(answer.part), -1)[:, ::7]
    rows = np.column_stack([answer.part, answer.score, place]).astype(np.float64)
    return rows[np.lexsort((*rows.T[2:4].round(1), rows[:, 1].round(4), rows[:, 0]))]


# --- what every teacher keeps to -----------------------------------------------------------------------------------


@EACH
def test_answers_have_their_form_and_repeat(name: str, folders: dict[str, Path]) -> None:
    teacher = teacher_of(name, folders[name])
    teacher.check("chair", PARTS)
    said = teacher.predict(VIEWS, "chair", PARTS)
    check_predictions(said, VIEWS, len(PARTS))
    assert all(isinstance(answer, Masks if name == "sam3" else Boxes) for answer in said)
    assert teacher.kind == ("mask" if name == "sam3" else "box")
    assert sum(len(answer.part) for answer in said) > 8 and len({int(p) for a in said for p in a.part}) > 1
    again = teacher_of(name, folders[name]).predict(VIEWS, "chair", PARTS)
    assert all(np.array_equal(table(a), table(b)) for a, b in zip(said, again, strict=True))
    for boxes in said:
        if isinstance(boxes, Boxes):
            assert ((boxes.xyxy >= 0) & (boxes.xyxy <= 48)).all()
            assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all() and (np.diff(boxes.score) <= 0).all()
    assert not teacher.predict([], "chair", PARTS)


@EACH
def test_a_view_is_answered_alike_in_any_batch(name: str, folders: dict[str, Path]) -> None:
    alone = teacher_of(name, folders[name], batch=1).predict(VIEWS, "chair", PARTS)
    at_once = teacher_of(name, folders[name], batch=3).predict(VIEWS[::-1], "chair", PARTS)[::-1]
    for one, other in zip(alone, at_once, strict=True):
        assert table(one).shape == table(other).shape
        assert np.allclose(table(one), table(other), atol=2e-3)


@EACH
def test_the_order_of_parts_does_not_matter(name: str, folders: dict[str, Path]) -> None:
    teacher, order = teacher_of(name, folders[name]), [2, 0, 3, 1]
    said = teacher.predict(VIEWS, "chair", PARTS)
    turned = teacher.predict(VIEWS, "chair", tuple(PARTS[k] for k in order))
    for one, other in zip(said, turned, strict=True):
        part = np.array(order, np.int16)[other.part]
        renamed = Boxes(other.xyxy, part, other.score) if isinstance(other, Boxes) else None
        renamed = renamed or Masks(other.inside, part, other.score)
        assert np.allclose(table(one), table(renamed), atol=2e-3)


@EACH
def test_bfloat16_says_nearly_the_same(name: str, folders: dict[str, Path]) -> None:
    """Boxes within a pixel: their places must not be rounded with the rest."""
    fine = teacher_of(name, folders[name]).predict(VIEWS[:1], "chair", PARTS)[0]
    coarse = teacher_of(name, folders[name], precision="bf16").predict(VIEWS[:1], "chair", PARTS)[0]
    assert len(coarse.part) == len(fine.part)
    assert np.median(np.abs(np.sort(coarse.score) - np.sort(fine.score))) < 0.05
    if isinstance(fine, Boxes) and isinstance(coarse, Boxes):
        gaps = np.abs(fine.xyxy[:, None] - coarse.xyxy[None]).max(2)  # every box has a twin
        assert np.median(gaps.min(1)) < 0.5


@EACH
def test_the_threshold_parts_what_is_found(name: str, folders: dict[str, Path]) -> None:
    whole = teacher_of(name, folders[name]).predict(VIEWS, "chair", PARTS)
    middle = float(np.median(np.concatenate([answer.score for answer in whole])))
    some = teacher_of(name, folders[name], threshold=middle).predict(VIEWS, "chair", PARTS)
    assert [len(answer.part) for answer in some] == [int((answer.score > middle).sum()) for answer in whole]
    none = teacher_of(name, folders[name], threshold=1.0).predict(VIEWS, "chair", PARTS)
    assert all(not len(answer.part) for answer in none)
    check_predictions(none, VIEWS, len(PARTS))


# --- from pixels to boxes and back ---------------------------------------------------------------------------------


@pytest.fixture
def network(
    request: pytest.FixtureRequest, folders: dict[str, Path], tmp_path: Path
) -> Iterator[tuple[Any, PretrainedTeacher]]:
    """A network of its own to tamper with, and the teacher that asks it."""
    folder = shutil.copytree(folders[request.param], tmp_path / "own")
    teacher = teacher_of(request.param, folder, threshold=0.5)
    teacher.load()
    yield teacher._loaded().network, teacher


BLOCKS = [
    ((48, 48), (8, 16), (24, 40)),
    ((48, 48), (30, 48), (0, 6)),
    ((40, 64), (6, 16), (40, 60)),
    ((64, 40), (44, 60), (8, 18)),
]


def dark(images: torch.Tensor) -> torch.Tensor:
    """(B, h, w) of a network's input: 1 where it is dark; fill-up counts as bright."""
    return (images.mean(1) < 0.3).float()


@pytest.mark.parametrize("network", DINOS, indirect=True)
@pytest.mark.parametrize(("size", "rows", "columns"), BLOCKS)
def test_a_box_around_what_grounding_dino_is_shown(
    network: tuple[Any, PretrainedTeacher], size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    model, teacher = network

    def box_the_dark(module: Any, args: Any, given: dict[str, Any], said: Any) -> Any:
        here = dark(given["pixel_values"])[0].nonzero()
        height, width = given["pixel_values"].shape[2:]
        (top, left), (bottom, right) = here.min(0).values.tolist(), (here.max(0).values + 1).tolist()
        box = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]
        said.pred_boxes[:] = torch.tensor(box)
        said.logits[:] = -9.0
        # tokens: [CLS] back . seat . chair leg . arm . [SEP]; both of "chair leg", one of "arm" (which has one)
        said.logits[0, 0, 5:7] = 3.0
        said.logits[0, 1, 6] = 3.0  # "leg" alone is not enough
        return said

    model.register_forward_hook(box_the_dark, with_kwargs=True)
    boxes = teacher.predict([block_view(*size, rows, columns)], "chair", PARTS)[0]
    assert isinstance(boxes, Boxes) and boxes.part.tolist() == [2]
    expected = [columns[0], rows[0], columns[1], rows[1]]
    assert np.abs(boxes.xyxy[0] - expected).max() < 0.75, (boxes.xyxy, expected)


@pytest.mark.parametrize("network", ["owlv2"], indirect=True)
@pytest.mark.parametrize(("size", "rows", "columns"), BLOCKS)
def test_a_box_on_the_patches_that_owlv2_is_shown(
    network: tuple[Any, PretrainedTeacher], size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Boxes of one patch where it is dark: OWLv2 puts them at the patch's lower right corner, so half a patch off."""
    model, teacher = network
    seen: list[torch.Tensor] = []
    model.owlv2.vision_model.register_forward_pre_hook(
        lambda module, args, given: seen.append(given["pixel_values"]), with_kwargs=True
    )

    class DarkPatches(torch.nn.Module):
        def forward(self, *args: Any) -> tuple[torch.Tensor, None]:
            share = torch.nn.functional.avg_pool2d((seen[-1].mean(1, keepdim=True) < 0.3).float(), 8).flatten(1)
            inside = seen[-1].mean(1, keepdim=True) > -1.4  # the fill-up is the darkest of all
            share = share * torch.nn.functional.avg_pool2d(inside.float(), 8).flatten(1)
            return torch.stack([share - 9, 18 * share - 9], -1), None

    model.class_head = DarkPatches()
    for weight in model.box_head.parameters():
        torch.nn.init.zeros_(weight)
    boxes = teacher.predict([block_view(*size, rows, columns)], "chair", PARTS[:2])[0]
    patch = max(size) / 8
    middle = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    assert isinstance(boxes, Boxes) and len(middle) and set(boxes.part) == {1}
    expected = [
        (j * patch, i * patch)
        for i in range(1, 9)
        for j in range(1, 9)
        if _covered(rows, i, patch) * _covered(columns, j, patch) > 0.55
    ]
    got = sorted((round(float(x), 1), round(float(y), 1)) for x, y in middle)
    for x, y in expected:
        assert any(abs(x - a) < 0.5 * patch and abs(y - b) < 0.5 * patch for a, b in got), ((x, y), got)
    for x, y in got:
        shown = _covered(rows, y / patch, patch) * _covered(columns, x / patch, patch)
        assert shown > 0.2, ((x, y), expected)


def _covered(span: tuple[int, int], number: float, patch: float) -> float:
    """Which share of the patch that ends at `number` patches lies in the span."""
    return max(0.0, min(span[1], number * patch) - max(span[0], (number - 1) * patch)) / patch


@pytest.mark.parametrize("network", ["sam3"], indirect=True)
@pytest.mark.parametrize(("size", "rows", "columns"), BLOCKS)
def test_the_mask_of_what_sam3_is_shown(
    network: tuple[Any, PretrainedTeacher], size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    model, teacher = network
    seen: list[torch.Tensor] = []
    model.vision_encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    asked: list[int] = []

    def mask_the_dark(module: Any, args: Any, given: dict[str, Any], said: Any) -> Any:
        asked.append(1)
        small = torch.nn.functional.interpolate(dark(seen[-1])[:, None], (32, 32), mode="area")
        said.pred_masks[:] = (small - 0.5) * 20
        said.pred_logits[:] = torch.tensor([3.0, -3.0, -3.0, -3.0, -3.0])
        said.presence_logits[:] = 3.0 if len(asked) == 3 else -3.0  # the third part alone is there
        return said

    model.register_forward_hook(mask_the_dark, with_kwargs=True)
    view = block_view(*size, rows, columns)
    masks = teacher.predict([view], "chair", PARTS)[0]
    assert isinstance(masks, Masks) and masks.part.tolist() == [2] and len(seen) == 1 and len(asked) == 4
    assert masks.score[0] == pytest.approx(torch.sigmoid(torch.tensor(3.0)).item() ** 2, abs=1e-6)
    both = (masks.inside[0] & view.hit).sum() / (masks.inside[0] | view.hit).sum()
    assert both > 0.8, both


def test_images_are_those_of_the_models_own_processors() -> None:
    """Against the classes of transformers, which resize a little differently."""
    from transformers import GroundingDinoImageProcessorPil, Owlv2ImageProcessorPil

    rng = np.random.default_rng(0)
    for height, width in ((48, 48), (40, 64), (64, 40)):
        block = block_view(height, width, (10, 30), (5, 20))
        view = View(block.camera, block.element, block.depth, rng.normal(size=(height, width, 3)).astype(np.float32))
        loaded = Loaded(torch.nn.Linear(1, 1), Path("x"), torch.float32)
        ours = detector_images([view], (64, 64), CLIP, loaded, square=True)
        theirs = Owlv2ImageProcessorPil(size={"height": 64, "width": 64})(view.color, return_tensors="pt")[
            "pixel_values"
        ]
        assert ours.shape == theirs.shape and (ours - theirs).abs().mean() < 0.08
        assert np.corrcoef(ours.flatten(), theirs.flatten())[0, 1] > 0.995
        size = {"shortest_edge": 96, "longest_edge": 133}
        theirs = GroundingDinoImageProcessorPil(size=size)(view.color, return_tensors="pt")["pixel_values"]
        ours = detector_images([view], (theirs.shape[2], theirs.shape[3]), IMAGENET, loaded)
        assert (ours - theirs).abs().mean() < 0.02 and np.corrcoef(ours.flatten(), theirs.flatten())[0, 1] > 0.999
    assert detector_images([view], (112, 112), HALF, loaded).min() >= -1


@pytest.mark.parametrize("size", [(48, 48), (40, 64), (64, 40)])
def test_owlv2_boxes_are_those_of_its_own_pipeline(size: tuple[int, int], folders: dict[str, Path]) -> None:
    """`forward` of the network and the processor's own post-processing, where the padding must come out again."""
    from transformers import AutoTokenizer, Owlv2ImageProcessorPil

    teacher = teacher_of("owlv2", folders["owlv2"])
    view = block_view(*size, (10, 30), (5, 20))
    ours = teacher.predict([view], "chair", PARTS)[0]
    loaded = teacher._loaded()
    tokens = AutoTokenizer.from_pretrained(folders["owlv2"])(
        list(PARTS), padding="max_length", max_length=16, return_tensors="pt"
    )
    with torch.no_grad():
        said = loaded.network(**tokens, pixel_values=detector_images([view], (64, 64), CLIP, loaded, square=True))
    told = Owlv2ImageProcessorPil().post_process_object_detection(said, threshold=0.0, target_sizes=[size])[0]
    clipped = told["boxes"].numpy().clip(0, [size[1], size[0]] * 2)
    inside = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
    theirs = Boxes(
        clipped[inside].astype(np.float32),
        told["labels"].numpy()[inside].astype(np.int16),
        told["scores"].numpy()[inside],
    )
    assert isinstance(ours, Boxes) and np.allclose(table(ours), table(theirs), atol=1e-3)


@pytest.mark.parametrize("name", DINOS)
@pytest.mark.parametrize("size", [(48, 48), (40, 64)])
def test_grounding_dino_boxes_are_those_of_its_own_pipeline(
    name: str, size: tuple[int, int], folders: dict[str, Path]
) -> None:
    """Places against the processor's own post-processing; names it gives as free text, which is why ours differ."""
    from transformers import AutoTokenizer, GroundingDinoImageProcessorPil, GroundingDinoProcessor

    teacher = teacher_of(name, folders[name])
    view = block_view(*size, (10, 30), (5, 20))
    ours = teacher.predict([view], "chair", PARTS)[0]
    loaded, tokenizer = teacher._loaded(), AutoTokenizer.from_pretrained(folders[name])
    processor = GroundingDinoProcessor(GroundingDinoImageProcessorPil(), tokenizer)
    tokens = tokenizer("back. seat. chair leg. arm.", return_tensors="pt")
    shape = (96, round(96 * size[1] / size[0]))
    with torch.no_grad():
        said = loaded.network(pixel_values=detector_images([view], shape, IMAGENET, loaded), **tokens)
    told = processor.post_process_grounded_object_detection(said, threshold=0.0, target_sizes=[size])[0]
    clipped = told["boxes"].numpy().clip(0, [size[1], size[0]] * 2)
    assert isinstance(ours, Boxes) and len(ours.part) == len(clipped)
    gaps = np.abs(ours.xyxy[:, None] - clipped[None]).max(2)
    assert gaps.min(1).max() < 1e-2 and gaps.min(0).max() < 1e-2


# --- end to end ----------------------------------------------------------------------------------------------------


def settings_of(name: str, folder: Path, **change: Any) -> LabelSettings:
    values: dict[str, Any] = {"teacher": name, "weights": str(folder), "precision": "float32", "threshold": 0.0}
    values |= {"views": 2, "size": 64, "points": 512, "parts": ("back", "seat", "leg"), "options": own_options(name)}
    return LabelSettings(**(values | change))


@EACH
def test_two_chairs_are_labelled_and_distilled(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    chairs = generate(GenerateSettings(category="chair", n=2, seed=3), tmp_path / "chairs")
    label(chairs, settings_of(name, folders[name]))
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


def broken(folder: Path, out: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """The same weights, changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, out)
    tensors = load_file(out / "model.safetensors")
    change(tensors)
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    return out


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)


@EACH
def test_weights_that_are_no_numbers_are_told(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    folder = broken(folders[name], tmp_path / "nan", _nan)
    with pytest.raises(InputError, match="not finite"):
        check_predictions(teacher_of(name, folder).predict(VIEWS, "chair", PARTS), VIEWS, len(PARTS))


@EACH
def test_what_is_missing_or_of_another_network_is_told(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"config.json.*name a folder that holds them"):
        teacher_of(name, tmp_path).check("chair", PARTS)
    other = folders["sam3" if name != "sam3" else "owlv2"]
    swapped = shutil.copytree(folders[name], tmp_path / "swapped")
    shutil.copy(other / "model.safetensors", swapped / "model.safetensors")
    with pytest.raises(InputError, match="weights"):
        teacher_of(name, swapped).load()
    lacking = broken(folders[name], tmp_path / "lacking", lambda tensors: tensors.pop(max(tensors)))
    with pytest.raises(InputError, match="they lack"):
        teacher_of(name, lacking).load()


@EACH
def test_words_and_options_that_can_not_be(name: str, folders: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="threshold"):
        teacher_of(name, folders[name], threshold=1.5)
    with pytest.raises(SettingsError, match="unknown setting 'colour'"):
        teacher_of(name, folders[name], colour=1)
    ensemble = teacher_of(name, folders[name], prompt_style="ensemble")
    if name == "owlv2":
        assert len(ensemble.predict(VIEWS[:1], "chair", PARTS)) == 1
    else:
        with pytest.raises(SettingsError, match=f"the {name} teacher is asked one phrase per part"):
            ensemble.check("chair", PARTS)


def test_more_parts_than_a_caption_holds(folders: dict[str, Path]) -> None:
    parts = tuple(f"chair leg {letter}{other}" for letter in "abcdefghij" for other in "klmnopq")
    with pytest.raises(InputError, match="70 parts are .* tokens; the network reads 256: ask for fewer"):
        teacher_of("grounding-dino", folders["grounding-dino"]).predict(VIEWS[:1], "chair", parts)
