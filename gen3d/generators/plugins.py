"""Generators that come with other packages, by the entry-point group `gen3d.generators`.

A package adds `--generator foo` by these lines of its `pyproject.toml`, where `make` (a class will do) gives a
`gen3d.generators.Generator` when called without arguments:

    [project.entry-points."gen3d.generators"]
    foo = "gen3d_foo:make"

Where it has no `vocabulary`, it is asked with a prompt for every shape; see `gen3d.prompts`. Its `generate` may raise
InputError for one shape; whatever else it raises is a failure of that shape too. The shapes are normalised here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from gen3d.errors import Gen3dError, InputError, MissingError, SettingsError
from gen3d.generators import Generator, Worded
from gen3d.shape import Shape

GROUP = "gen3d.generators"


def plugin_names() -> list[str]:
    """The generators that installed packages add, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def plugin_version(name: str) -> str:
    """The package and version that a generator comes with, as in "gen3d-foo 1.2". Raises SettingsError as `plugin`."""
    return _version(_point(name))


def plugin(name: str) -> Generator:
    """The generator of an installed package.

    Raises:
        SettingsError: no package adds one of that name, or two do.
        MissingError: it can't be loaded, or is no generator.
    """
    point = _point(name)
    where = f"generator {name!r} of {_version(point)} ({point.value})"
    try:
        made = point.load()()
    except Gen3dError:
        raise
    except Exception as error:  # anything may happen in other people's code; a plug-in must not end in a traceback
        reason = f"{type(error).__name__}: {error}"
        raise MissingError(f"{where} can't be loaded ({reason}); repair or uninstall that package") from None
    lacks = [member for member in ("name", "licence", "check", "generate") if not hasattr(made, member)]
    if lacks or not isinstance(made.name, str) or not isinstance(made.licence, str):
        why = f"lacks {', '.join(lacks)}" if lacks else "has a name or licence that is no text"
        raise MissingError(f"{where} is no generator: it {why}; repair or uninstall that package")
    return _WordedPlugin(name, made) if hasattr(made, "vocabulary") else _Plugin(name, made)


class _Plugin:
    """Other people's generator, held to what `Generator` promises."""

    def __init__(self, name: str, inner: Generator) -> None:
        self.name, self.licence, self._inner = name, inner.licence, inner

    def check(self, category: str, prompt: str | None = None) -> None:
        """Its own check; an error that is none of gen3d's becomes one."""
        try:
            self._inner.check(category, prompt)
        except Gen3dError:
            raise
        except Exception as error:
            raise SettingsError(f"generator {self.name!r}: check failed ({type(error).__name__}: {error})") from None

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        """Its shape, normalised, with prompt, seed and generator in the meta data. Raises InputError."""
        try:
            shape = self._inner.generate(category, seed, id, prompt)
        except (Gen3dError, MemoryError):
            raise
        except Exception as error:
            raise InputError(f"{id}: {self.name} failed ({type(error).__name__}: {error})") from None
        if not isinstance(shape, Shape):
            raise InputError(f"{id}: {self.name} made a {type(shape).__name__}, not a gen3d.shape.Shape")
        meta = {"prompt": prompt, "seed": seed, "generator": self.name} | shape.meta
        return replace(shape.normalised(), id=id, category=category, meta=meta)


class _WordedPlugin(_Plugin):
    """One that knows a list of words."""

    def vocabulary(self, category: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Its own."""
        assert isinstance(self._inner, Worded)
        return self._inner.vocabulary(category)


def _point(name: str) -> EntryPoint:
    """The entry point of that name. Raises SettingsError where there is none, or more than one."""
    found = list(entry_points(group=GROUP, name=name))
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(f"no installed package adds a generator {name!r}")
    packages = sorted("an unknown package" if point.dist is None else point.dist.name for point in found)
    raise SettingsError(f"generator {name!r} is added by {' and by '.join(packages)}; uninstall one of them")


def _version(point: EntryPoint) -> str:
    """The package and version of an entry point."""
    return "unknown" if point.dist is None else f"{point.dist.name} {point.dist.version}"
