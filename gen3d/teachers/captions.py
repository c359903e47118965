"""Captions of grounding detectors, and which of their tokens belong to which part.

Such a detector reads one caption that names all parts and gives every box a score per token. Where a phrase lies in the
caption is known from how it was put together: it is never searched for, so parts may share words, or be words of each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from gen3d.errors import InputError, SettingsError

_DELIMITERS = str.maketrans(dict.fromkeys(".?", " "))  # they end a phrase for the networks


class Caption(NamedTuple):
    """A text that names all phrases. `spans` holds for each phrase the places of its first character and its end."""

    text: str
    spans: tuple[tuple[int, int], ...]


def one_phrase(teacher: str, asked: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """What is asked, if it is one phrase per part. Raises SettingsError for several."""
    if any(len(texts) > 1 for texts in asked):
        raise SettingsError(
            f"the {teacher} teacher is asked one phrase per part; take another --prompt-style than ensemble"
        )
    return asked


def caption_of(phrases: Sequence[str]) -> Caption:
    """The phrases in small letters, a full stop after each, as the detectors were trained on.

    Raises InputError for a phrase that has no word.
    """
    text, spans = "", []
    for phrase in phrases:
        plain = " ".join(phrase.lower().translate(_DELIMITERS).split())
        if not plain:
            raise InputError(f"{phrase!r} has no word that a detector could look for")
        text += " " * bool(text)
        spans.append((len(text), len(text) + len(plain)))
        text += f"{plain}."
    return Caption(text, tuple(spans))


def tokens_of(caption: Caption, offsets: Sequence[tuple[int, int]]) -> list[list[int]]:
    """For each phrase the numbers of its tokens.

    Args:
        caption: see `caption_of`.
        offsets: for each token the places of its first character and its end; equal for special tokens.

    Raises InputError for a phrase of which no token is left: the tokenizer does not know its letters.
    """
    found = [
        [number for number, (start, end) in enumerate(offsets) if first <= start < end <= last]
        for first, last in caption.spans
    ]
    for tokens, (first, last) in zip(found, caption.spans, strict=True):
        if not tokens:
            raise InputError(f"{caption.text[first:last]!r} has no word that the detector's tokenizer knows")
    return found


def part_scores(scores: Float[np.ndarray, "Q T"], tokens: Sequence[Sequence[int]]) -> Float32[np.ndarray, "Q R"]:
    """The score of every candidate for every phrase: the mean over the phrase's tokens, as GLIP has it.

    Args:
        scores: of candidates for tokens, in [0, 1].
        tokens: see `tokens_of`.
    """
    means = [scores[:, list(numbers)].mean(1, dtype=np.float64) for numbers in tokens]
    return np.stack(means, 1).astype(np.float32)
