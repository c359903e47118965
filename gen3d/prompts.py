"""Prompts for generators that take any text: sets per category, files of them, and which shape gets which."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gen3d.categories import any_category
from gen3d.errors import InputError, SettingsError
from gen3d.generators import Generator, Worded

LONGEST = 1000  # characters of a prompt
_LARGEST = 1 << 24  # bytes of a file

# Per category: kinds of it, each a phrase that says what it is, and adjectives that go with all of them. A plain
# "a chair" is like the captions that Point-E and Shap-E learnt from; adjectives widen the variety (generators.md, 4).
_SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "airplane": (
        ("airplane", "jet airliner", "propeller airplane", "fighter jet", "biplane", "glider plane", "private jet"),
        ("small", "large", "vintage", "modern", "military", "white"),
    ),
    "bag": (
        ("bag", "handbag", "tote bag", "shopping bag", "shoulder bag", "duffel bag", "briefcase"),
        ("leather", "canvas", "small", "large", "red", "elegant"),
    ),
    "cap": (
        ("cap", "baseball cap", "cap with a visor", "trucker cap", "flat cap", "snapback cap"),
        ("red", "blue", "cotton", "sporty", "plain", "woollen"),
    ),
    "car": (
        ("car", "sedan car", "sports car", "pickup truck", "hatchback car", "station wagon car", "off-road car"),
        ("red", "vintage", "modern", "small", "large", "luxury"),
    ),
    "chair": (
        ("chair", "office chair", "armchair", "dining chair", "rocking chair", "folding chair", "swivel chair",
         "chair with arm rests"),
        ("wooden", "metal", "plastic", "modern", "antique", "padded", "high-backed"),
    ),
    "earphone": (
        ("pair of headphones", "headphone with a headband", "gaming headset", "earphone", "headset with a cable"),
        ("black", "white", "wireless", "large", "modern", "vintage"),
    ),
    "guitar": (
        ("guitar", "acoustic guitar", "electric guitar", "bass guitar", "classical guitar", "flying V guitar"),
        ("wooden", "red", "black", "vintage", "shiny", "simple"),
    ),
    "knife": (
        ("knife", "kitchen knife", "dagger", "chef's knife", "hunting knife", "table knife", "bread knife"),
        ("steel", "sharp", "small", "long", "simple", "antique"),
    ),
    "lamp": (
        ("lamp", "table lamp", "floor lamp", "desk lamp", "ceiling lamp", "pendant lamp", "bedside lamp"),
        ("modern", "antique", "metal", "wooden", "tall", "small"),
    ),
    "laptop": (
        ("laptop", "open laptop", "notebook computer", "laptop with its lid open", "gaming laptop"),
        ("thin", "black", "silver", "old", "modern", "small"),
    ),
    "motorbike": (
        ("motorbike", "motorcycle", "sports motorcycle", "scooter", "chopper motorcycle", "dirt bike"),
        ("red", "black", "vintage", "modern", "heavy", "light"),
    ),
    "mug": (
        ("mug", "coffee mug", "tea cup with a handle", "beer mug", "ceramic mug", "travel mug with a handle"),
        ("white", "blue", "tall", "small", "plain", "wide"),
    ),
    "pistol": (
        ("pistol", "revolver", "semi-automatic pistol", "handgun", "flintlock pistol", "toy pistol"),
        ("black", "silver", "antique", "modern", "small", "long"),
    ),
    "rocket": (
        ("rocket", "space rocket", "rocket with fins", "toy rocket", "missile", "retro rocket ship"),
        ("red", "white", "tall", "small", "slender", "cartoon"),
    ),
    "skateboard": (
        ("skateboard", "longboard", "skateboard with four wheels", "cruiser skateboard", "penny board"),
        ("wooden", "red", "black", "worn", "simple", "wide"),
    ),
    "table": (
        ("table", "dining table", "coffee table", "desk with drawers", "round table", "side table", "writing desk"),
        ("wooden", "glass", "metal", "modern", "antique", "low", "small"),
    ),
}  # fmt: skip


def prompt_set(name: str) -> tuple[str, ...]:
    """The prompts of a category: every kind plain, then with every adjective; "a shark" for one that is not known.

    Raises SettingsError for a name that is no word.
    """
    kinds, adjectives = _SETS.get(any_category(name).name, ((name,), ()))
    phrases = [*kinds, *(f"{adjective} {kind}" for adjective in adjectives for kind in kinds)]
    return tuple(f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}" for phrase in phrases)


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """The prompts of a text file, one per line; empty lines and those that start with # are passed over.

    Raises InputError for a file that can't be read, is no UTF-8, holds no prompt or too long a one.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({(error.strerror or 'no reason given').lower()})") from None
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text in UTF-8; save it as such") from None
    if len(data) > _LARGEST:
        raise InputError(f"{path}: is larger than {_LARGEST >> 20} MiB; keep fewer prompts")
    found = [(number, " ".join(line.split())) for number, line in enumerate(lines, 1)]
    found = [(number, line) for number, line in found if line and not line.startswith("#")]
    if not found:
        raise InputError(f"{path}: holds no prompt; write one per line")
    for number, line in found:
        if len(line) > LONGEST:
            raise InputError(f"{path}: line {number} has {len(line)} characters; a prompt has at most {LONGEST}")
    return tuple(line for _, line in found)


def prompts_of(name: str, generator: Generator, prompt: str | None, file: str | None) -> tuple[str | None, ...]:
    """What the shapes of a collection are asked for: the prompt, a file's, else a set's where any text is understood.

    Returns:
        (None,) for a generator with a list of words that is told nothing: it varies its shapes by itself.

    Raises:
        SettingsError: a prompt and a file, a category that is unknown, or a prompt that the generator can't follow.
        InputError: see `read_prompts`.
    """
    if file is None:
        found = (prompt,) if prompt is not None or isinstance(generator, Worded) else prompt_set(name)
        generator.check(name, found[0])
        return found
    if prompt is not None:
        raise SettingsError("--prompts-file and --prompt: only one of them can say what is asked for")
    lines = read_prompts(file)
    for line in dict.fromkeys(lines):
        try:
            generator.check(name, line)
        except SettingsError as error:
            raise SettingsError(f"--prompts-file {file}: {line!r}: {error}") from None
    return lines


def drawn_prompt(prompts: Sequence[str | None], run_seed: int, index: int) -> str | None:
    """The prompt of one shape: every round through all of them is in an order of its own, drawn by the seed."""
    if len(prompts) == 1:
        return prompts[0]
    turn, place = divmod(index, len(prompts))
    return prompts[int(np.random.default_rng([run_seed, turn]).permutation(len(prompts))[place])]


def digest(prompts: Sequence[str]) -> dict[str, Any]:
    """What is recorded of a file's prompts, so that a changed file is told; each shape keeps its own."""
    text = "\n".join(prompts).encode()
    return {"count": len(prompts), "hash": hashlib.blake2b(text, digest_size=8).hexdigest()}
