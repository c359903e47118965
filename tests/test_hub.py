"""Weights are found in a folder or the Hub's cache, or downloaded from a server that speaks as the Hub does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from gen3d.errors import MissingError
from gen3d.hub import Weights, find_weights, first_of, revision_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = Weights("someone/thing", COMMIT, ("config.json", "part/model.safetensors|part/model.bin"), 12, "MIT")
FILES = {"config.json": b"{}", "part/model.bin": b"weights " * 1000, "README.md": b"not asked for"}


class _Hub(BaseHTTPRequestHandler):
    """The part of the Hub's interface that is needed: files with their hashes."""

    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        """No lines on stderr."""

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer(False)

    def do_GET(self) -> None:
        """Headers and content."""
        self._answer(True)

    def _answer(self, whole: bool) -> None:
        path = self.path.partition("?")[0]
        content = FILES.get(path.partition(f"/resolve/{COMMIT}/")[2])
        self.send_response(200 if content is not None else 404)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(content or b"").hexdigest()}"')
        self.end_headers()
        if whole and content:
            type(self).asked.append(path)
            self.wfile.write(content)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a Hub that can't be reached."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return tmp_path / "hub"


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    """The same with a Hub."""
    handler = type("Handler", (_Hub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield handler
    server.shutdown()
    server.server_close()


def in_cache(cache: Path, files: dict[str, bytes]) -> Path:
    """A snapshot as the Hub's library writes it."""
    root = cache / "models--someone--thing" / "snapshots" / COMMIT
    return in_folder(root, files)


def in_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_the_cache_is_found_with_its_commit(cache: Path) -> None:
    root = in_cache(cache, FILES)
    assert find_weights(WEIGHTS) == root and revision_of(WEIGHTS, root) == COMMIT


def test_a_folder_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    one, two = in_folder(tmp_path / "one", FILES), in_folder(tmp_path / "two", FILES)
    three = in_folder(tmp_path / "three", FILES | {"part/model.bin": b"other"})
    assert find_weights(WEIGHTS, one) == one
    assert revision_of(WEIGHTS, one) == revision_of(WEIGHTS, two) != revision_of(WEIGHTS, three)
    assert first_of(one, WEIGHTS.files[1]) == one / "part/model.bin"
    in_folder(one, {"part/model.safetensors": b"preferred"})
    assert first_of(one, WEIGHTS.files[1]) == one / "part/model.safetensors"


def test_what_a_folder_lacks_is_one_line(tmp_path: Path) -> None:
    in_folder(tmp_path, {"config.json": b"{}"})
    with pytest.raises(MissingError) as caught:
        find_weights(WEIGHTS, tmp_path, download=True)
    line = str(caught.value)
    assert "\n" not in line and "part/model.safetensors" in line and "config.json" not in line and str(tmp_path) in line
    assert "12 MB" in line and "MIT" in line and f"hf download someone/thing --revision {COMMIT}" in line


def test_nothing_is_downloaded_unless_asked_for(hub: type[_Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="not in the Hub's cache;"):
        find_weights(WEIGHTS)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set"):
        find_weights(WEIGHTS, download=True)
    assert not hub.asked


def test_what_is_lacking_is_downloaded_once(hub: type[_Hub], cache: Path) -> None:
    root = find_weights(WEIGHTS, download=True)
    assert {name: (root / name).read_bytes() for name in ("config.json", "part/model.bin")} == {
        name: FILES[name] for name in ("config.json", "part/model.bin")
    }
    assert not (root / "README.md").exists() and revision_of(WEIGHTS, root) == COMMIT
    asked = list(hub.asked)
    assert find_weights(WEIGHTS, download=True) == root == find_weights(WEIGHTS) and hub.asked == asked


def test_a_network_that_does_not_answer_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the Hub's library tries five times
    with pytest.raises(MissingError) as caught:
        find_weights(WEIGHTS, download=True)
    assert "can't be downloaded (" in str(caught.value) and len(str(caught.value).splitlines()) == 1
