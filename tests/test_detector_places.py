"""From the pixels that a detector is shown to its boxes and masks in the view; the models' own pipelines as twins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_detectors import DINOS, PARTS, block_view, table, teacher_of

from gen3d.rendering.view import View
from gen3d.teachers.images import CLIP, HALF, IMAGENET, detector_images
from gen3d.teachers.predictions import Boxes, Masks
from gen3d.teachers.pretrained import Loaded, PretrainedTeacher


@pytest.fixture
def network(
    request: pytest.FixtureRequest, detectors: dict[str, Path], tmp_path: Path
) -> Iterator[tuple[Any, PretrainedTeacher]]:
    """A network of its own to tamper with, and the teacher that asks it."""
    folder = shutil.copytree(detectors[request.param], tmp_path / "own")
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
    assert isinstance(boxes, Boxes)
    patch = max(size) / 8
    middle = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    assert len(middle) and set(boxes.part) == {1}
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
def test_owlv2_boxes_are_those_of_its_own_pipeline(size: tuple[int, int], detectors: dict[str, Path]) -> None:
    """`forward` of the network and the processor's own post-processing, where the padding must come out again."""
    from transformers import AutoTokenizer, Owlv2ImageProcessorPil

    teacher = teacher_of("owlv2", detectors["owlv2"])
    view = block_view(*size, (10, 30), (5, 20))
    ours = teacher.predict([view], "chair", PARTS)[0]
    loaded = teacher._loaded()
    tokens = AutoTokenizer.from_pretrained(detectors["owlv2"])(
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
    name: str, size: tuple[int, int], detectors: dict[str, Path]
) -> None:
    """Places against the processor's own post-processing; names it gives as free text, which is why ours differ."""
    from transformers import AutoTokenizer, GroundingDinoImageProcessorPil, GroundingDinoProcessor

    teacher = teacher_of(name, detectors[name])
    view = block_view(*size, (10, 30), (5, 20))
    ours = teacher.predict([view], "chair", PARTS)[0]
    loaded, tokenizer = teacher._loaded(), AutoTokenizer.from_pretrained(detectors[name])
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
