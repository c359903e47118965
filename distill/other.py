"""The output "other": what is none of the named parts, PartNetE's label -1 (method.md, section 11, row 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int16

from distill.metrics import partnete_part_ious
from gen3d.errors import SettingsError
from gen3d.knowledge import Knowledge

OTHER = "other"
_DRAWS = 2000


def with_other(knowledge: Knowledge) -> Knowledge:
    """The knowledge with one unit more, of a part "other" that comes last: all points that no unit covers.

    Its confidence is the mean of the shape's own units, so that silence weighs as much as speech. A shape on which the
    teacher found nothing at all stays without a unit: silence about a whole shape says more of the teacher than of it.
    It is a unit like any other: class weights count it, and re-scoring replaces its confidence.

    Raises SettingsError where there is a part of that name already.
    """
    parts = list(knowledge.meta["parts"])
    if OTHER in parts:
        raise SettingsError(f'other: the teacher names a part "{OTHER}" itself; leave --other out')
    named = replace(knowledge, meta=knowledge.meta | {"parts": [*parts, OTHER]})
    passing = replace(knowledge)  # its unpacked mask is not kept
    bare = ~passing.mask.any(0)
    if not len(knowledge.part) or not bare.any():
        return named
    mean = knowledge.confidence.mean(keepdims=True)
    scores = knowledge.scores
    if scores is not None:
        scores = np.append(scores, np.full(bare.sum(), mean, np.float16))
    return replace(
        named,
        part=np.append(knowledge.part, np.int16(len(parts))),
        confidence=np.append(knowledge.confidence, mean),
        packed=np.concatenate([knowledge.packed, np.packbits(bare)[None]]),
        view=np.append(knowledge.view, np.int16(-1)),
        scores=scores,
    )


def partnete_scores(
    pairs: Sequence[tuple[Int16[np.ndarray, " _"], Int16[np.ndarray, " _"]]], parts: tuple[str, ...], kept: list[int]
) -> dict[str, Any]:
    """Scores in which points of none of the parts count, for JSON, in percent; None for a part that no shape has.

    Args:
        pairs: prediction and truth of every shape, -1 = none of the parts.
        parts: of the category.
        kept: labels that are scored.
    """
    ious = partnete_part_ious([p for p, _ in pairs], [t for _, t in pairs], len(parts))[kept]
    return {
        "metric": "PartNetE: per part the mean IoU over shapes that have it, points of none of the parts included",
        "miou": round(float(100 * np.nanmean(ious)), 2) if np.isfinite(ious).any() else None,
        "parts": {
            parts[label]: round(float(100 * iou), 2) if np.isfinite(iou) else None
            for label, iou in zip(kept, ious, strict=True)
        },
    }


def partnete_report(
    pairs: Sequence[tuple[Int16[np.ndarray, " N"], Int16[np.ndarray, " N"]]], parts: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """PartNetE's score of a category with its interval, for the JSON of an evaluation on that data set, in percent.

    The interval is the percentile bootstrap over shapes (Efron 1979): parts that no drawn shape has are left out.

    Args:
        pairs: prediction and truth of every shape, -1 = none of the parts.
        parts: the scored ones, which the labels are an index into.
        seed: of the resampling.
    """
    found = partnete_scores(pairs, parts, list(range(len(parts))))
    if found["miou"] is None:
        return {"partnete": found}
    ious = np.stack([partnete_part_ious([p], [t], len(parts)) for p, t in pairs])
    total, there = np.nan_to_num(ious), np.isfinite(ious)
    pick = np.random.default_rng(seed).integers(len(ious), size=(_DRAWS, len(ious)))
    sums, counts = total[pick].sum(1), there[pick].sum(1)
    seen = counts.any(1)
    means = (sums / np.maximum(counts, 1))[seen].sum(1) / (counts[seen] > 0).sum(1)
    return {"partnete": found | {"interval_95": (100 * np.quantile(means, [0.025, 0.975])).round(2).tolist()}}
