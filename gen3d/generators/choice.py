"""Which generator a name means; `auto` is one that needs no name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gen3d.environment import has_gpu
from gen3d.errors import Gen3dError, SettingsError
from gen3d.generators import GENERATORS, Generator
from gen3d.generators.plugins import plugin, plugin_names, plugin_version

AUTO = "auto"
EMBEDDED = "procedural"
PREFERRED = ("shap-e", "point-e")  # by `auto`, in this order, where weights and a GPU are there


class Choice(NamedTuple):
    """A generator's name, and why it is that one."""

    name: str
    reason: str


def choose(check: Callable[[str], None]) -> Choice:
    """The generator that `auto` stands for: one with pretrained weights where they and a GPU are there.

    Args:
        check: raises a Gen3dError where the named generator lacks something, as `Generator.check` does.
    """
    candidates = [name for name in PREFERRED if name in GENERATORS]
    if not candidates:
        return Choice(EMBEDDED, "no generator with pretrained weights is there")
    if not has_gpu():
        return Choice(EMBEDDED, f"without a GPU; --generator {candidates[0]} works on the processor, slowly")
    reasons = []
    for name in candidates:
        try:
            check(name)
            return Choice(name, "its weights and a GPU are there")
        except Gen3dError as error:
            reasons.append(f"{name}: {error}")
    return Choice(EMBEDDED, "; ".join(reasons))


def make_generator(name: str) -> Generator:
    """The generator of that name: one of gen3d's own, else an installed package's.

    Raises:
        SettingsError: unknown name; it lists the known ones.
        MissingError: see `gen3d.generators.plugins`.
    """
    if name in GENERATORS:
        return GENERATORS[name]()
    added = plugin_names()
    if name not in added:
        known = [*GENERATORS, *(other for other in added if other not in GENERATORS)]
        raise SettingsError(f"unknown generator {name!r}; known are: {', '.join(known)}")
    return plugin(name)


def package_of(name: str) -> str | None:
    """The package and version that a generator comes with; None for gen3d's own."""
    return None if name in GENERATORS else plugin_version(name)
