"""Shapes from parametric grammars whose every face carries its part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gen3d.categories import CATEGORIES
from gen3d.errors import SettingsError
from gen3d.generators.procedural.airplane import WORDS as AIRPLANE_WORDS
from gen3d.generators.procedural.airplane import airplane
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.bag import WORDS as BAG_WORDS
from gen3d.generators.procedural.bag import bag
from gen3d.generators.procedural.cap import WORDS as CAP_WORDS
from gen3d.generators.procedural.cap import cap
from gen3d.generators.procedural.car import WORDS as CAR_WORDS
from gen3d.generators.procedural.car import car
from gen3d.generators.procedural.chair import WORDS as CHAIR_WORDS
from gen3d.generators.procedural.chair import chair
from gen3d.generators.procedural.earphone import WORDS as EARPHONE_WORDS
from gen3d.generators.procedural.earphone import earphone
from gen3d.generators.procedural.guitar import WORDS as GUITAR_WORDS
from gen3d.generators.procedural.guitar import guitar
from gen3d.generators.procedural.knife import WORDS as KNIFE_WORDS
from gen3d.generators.procedural.knife import knife
from gen3d.generators.procedural.lamp import WORDS as LAMP_WORDS
from gen3d.generators.procedural.lamp import lamp
from gen3d.generators.procedural.laptop import WORDS as LAPTOP_WORDS
from gen3d.generators.procedural.laptop import laptop
from gen3d.generators.procedural.motorbike import WORDS as MOTORBIKE_WORDS
from gen3d.generators.procedural.motorbike import motorbike
from gen3d.generators.procedural.mug import WORDS as MUG_WORDS
from gen3d.generators.procedural.mug import mug
from gen3d.generators.procedural.pistol import WORDS as PISTOL_WORDS
from gen3d.generators.procedural.pistol import pistol
from gen3d.generators.procedural.rocket import WORDS as ROCKET_WORDS
from gen3d.generators.procedural.rocket import rocket
from gen3d.generators.procedural.skateboard import WORDS as SKATEBOARD_WORDS
from gen3d.generators.procedural.skateboard import skateboard
from gen3d.generators.procedural.steering import refuse_impossible, steered
from gen3d.generators.procedural.table import WORDS as TABLE_WORDS
from gen3d.generators.procedural.table import table
from gen3d.generators.procedural.vocabulary import Demand, Vocabulary, known_phrases, read_prompt
from gen3d.shape import Shape

GRAMMARS: dict[str, Callable[[np.random.Generator], Assembly]] = {
    "airplane": airplane,
    "bag": bag,
    "cap": cap,
    "car": car,
    "chair": chair,
    "earphone": earphone,
    "guitar": guitar,
    "knife": knife,
    "lamp": lamp,
    "laptop": laptop,
    "motorbike": motorbike,
    "mug": mug,
    "pistol": pistol,
    "rocket": rocket,
    "skateboard": skateboard,
    "table": table,
}

# The words that a prompt may have, of every category with any.
VOCABULARIES: dict[str, Vocabulary] = {
    "airplane": AIRPLANE_WORDS,
    "bag": BAG_WORDS,
    "cap": CAP_WORDS,
    "car": CAR_WORDS,
    "chair": CHAIR_WORDS,
    "earphone": EARPHONE_WORDS,
    "guitar": GUITAR_WORDS,
    "knife": KNIFE_WORDS,
    "lamp": LAMP_WORDS,
    "laptop": LAPTOP_WORDS,
    "motorbike": MOTORBIKE_WORDS,
    "mug": MUG_WORDS,
    "pistol": PISTOL_WORDS,
    "rocket": ROCKET_WORDS,
    "skateboard": SKATEBOARD_WORDS,
    "table": TABLE_WORDS,
}


class ProceduralGenerator:
    """Draws shapes of a category from its grammar; every face carries its part."""

    name = "procedural"
    licence = "Apache-2.0"

    def check(self, category: str, prompt: str | None = None) -> None:
        """Raise SettingsError for a category without grammar, a word that is not known, or what never comes true."""
        refuse_impossible(self._grammar(category), _demands(category, prompt), category)

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """One labelled, normalised shape; the same seed and prompt give the same bytes.

        A prompt that asks for nothing more than the category gives the shape of no prompt.

        Raises:
            SettingsError: as `check`.
            InputError: where no draw is what the prompt asks for.
        """
        made, attempt = steered(self._grammar(category), seed, _demands(category, prompt))
        shape = made.shape(id, category)
        shape.meta.update(prompt=prompt or f"a {category}", seed=seed, generator=self.name)
        if attempt:
            shape.meta["attempt"] = attempt
        return shape

    def vocabulary(self, category: str) -> Vocabulary:
        """The words that prompts of a category may have. Raises SettingsError where there is no grammar of it."""
        self._grammar(category)
        return known_phrases(CATEGORIES[category], VOCABULARIES.get(category, {}))

    def _grammar(self, category: str) -> Callable[[np.random.Generator], Assembly]:
        if category not in GRAMMARS:
            raise SettingsError(f"no procedural grammar of {category!r}; there are: {', '.join(GRAMMARS)}")
        return GRAMMARS[category]


def _demands(category: str, prompt: str | None) -> tuple[Demand, ...]:
    """What a prompt asks of a category's grammar."""
    return () if prompt is None else read_prompt(prompt, CATEGORIES[category], VOCABULARIES.get(category, {}))
