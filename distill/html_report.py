"""The `report` stage: all that a run holds, on one page of HTML that needs no network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from distill.page.found import Found, find
from distill.page.sections import Page, Section
from distill.page.text import safe_json, text
from gen3d import __version__
from gen3d.colors import PALETTE, RIGHT_COLOR, UNLABELLED_GREY, WRONG_COLOR
from gen3d.remote import Remote
from gen3d.storage import Place, atomic_write, make_folder

KINDS = ("experiments", "evaluations", "models", "collections")
_BUTTON = '<button type="button" id="turn" aria-pressed="false">Turn all shapes</button>'


def write_page(run: Place, out: Path | None = None) -> tuple[dict[str, Any], Path]:
    """Write the page of a run. The same run gives the same bytes.

    Args:
        run: a folder with a student, a collection, scores or an experiment, or with folders of those below it.
        out: the file; `<run>-report.html` beside the run if None.

    Returns:
        What is on the page, counted, and the file.

    Raises:
        InputError: `run` holds nothing of that, or a damaged file.
        StorageError: the file can't be written.
    """
    found = find(run)
    page = Page(found)
    page.add_all()
    place = out or (Path() if isinstance(run, Remote) else run.absolute().parent) / f"{found.root.name}-report.html"
    data = render(page).encode()
    make_folder(place.parent)
    atomic_write(place, data)
    counts: dict[str, Any] = {kind: len(getattr(found, kind)) for kind in KINDS}
    return counts | {"shapes": len(page.clouds), "bytes": len(data)}, place


def render(page: Page) -> str:
    """The page's HTML."""
    colors = {
        "parts": PALETTE.tolist(),
        "errors": [list(RIGHT_COLOR), list(WRONG_COLOR)],
        "none": UNLABELLED_GREY.tolist(),
    }
    script = _resource("viewer.js")
    return Template(_resource("page.html")).substitute(
        title=text(f"gen3d report: {page.found.root.name}"),
        version=text(__version__),
        summary=text(_summary(page.found)),
        style=_resource("style.css"),
        links="\n".join(f'<li><a href="#{s.anchor}">{text(s.title)}</a></li>' for s in page.sections),
        button=_BUTTON,
        sections="\n".join(map(_section, page.sections)),
        data=safe_json({"clouds": page.clouds, "colors": colors}),
        script=script,
        hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _section(section: Section) -> str:
    """A section with its heading."""
    title = f'<h2 id="{section.anchor}-title">{text(section.title)}</h2>'
    frame = f'id="{section.anchor}" aria-labelledby="{section.anchor}-title"'
    return f"<section {frame}>\n{title}\n{section.content}\n</section>"


def _summary(found: Found) -> str:
    """What the run holds."""
    counts = [(len(getattr(found, kind)), kind) for kind in KINDS]
    return ", ".join(f"{count} {kind if count > 1 else kind[:-1]}" for count, kind in counts if count) + "."


def _resource(name: str) -> str:
    """A file of the template."""
    return files("distill.page").joinpath(name).read_text(encoding="utf-8")
