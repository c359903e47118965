"""Captions of grounding detectors: whose tokens are whose, whatever the parts are called."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_detectors import bert_vocabulary

from gen3d.errors import InputError, SettingsError
from gen3d.teachers.captions import caption_of, one_phrase, part_scores, tokens_of

WORDS = st.sampled_from(
    ("leg", "chair", "table", "arm", "armrest", "rest", "l", "legs", "c-arm", "Seat", "BACK", "zebra")
)
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=6)


def tokenizer():
    from transformers import BertTokenizer

    return BertTokenizer(vocab=bert_vocabulary())


BERT = tokenizer()


@settings(max_examples=40)
@given(NAMES)
def test_every_part_gets_the_tokens_that_it_has_alone(names: list[str]) -> None:
    caption = caption_of(names)
    told = BERT(caption.text, return_offsets_mapping=True)
    found = tokens_of(caption, told["offset_mapping"])
    ids = told["input_ids"]
    for name, tokens in zip(names, found, strict=True):
        alone = BERT(name.lower(), add_special_tokens=False)["input_ids"]
        assert [ids[token] for token in tokens] == alone
        assert tokens == list(range(tokens[0], tokens[-1] + 1))
        assert ids[tokens[0] - 1] in (101, 1012) and ids[tokens[-1] + 1] == 1012  # [CLS] or . before, . behind
    flat = [token for tokens in found for token in tokens]
    assert flat == sorted(set(flat)) and len(flat) == len(ids) - 2 - len(names)


@settings(max_examples=40)
@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_of_parts_only_reorders_their_scores(names: list[str], random: object) -> None:
    order = list(range(len(names)))
    random.shuffle(order)  # type: ignore[attr-defined]
    scores = []
    for some in (names, [names[k] for k in order]):
        told = BERT(caption_of(some).text, return_offsets_mapping=True)
        # a network that scores a token by its number alone
        says = np.array([[(id * 37 % 101) / 101 for id in told["input_ids"]] + [-1.0] * 3])
        scores.append(part_scores(says, tokens_of(caption_of(some), told["offset_mapping"]))[0])
    assert scores[1].tolist() == scores[0][order].tolist()


@settings(max_examples=40)
@given(NAMES)
def test_spans_hold_the_names_and_nothing_else(names: list[str]) -> None:
    caption = caption_of(names)
    assert [caption.text[a:b] for a, b in caption.spans] == [name.lower() for name in names]
    assert re.fullmatch(r"([^.]+\.)( [^.]+\.)*", caption.text)


def test_shared_and_contained_words_stay_apart() -> None:
    names = ["chair leg", "table leg", "leg", "arm", "armrest"]
    caption = caption_of(names)
    assert caption.text == "chair leg. table leg. leg. arm. armrest."
    told = BERT(caption.text, return_offsets_mapping=True)
    words = BERT.convert_ids_to_tokens(told["input_ids"])
    tokens = tokens_of(caption, told["offset_mapping"])
    assert [[words[k] for k in some] for some in tokens] == [
        ["chair", "leg"], ["table", "leg"], ["leg"], ["arm"], ["arm", "##rest"],
    ]  # fmt: skip
    says = np.zeros((3, len(words) + 5), np.float32)
    says[0, tokens[1]] = 0.8  # all of "table leg"
    says[1, tokens[0][1]] = 0.8  # "leg" of "chair leg" alone
    says[2, tokens[4]] = [0.9, 0.5]
    expected = [[0, 0.8, 0, 0, 0], [0.4, 0, 0, 0, 0], [0, 0, 0, 0, 0.7]]
    assert np.allclose(part_scores(says, tokens), expected, atol=1e-6)


def test_stops_in_names_do_not_end_them_and_empty_ones_are_refused() -> None:
    assert caption_of(["No. 1 leg?", " b  c "]).text == "no 1 leg. b c."
    for bad in (".", " ", "??"):
        with pytest.raises(InputError, match="has no word"):
            caption_of(["leg", bad])
    with pytest.raises(InputError, match="'b c' has no word that the detector's tokenizer knows"):
        tokens_of(caption_of(["a", "b c"]), [(0, 0), (0, 1), (1, 2), (0, 0)])


def test_several_phrases_of_a_part_are_refused() -> None:
    assert one_phrase("sam3", (("a",), ("b",))) == (("a",), ("b",))
    with pytest.raises(SettingsError, match="sam3 teacher is asked one phrase per part"):
        one_phrase("sam3", (("a",), ("b", "c")))
