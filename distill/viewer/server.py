"""The viewer: a web server, a tour that its visitors change, and a thread that draws what the tour asks for last."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from distill.viewer.exhibit import Exhibit
from distill.viewer.panel import Panel
from distill.viewer.sources import Source
from distill.viewer.stage import Stage
from distill.viewer.tour import Tour
from gen3d.errors import Gen3dError, MissingError, SettingsError
from gen3d.settings import Settings

if TYPE_CHECKING:
    from viser import ViserServer

_ANY = ("0.0.0.0", "::")  # hosts that mean all of this machine's addresses


class ServeSettings(Settings):
    """Where a viewer is served."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen at; 0.0.0.0 for all")
    port: int = Field(default=8080, ge=0, le=65535, description="0: any that is free")


class Viewer:
    """Serves a source to browsers; all of them see the same shape, each from a camera of its own.

    A shape is read when it is asked for, and not kept beyond the next one.

    Args:
        source: the shapes.
        settings: see `ServeSettings`.
        report: called with a line on every shape that can't be shown, which the page tells too.

    Raises:
        MissingError: viser is not installed.
        SettingsError: the port is in use, or the host is none of this machine's.
    """

    def __init__(
        self, source: Source, settings: ServeSettings, report: Callable[[str], None] = lambda line: None
    ) -> None:
        self._source, self._report = source, report
        self._tour = Tour(len(source.ids), source.words)
        self._exhibit: Exhibit | None = None
        self._lock, self._asked, self._idle = threading.Lock(), threading.Event(), threading.Event()
        self._ended = False
        self._server = _started(settings)
        self._stage = Stage(self._server)
        self._panel = Panel(self._server.gui, source.title, len(source.ids), self.change, self._stage.look_from)
        self.url = f"http://{_named(settings.host)}:{self._server.get_port()}"
        self._thread = threading.Thread(target=self._draw_on, daemon=True)
        self._drawn: Tour | None = None
        self._viewed: str | None = None
        self.change(lambda tour: None)
        self._thread.start()

    @property
    def tour(self) -> Tour:
        """What is asked for now; a copy."""
        with self._lock:
            return replace(self._tour, hidden=set(self._tour.hidden))

    @property
    def shown(self) -> dict[str, bool]:
        """The pieces that were drawn last, and whether each is to be seen."""
        return self._stage.shown

    def change(self, how: Callable[[Tour], Any]) -> None:
        """Change the tour, and have it drawn soon. From any thread."""
        with self._lock:
            how(self._tour)
            self._idle.clear()
            self._asked.set()

    def drawn(self, timeout: float = 60) -> bool:
        """Wait until all that was asked for is drawn; whether it is."""
        return self._idle.wait(timeout)

    def stop(self) -> None:
        """End the server."""
        self._ended = True
        self._asked.set()
        self._thread.join(timeout=5)
        with _quiet():
            self._server.stop()

    def _draw_on(self) -> None:
        """Draw whatever is asked for last, until the end."""
        while self._asked.wait() and not self._ended:
            self._asked.clear()
            tour = self.tour
            try:
                self._draw(tour)
            except Exception as error:  # what is wrong with one shape must not end the walk
                if not self._ended:
                    self._fail(tour, error)
            with self._lock:
                if not self._asked.is_set():
                    self._idle.set()

    def _draw(self, tour: Tour) -> None:
        """The shape, the legend, and then, unless something else is asked for by now, the teacher's views."""
        before, self._drawn = self._drawn, tour
        if before is None or before.number != tour.number:
            self._exhibit, self._viewed, before = None, None, None  # all before the next one is read
            self._exhibit = self._source.exhibit(tour.number)
        exhibit = self._exhibit
        if exhibit is None:  # it failed, which is told already
            return
        if before is None or before.layer != tour.layer:
            self._stage.draw(exhibit.pieces(tour.layer), tour.hidden)
        else:
            self._stage.hide(tour.hidden)
        self._panel.show(exhibit, tour)
        teacher = exhibit.teacher(tour.teacher)
        if teacher is None:
            self._panel.clear_views()
        elif teacher != self._viewed and not self._asked.is_set():
            self._panel.show_views(exhibit, teacher, exhibit.views[teacher]())
            self._viewed = teacher

    def _fail(self, tour: Tour, error: Exception) -> None:
        """Say why a shape is not there."""
        reason = str(error) if isinstance(error, Gen3dError) else f"{type(error).__name__}: {error}"
        self._report(f"{self._source.ids[tour.number]}: {reason}")
        self._exhibit = None
        self._stage.draw([], ())
        self._panel.fail(self._source.ids[tour.number], reason, tour)


def _started(settings: ServeSettings) -> ViserServer:
    """viser's server at that very place. Raises MissingError, SettingsError."""
    try:
        from viser import ViserServer
    except ImportError:
        raise MissingError("gen3d show needs viser, which is not installed; run: pip install 'gen3d[viewer]'") from None
    _check_place(settings)
    logging.getLogger("websockets").addHandler(logging.NullHandler())  # else tracebacks of visitors that are no browser
    with _quiet():
        server = ViserServer(host=settings.host, port=settings.port, label="gen3d show", verbose=False)
    if settings.port not in (0, server.get_port()):  # somebody was quicker, and viser took another one
        with _quiet():
            server.stop()
        raise SettingsError(_in_use(settings.port))
    return server


def _quiet() -> contextlib.redirect_stdout[io.StringIO]:
    """Nothing on stdout, where viser says that it starts and stops, verbose or not."""
    return contextlib.redirect_stdout(io.StringIO())


def _check_place(settings: ServeSettings) -> None:
    """Raise SettingsError where nothing can be served: viser would take another port, or try for ever."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            trial.bind((settings.host, settings.port))
    except PermissionError:
        raise SettingsError(f"--port {settings.port}: is not allowed; give one above 1023") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(_in_use(settings.port)) from None
        reason = (error.strerror or str(error)).lower()
        hint = "give 127.0.0.1, 0.0.0.0 or an address of this machine"
        raise SettingsError(f"--host {settings.host}: can't listen there ({reason}); {hint}") from None


def _named(host: str) -> str:
    """The host as an address's part."""
    if host in _ANY:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _in_use(port: int) -> str:
    return f"--port {port}: is in use; give another one, or 0 for any that is free"
