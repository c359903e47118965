"""What Shap-E and Point-E have in common, with real networks at a tiny size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sample_point_e
import sample_shap_e

from gen3d.collection import Collection
from gen3d.errors import SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS
from gen3d.generators.point_e.generator import PointEGenerator

WRITE: dict[str, Callable[[Path], Path]] = {"shap-e": sample_shap_e.write_tiny, "point-e": sample_point_e.write_tiny}
FAST: dict[str, dict[str, Any]] = {"shap-e": {"resolution": 20}, "point-e": {"points": 1024}}
EACH = pytest.mark.parametrize("name", WRITE)
Make = Callable[..., Collection]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder per generator."""
    return {name: write(tmp_path_factory.mktemp(name)) for name, write in WRITE.items()}


@pytest.fixture
def made(weights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """What `gen3d generate --generator NAME` makes in a folder with other settings."""
    monkeypatch.setitem(GENERATORS, "point-e", lambda: PointEGenerator(text=sample_point_e.Words()))

    def make(name: str, folder: str, **changes: Any) -> Collection:
        settings = {"category": "chair", "prompt": "a chair", "n": 3, "generator": name, "weights": str(weights[name])}
        settings |= {"steps": 2, "precision": "float32", "heading": "keep"} | FAST[name] | changes
        return generate(GenerateSettings(**settings), tmp_path / folder)

    return make


@EACH
def test_a_shape_has_the_same_bytes_whatever_is_made_beside_it(name: str, made: Make) -> None:
    together, apart, first = made(name, "a"), made(name, "b", shard=1), made(name, "c", n=1)
    assert list(together.samples()) == list(apart.samples())
    assert list(together.samples())[:1] == list(first.samples())


@EACH
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps = 0"),
        ({"guidance": 0.5}, "guidance = 0.5"),
        ({"precision": "half"}, "precision = 'half'"),
        ({"heading": "left"}, "heading = 'left'"),
        ({"generator": "procedural"}, "procedural has no such option"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(name: str, made: Make, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        made(name, "a", **changes)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("shap-e", {"points": 1024}, "unknown setting 'points'"),
        ("shap-e", {"resolution": 4}, "resolution = 4"),
        ("point-e", {"points": 2000}, "points = 2000"),
    ],
)
def test_so_is_one_of_a_generator_alone(name: str, made: Make, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        made(name, "a", **changes)
