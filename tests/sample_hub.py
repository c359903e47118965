"""A Hub in memory behind the HTTP client of the Hub's library: what is uploaded can be looked at, and downloaded again.

Everything above the client is real: requests are built, answers parsed, files hashed and cached as ever. Needs
`huggingface_hub` 1.0 or newer, where that client can be replaced.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import unquote

SHA = "0123456789abcdef0123456789abcdef01234567"


class SampleHub:
    """The repository `me/mugs`.

    Args:
        library: httpx, or what `huggingface_hub` uses in its place.
        token: that may write.
    """

    def __init__(self, library: Any, token: str = "hf_test") -> None:
        self._library, self._token = library, token
        self.files: dict[str, bytes] = {}
        self.created: dict[str, Any] = {}
        self.commit: dict[str, Any] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []

    def client(self) -> Any:
        """An HTTP client that this Hub answers."""
        return self._library.Client(transport=self._library.MockTransport(self._answer), follow_redirects=True)

    def _answer(self, request: Any) -> Any:
        path = unquote(request.url.path)
        self.asked.append(f"{request.method} {path}")
        if "/me/" in path:
            self.tokens.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        if request.method == "POST" and request.headers.get("authorization") != f"Bearer {self._token}":
            return self._library.Response(401, json={"error": "Invalid username or password."}, request=request)
        if "/resolve/" in path:
            return self._file(request, path)
        return self._library.Response(200, json=self._told(path, request.read()), request=request)

    def _told(self, path: str, body: bytes) -> dict[str, Any] | list[dict[str, Any]]:
        """The JSON that a request is answered with."""
        if path == "/api/repos/create":
            self.created = json.loads(body)
            return {"url": f"https://huggingface.co/{self.created.get('organization', 'me')}/{self.created['name']}"}
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if "/preupload/" in path:
            names = [file["path"] for file in json.loads(body)["files"]]
            return {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
        if "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            self.commit = next(line["value"] for line in lines if line["key"] == "header")
            rows = [line["value"] for line in lines if line["key"] == "file"]
            self.files |= {row["path"]: base64.b64decode(row["content"]) for row in rows}
            return {"commitUrl": f"https://huggingface.co/me/mugs/commit/{SHA}", "commitOid": SHA, "success": True}
        if "/revision/" in path:
            return {"id": "me/mugs", "sha": SHA, "siblings": [{"rfilename": name} for name in self.files]}
        if "/tree/" in path:
            return [{"type": "file", "path": n, "size": len(data), "oid": _oid(data)} for n, data in self.files.items()]
        return {}  # what the library asks about itself

    def _file(self, request: Any, path: str) -> Any:
        name = path.partition("/resolve/")[2].partition("/")[2]
        if name not in self.files:
            return self._library.Response(404, headers={"X-Error-Code": "EntryNotFound"}, request=request)
        data = self.files[name]
        headers = {"X-Repo-Commit": SHA, "ETag": f'"{_oid(data)}"', "Content-Length": str(len(data))}
        content = b"" if request.method == "HEAD" else data
        return self._library.Response(200, headers=headers, content=content, request=request)


def _oid(data: bytes) -> str:
    """Git's name of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
