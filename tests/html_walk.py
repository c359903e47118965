"""Reads a page strictly: balanced tags, nothing loaded from elsewhere; and gives its tables, texts and data."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADS = ("src", "href", "srcset", "data", "action", "poster", "xlink:href", "formaction", "background")


class Page(HTMLParser):
    """A page that was walked through; its asserts are tests of their own."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.caption = ""
        self.feed(source)
        self.close()
        assert not self.open and len(self.ids) == len(set(self.ids))
        assert "url(" not in source.replace(self.scripts[1], "") and "@import" not in source
        self._check_scripts()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a tag."""
        found = dict(attrs)
        assert len(found) == len(attrs)
        self.tags.append((tag, found))
        self.ids += [str(found["id"])] if "id" in found else []
        for name in found:
            assert not name.startswith("on")
            if name in LOADS:
                target = str(found[name])
                assert target.startswith(("#", "data:image/png;base64,")), target
        if tag == "table":
            self.rows, self.caption = [], ""
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Closes the tag that was opened last."""
        assert self.open and self.open.pop() == tag, tag
        if tag == "table" and self.caption:
            self.tables.setdefault(self.caption, self.rows)

    def handle_data(self, data: str) -> None:
        """Text of the innermost tag."""
        inner = self.open[-1] if self.open else ""
        if inner == "script":
            self.scripts.append(data)
        elif inner != "style":
            self.words.append(data)
        if inner == "caption":
            self.caption += data
        if "td" in self.open[-3:] or "th" in self.open[-3:]:
            self.rows[-1][-1] += data

    def _check_scripts(self) -> None:
        """Two scripts: the data, and ours, which alone the page's own policy lets run."""
        data, ours = self.scripts
        digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
        policy = next(str(found["content"]) for tag, found in self.tags if "http-equiv" in found)
        assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
        self.data: dict[str, Any] = json.loads(data)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.words)

    def count(self, tag: str, **attributes: str) -> int:
        """How many such tags there are."""
        return sum(name == tag and attributes.items() <= found.items() for name, found in self.tags)

    def column(self, caption: str, number: int = 1) -> dict[str, str]:
        """First cell -> another one, of the first table of that caption."""
        return {row[0]: row[number] for row in self.tables[caption][1:]}


def read_page(path: Path) -> Page:
    """The page in a file."""
    return Page(path.read_text(encoding="utf-8"))
