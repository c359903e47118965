"""`gen3d show` in a real browser, headless and drawn by software: what the pixels of its canvas show."""

from __future__ import annotations

import base64
import colorsys
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_knowledge import face_labels, toy_chair
from sample_show import PARTS, Toys, make_run

from distill.viewer.opening import ShowSettings, open_source
from distill.viewer.server import ServeSettings, Viewer
from distill.viewer.sources import Source
from gen3d.colors import PALETTE, RIGHT_COLOR, WRONG_COLOR
from gen3d.rendering.cameras import Camera
from gen3d.rendering.embree import EmbreeRenderer

pytest.importorskip("viser", reason="viser is not installed: pip install 'gen3d[viewer]'")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --disable-dev-shm-usage "
    "--hide-scrollbars --window-size=900,640 --no-first-run --disable-background-networking --no-proxy-server"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium and chromedriver: apt-get install chromium-driver"
    ),
]
PATIENCE = 240  # seconds: software draws slowly where the processor has other work
SHOTS = os.environ.get("GEN3D_SCREENSHOTS")  # a folder to keep them in, for people to look at


class Page:
    """A viewer's page in a browser."""

    def __init__(self, driver: Any, viewer: Viewer) -> None:
        self.driver, self.viewer = driver, viewer
        driver.get(viewer.url)

    def canvas(self) -> np.ndarray:
        """(H, W, 3) pixels of the 3D canvas, white where it is clear."""
        script = "const all = [...document.querySelectorAll('canvas')].filter(c => c.width && c.height);"
        script += "return all.length ? all.at(-1).toDataURL() : ''"  # viser has another one, of no size, before it
        data = self.driver.execute_script(script)
        if not data:
            return np.full((1, 1, 3), 255, np.uint8)
        image = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return np.asarray(Image.alpha_composite(white, image).convert("RGB"))

    def count(self, color: tuple[int, int, int]) -> int:
        """How many pixels of the canvas have the hue of a colour."""
        return int((hues(self.canvas()) == nearest_hue(color)).sum())

    def text(self) -> str:
        """All that the page says."""
        return self.driver.find_element("tag name", "body").text

    def press(self, label: str) -> None:
        """Click the button whose label starts so."""
        path = f"//button[starts-with(normalize-space(.), '{label}')]"
        self.until(lambda: bool(self.driver.find_elements("xpath", path)), f"a button {label}")
        self.driver.find_element("xpath", path).click()

    def key(self, key: str) -> None:
        """Press a key while nothing has the focus."""
        self.driver.execute_script("document.activeElement.blur()")
        webdriver.ActionChains(self.driver).send_keys(key).perform()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something on the page."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"never seen: {what}; the page says: {self.text()[:500]}"
            time.sleep(0.1)

    def keep(self, name: str) -> None:
        """A picture of the whole page for people, where somebody asked for it."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))


HUES = np.array([colorsys.rgb_to_hsv(*(c / 255 for c in color))[0] for color in (*PALETTE[:4].tolist(), WRONG_COLOR)])


def hues(pixels: np.ndarray) -> np.ndarray:
    """(H, W) which of `HUES` a pixel has; -1 where it is grey or of another."""
    hsv = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(np.float32) / 255
    apart = np.abs(hsv[..., :1] - HUES)
    apart = np.minimum(apart, 1 - apart)
    return np.where((apart.min(-1) < 0.04) & (hsv[..., 1] > 0.15), apart.argmin(-1), -1)


def nearest_hue(color: tuple[int, int, int]) -> int:
    (place,) = hues(np.array([[color]], np.uint8)).reshape(-1)
    assert place >= 0
    return int(place)


BACK, SEAT, LEG, ARM = (tuple(color) for color in PALETTE[:4].tolist())


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    found.set_script_timeout(PATIENCE)
    found.set_page_load_timeout(PATIENCE)
    yield found
    found.quit()


@pytest.fixture
def page(driver: Any) -> Iterator[Callable[[Source], Page]]:
    viewers: list[Viewer] = []

    def show(source: Source) -> Page:
        viewers.append(Viewer(source, ServeSettings(port=0)))
        return Page(driver, viewers[-1])

    yield show
    driver.get("about:blank")
    for viewer in viewers:
        viewer.stop()


def test_parts_are_hidden_and_shown_and_shapes_follow_each_other(page: Callable[[Source], Page]) -> None:
    toys = page(Toys(3))
    toys.until(lambda: min(map(toys.count, (BACK, SEAT, LEG, ARM))) > 100, "all four parts in their colours")
    before = {color: toys.count(color) for color in (BACK, SEAT, LEG, ARM)}
    assert "toy-0 (1 of 3)" in toys.text() and "prompt: {0} <img src=x>" in toys.text()
    toys.keep("parts")
    toys.press("leg")
    toys.until(lambda: toys.count(LEG) == 0, "no leg")
    assert all(toys.count(color) >= before[color] for color in (BACK, SEAT, ARM))
    toys.keep("no-legs")
    toys.press("leg")
    toys.until(lambda: toys.count(LEG) == before[LEG], "the legs again")
    first = toys.canvas()
    toys.press("next")
    toys.until(lambda: "toy-1 (2 of 3)" in toys.text() and not np.array_equal(toys.canvas(), first), "the next shape")
    toys.press("previous")
    toys.until(lambda: "toy-0 (1 of 3)" in toys.text() and np.array_equal(toys.canvas(), first), "the first shape")
    toys.key("\ue012")  # arrow left
    toys.until(lambda: "toy-2 (3 of 3)" in toys.text(), "the last shape")
    find = toys.driver.find_element("xpath", "//*[text()='find']/following::input[1]")
    find.send_keys("blue")
    toys.until(lambda: "toy-1 (2 of 3)" in toys.text() and "match 1 of 1" in toys.text(), "the blue chair")


def test_truth_prediction_and_errors_are_told_apart(page: Callable[[Source], Page]) -> None:
    toys = page(Toys(1))
    toys.until(lambda: min(toys.count(BACK), toys.count(SEAT)) > 100, "the truth")
    back, seat = toys.count(BACK), toys.count(SEAT)
    toys.key("2")  # the prediction calls every back a seat
    toys.until(lambda: toys.count(BACK) == 0, "the prediction")
    assert abs(toys.count(SEAT) - seat - back) < 0.02 * (seat + back)
    toys.key("3")
    toys.until(lambda: toys.count(WRONG_COLOR) > 100, "the errors")
    assert abs(toys.count(WRONG_COLOR) - back) < 0.02 * back and not toys.count(LEG)
    assert "wrong" in toys.text() and "right" in toys.text() and RIGHT_COLOR
    toys.keep("errors")
    toys.key("1")
    toys.until(lambda: toys.count(BACK) == back, "the truth again")


def test_it_stands_upright_and_nothing_is_mirrored(page: Callable[[Source], Page]) -> None:
    """Every pixel has the part that our own renderer sees from the same place."""
    toys = page(Toys(1))
    toys.until(lambda: toys.count(LEG) > 100, "the shape")
    shape = toy_chair(0).normalised()
    for elevation, azimuth in ((20, 40), (-20, 250)):
        before = toys.canvas()
        toys.viewer._stage.look_from(elevation, azimuth)
        toys.until(lambda before=before: not np.array_equal(toys.canvas(), before), "another view")
        pixels = toys.canvas()
        size, width = pixels.shape[:2]
        (view,) = EmbreeRenderer((Camera(elevation, azimuth, size=size),)).render(shape)
        expected = np.where(view.hit, face_labels(shape)[view.element], -1)
        left = (width - size) // 2
        found = hues(pixels)
        found = found[:, left : left + size] if left >= 0 else np.pad(found, ((0, 0), (-left, size - width + left)))
        hit = view.hit
        if left < 0:
            hit[:, :-left] = hit[:, size + left :] = False
        assert (found == expected)[hit].mean() > 0.97
        assert (found == expected[:, ::-1])[hit].mean() < 0.8


def test_teachers_views_stand_beside_the_shape(page: Callable[[Source], Page], tmp_path: Path) -> None:
    shown = page(open_source([str(make_run(tmp_path) / "generated")], ShowSettings()))
    shown.until(lambda: "TEACHER'S VIEWS" in shown.text().upper(), "the views' panel")
    shown.until(lambda: bool(shown.driver.find_elements("css selector", "img[src^=blob]")), "the views")
    image = shown.driver.find_element("css selector", "img[src^=blob]")
    assert image.size["width"] > 250 and image.size["height"] > image.size["width"]
    canvas = shown.driver.find_element("css selector", "canvas")
    assert image.rect["x"] + image.rect["width"] <= canvas.rect["x"] + canvas.rect["width"]
    assert all(part in shown.text() for part in PARTS)
    shown.keep("teacher")
