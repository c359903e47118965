"""The viewer's server, real and on a free port; a browser's part is played by a plain WebSocket client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_knowledge import toy_chair
from sample_show import PARTS, Toys, make_run

from distill.viewer.opening import ShowSettings, open_source
from distill.viewer.server import ServeSettings, Viewer
from distill.viewer.sources import Source
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.mesh_io import write_shape
from gen3d.rendering.cameras import Camera

pytest.importorskip("viser", reason="viser is not installed: pip install 'gen3d[viewer]'")
REPOSITORY = Path(__file__).resolve().parents[1]
FREE = ServeSettings(port=0)


class Visitor:
    """What a browser's page says to the server, and what the server tells it. Messages are viser's own."""

    def __init__(self, url: str) -> None:
        import viser
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        protocol = Subprotocol(f"viser-v{viser.__version__}")
        self._connection = connect(
            url.replace("http", "ws"), subprotocols=[protocol], max_size=None, proxy=None, close_timeout=0.5
        )
        self.say("ViewerCameraMessage", wxyz=[1.0, 0, 0, 0], position=[0.0, 0, 3], fov=1.0, near=0.01, far=100.0,
                 image_height=100, image_width=100, look_at=[0.0, 0, 0], up_direction=[0.0, 1, 0])  # fmt: skip

    def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        import msgspec

        self._connection.send(msgspec.msgpack.encode({"type": type, **fields}))

    def heard(self, seconds: float = 0.5) -> list[dict[str, Any]]:
        """The messages that came, until none comes for so long."""
        import msgspec
        import zstandard

        found: list[dict[str, Any]] = []
        while True:
            try:
                data = self._connection.recv(timeout=seconds)
            except TimeoutError:
                return found
            assert isinstance(data, bytes)
            size = int.from_bytes(data[8:16], "little")
            found += msgspec.msgpack.decode(zstandard.decompress(data[16 : 16 + size]))["messages"]

    def press(self, uuid: str, value: Any = True) -> None:
        """Use a control."""
        self.say("GuiUpdateMessage", uuid=uuid, updates={"value": value})

    def close(self) -> None:
        """Leave."""
        self._connection.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Viewer]]:
    """Starts viewers, and ends them."""
    started: list[Viewer] = []

    def start(source: Source, settings: ServeSettings = FREE, **options: Any) -> Viewer:
        started.append(Viewer(source, settings, **options))
        assert started[-1].drawn()
        return started[-1]

    yield start
    for viewer in started:
        viewer.stop()


@pytest.fixture
def visit() -> Iterator[Callable[[Viewer], Visitor]]:
    """Connects to viewers, and leaves them."""
    visitors: list[Visitor] = []

    def go(viewer: Viewer) -> Visitor:
        visitors.append(Visitor(viewer.url))
        return visitors[-1]

    yield go
    for visitor in visitors:
        visitor.close()


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what a message brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def controls(viewer: Viewer) -> dict[str, Any]:
    """The panel's handles."""
    panel = viewer._panel
    names = ("walk", "number", "find", "further", "layer")
    return {name: getattr(panel, f"_{name}") for name in names} | panel._buttons


def test_a_visitor_walks_searches_and_hides(serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]) -> None:
    source = Toys(5)
    viewer = serve(source)
    assert viewer.shown == dict.fromkeys(PARTS, True) and source.read == [0]
    visitor = visit(viewer)
    handle = controls(viewer)
    visitor.press(handle["walk"]._impl.uuid, "next")
    until(lambda: viewer.tour.number == 1)
    visitor.press(handle["walk"]._impl.uuid, "previous")
    until(lambda: viewer.tour.number == 0)
    visitor.press(handle["number"]._impl.uuid, 4)
    until(lambda: viewer.tour.number == 3)
    visitor.press(handle["find"]._impl.uuid, "red")
    until(lambda: viewer.tour.number == 4)
    visitor.press(handle["further"]._impl.uuid)
    until(lambda: viewer.tour.number == 0)
    assert viewer.drawn() and handle["number"].value == 1
    visitor.press(handle["leg"]._impl.uuid)
    until(lambda: viewer.tour.hidden == {"leg"})
    assert viewer.drawn() and viewer.shown == {"back": True, "seat": True, "leg": False, "arm": True}
    visitor.press(handle["layer"]._impl.uuid, "prediction")
    until(lambda: viewer.tour.layer == "prediction")
    assert viewer.drawn() and viewer.shown == {"seat": True, "leg": False, "arm": True}
    assert handle["layer"].options == ("truth", "prediction", "errors") and set(source.read) <= {0, 1, 3, 4}
    visitor.press(handle["layer"]._impl.uuid, "errors")
    until(lambda: viewer.tour.layer == "errors")
    assert viewer.drawn() and viewer.shown == {"right": True, "wrong": True}
    assert list(viewer._panel._buttons) == ["right", "wrong"]


def test_keys_do_the_same(serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]) -> None:
    viewer = serve(Toys(3))
    commands = {h._impl.props.hotkey: uuid for uuid, h in viewer._server.gui._command_handle_from_uuid.items()}
    visitor = visit(viewer)
    for key, holds in (
        ("arrowright", lambda: viewer.tour.number == 1),
        ("N", lambda: viewer.tour.number == 2),
        ("arrowleft", lambda: viewer.tour.number == 1),
        ("P", lambda: viewer.tour.number == 0),
        ("3", lambda: viewer.tour.layer == "errors"),
        ("2", lambda: viewer.tour.layer == "prediction"),
        ("A", lambda: viewer.tour.hidden == set(PARTS)),
    ):
        assert viewer.drawn()
        visitor.say("CommandTriggerMessage", uuid=commands[key])
        until(holds)


def test_a_visitor_is_sent_the_faces_of_every_part_and_no_markup_of_others(
    serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]
) -> None:
    visitor = visit(serve(Toys(2)))
    heard = visitor.heard()
    meshes = [message for message in heard if message["type"] == "MeshMessage"]
    assert len(meshes) == 4
    pages = " ".join(m["props"]["content"] for m in heard if m["type"] == "GuiHtmlMessage")
    assert "&lt;img src=x&gt;" in pages and "toys &lt;b&gt;&amp;{1+1}" in pages and "<img" not in pages
    assert not [message for message in heard if message["type"] == "GuiMarkdownMessage"]


def test_every_visitor_sees_the_same_and_nothing_of_shapes_before(
    serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]
) -> None:
    viewer = serve(Toys(12))
    early = visit(viewer)
    early.heard()
    for _ in range(11):
        viewer.change(lambda tour: tour.step(1))
        assert viewer.drawn()
    late = visit(viewer).heard()
    nodes = [message["name"] for message in late if message["type"] == "MeshMessage"]
    assert sorted(nodes) == [f"/shape/{number}" for number in range(4)]  # flat: those of the last shape alone
    assert len(viewer._server._websock_server._broadcast_buffer.message_from_id) < 200


def test_only_the_last_of_many_wishes_is_drawn(serve: Callable[..., Viewer]) -> None:
    source = Toys(100)
    viewer = serve(source)
    for _ in range(60):
        viewer.change(lambda tour: tour.step(1))
    assert viewer.drawn() and source.read[-1] == 60 and controls(viewer)["number"].value == 61


def test_a_shape_that_cannot_be_read_is_told_and_passed(
    serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]
) -> None:
    said: list[str] = []
    viewer = serve(Toys(3, broken=[1]), report=said.append)
    viewer.change(lambda tour: tour.step(1))
    assert viewer.drawn() and viewer.shown == {} and said == ["toy-1: toy-1: is <i>damaged</i>"]
    assert "is &lt;i&gt;damaged&lt;/i&gt;" in viewer._panel._notes.content
    viewer.change(lambda tour: tour.toggle("leg"))
    assert viewer.drawn() and len(said) == 1  # once
    viewer.change(lambda tour: tour.step(1))
    assert viewer.drawn() and viewer.shown == {"back": True, "seat": True, "leg": False, "arm": True}


def test_teachers_views_stand_beside_the_shape(
    tmp_path: Path, serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor]
) -> None:
    source = open_source([str(make_run(tmp_path) / "generated")], ShowSettings())
    viewer = serve(source)
    views = viewer._panel._views
    assert views._image is not None and views._image.image.shape[1] == 2 * 192
    assert views._from.options[1:] == ("1: 10° up, 0° round", "2: 40° up, 138° round", "3: -20° up, 275° round")
    visitor = visit(viewer)
    until(lambda: len(viewer._server.get_clients()) == 1)
    visitor.press(views._from._impl.uuid, "2: 40° up, 138° round")
    (client,) = viewer._server.get_clients().values()
    place = Camera(*source.exhibit(0).cameras["stripes"][1]).position
    until(lambda: bool(np.allclose(client.camera.position, place)))
    assert np.allclose(client.camera.up_direction, [0, 1, 0]) and np.allclose(client.camera.look_at, 0)


def test_a_port_in_use_and_a_strange_host_are_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port {port}: is in use; give another one, or 0 for any"):
            Viewer(Toys(1), ServeSettings(port=port))
    with pytest.raises(SettingsError, match=r"--host 192.0.2.1: can't listen there .*; give 127.0.0.1"):
        Viewer(Toys(1), ServeSettings(host="192.0.2.1", port=0))
    with pytest.raises(SettingsError, match="--host no.such.invalid: can't listen there"):
        Viewer(Toys(1), ServeSettings(host="no.such.invalid", port=0))


def test_a_search_in_damaged_words_is_told_on_the_page(
    serve: Callable[..., Viewer], visit: Callable[[Viewer], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def words(self: Toys, number: int) -> str:
        raise InputError("shapes-00000.tar: is missing")

    monkeypatch.setattr(Toys, "words", words)
    viewer = serve(Toys(2))
    visit(viewer).press(controls(viewer)["find"]._impl.uuid, "red")
    until(lambda: "shapes-00000.tar: is missing" in viewer._panel._found.content)


def test_without_viser_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingError, match=r"needs viser, .*; run: pip install 'gen3d\[viewer\]'") as caught:
        Viewer(Toys(1), FREE)
    assert caught.value.exit_code == 4


def test_stdout_stays_ours_and_the_port_is_free_again(capfd: pytest.CaptureFixture[str]) -> None:
    viewer = Viewer(Toys(1), FREE)
    port = int(viewer.url.rpartition(":")[2])
    viewer.stop()
    assert capfd.readouterr().out == ""
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_the_command_tells_its_address_first_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    write_shape(toy_chair(0), tmp_path / "a.glb")
    words = [sys.executable, "-m", "cli.main", "show", str(tmp_path), "--port", "0", "--json"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        told = json.loads(process.stdout.readline())
        assert told["shapes"] == 1 and told["url"].startswith("http://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(told["url"].rpartition(":")[2])), timeout=10):
            pass  # nobody with anything to say, as ssh's probes
        visitor = Visitor(told["url"])
        assert any(message["type"] == "MeshMessage" for message in visitor.heard(2))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stdout.read() == "" and process.stderr.read().startswith("gen3d: interrupted")
