"""Pieces of HTML. Every text goes through `text`: ids and names of parts may hold anything."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gen3d.errors import InputError

LONGEST = 300  # characters of one value
LONGEST_CARD = 50_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # no character of HTML
_CLOSED = ("image", "link", "autolink", "html_inline", "html_block", "reference")  # nothing that a page could load


def text(value: object, longest: int = LONGEST) -> str:
    """Any value as text that is safe in HTML and in its quoted attributes."""
    plain = _CONTROL.sub("\ufffd", str(value))
    return html.escape(plain if len(plain) <= longest else f"{plain[:longest]}...")


def safe_json(value: object) -> str:
    """JSON that can stand in a script element: nothing in it ends the element or opens a comment."""
    found = json.dumps(value, separators=(",", ":"), sort_keys=True)  # ASCII alone
    return found.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells are HTML already, those after the first column numbers."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    lines = [f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows]
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table><caption>{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def settings_table(caption: str, record: dict[str, Any]) -> str:
    """A record's fields by their dotted names, folded away until they are asked for; nothing for an empty one."""
    rows = [[text(name), text(value)] for name, value in flat(record)]
    if not rows:
        return ""
    return folded(caption, words_table(caption, rows))


def words_table(caption: str, rows: Sequence[Sequence[str]]) -> str:
    """A table of names and values that are words rather than numbers; both are HTML already."""
    return table(caption, ["name", "value"], rows).replace("<table>", '<table class="words">')


def flat(record: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """(dotted name, value) of every field that holds no further ones: texts, and lists of them, plain, else JSON."""
    rows = []
    for key, value in record.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and value:
            rows += flat(value, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            rows.append((name, ", ".join(value)))
        else:
            rows.append((name, value if isinstance(value, str) else json.dumps(value)))
    return rows


def folded(title: str, content: str) -> str:
    """Content that opens on demand."""
    return f"<details><summary>{text(title)}</summary>\n{content}\n</details>"


def card(path: Path) -> str:
    """A card's Markdown as HTML, without links and pictures; its front matter as it stands. Raises InputError."""
    try:
        source = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    return markdown(source)


def markdown(source: str) -> str:
    """Markdown as HTML; HTML in it is shown as text, and headings stand below those of the page."""
    from markdown_it import MarkdownIt

    source = _CONTROL.sub("\ufffd", source[:LONGEST_CARD])
    match = re.match(r"---\n(.*?)\n---\n", source, re.DOTALL)
    front = f"<pre>{html.escape(match[1])}</pre>\n" if match else ""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(list(_CLOSED))
    tokens = reader.parse(source[match.end() :] if match else source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 3, 6)}"
    body = reader.renderer.render(tokens, reader.options, {})
    return front + body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
