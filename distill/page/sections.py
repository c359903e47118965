"""The sections of a page: one function per kind of thing that a run holds."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from distill.page.clouds import MOST, Cloud, case_clouds, collection_clouds, quota
from distill.page.curves import interval_bar, loss_curves, read_losses
from distill.page.found import Evaluation, Experiment, Found, Model, Scores
from distill.page.text import LONGEST, card, flat, folded, markdown, settings_table, table, text, words_table
from distill.predictions import FILE
from gen3d.collection import CARD, INFO, Collection
from gen3d.colors import RIGHT_COLOR, WRONG_COLOR, part_color
from gen3d.data_card import card as data_card
from gen3d.record import read_record
from gen3d.storage import Place

MOST_DETAILS = 12  # evaluations, models and collections each that get a section
MOST_LISTED = 300  # shapes in the list of scores
MOST_PICTURES = 1_500_000  # bytes of pictures in a page
PIXELS = 320  # along the side of a canvas, shown at half of that where the screen is coarse


class Section(NamedTuple):
    """A part of the page: an anchor, its title (plain text) and its HTML."""

    anchor: str
    title: str
    content: str


class Page:
    """A page as it grows: sections, and the clouds that its viewers show.

    Args:
        found: what it is about.
    """

    def __init__(self, found: Found) -> None:
        self.found = found
        self.sections: list[Section] = []
        self.clouds: list[dict[str, Any]] = []
        self.room = MOST_PICTURES
        kept = [e for e in found.evaluations[:MOST_DETAILS] if (e.folder / FILE).is_file()]
        self.quota = quota(len(kept) + len(found.collections[:MOST_DETAILS]))

    def add_all(self) -> None:
        """All sections, in the order of interest."""
        found = self.found
        if len(found.evaluations) > 1:
            self._add("All scores", all_scores(found))
        for experiment in found.experiments:
            self._add(f"Experiment {found.name(experiment.folder)}", self._experiment(experiment))
        for evaluation in found.evaluations[:MOST_DETAILS]:
            self._add(f"Scores {found.name(evaluation.folder)}", self._evaluation(evaluation))
        for model in found.models[:MOST_DETAILS]:
            self._add(f"Model {found.name(model.folder)}", model_section(model))
        for root in found.collections[:MOST_DETAILS]:
            self._add(f"Collection {found.name(root)}", self._collection(root))
        left = [max(len(some) - MOST_DETAILS, 0) for some in (found.evaluations, found.models, found.collections)]
        if any(left):
            names = ", ".join(
                f"{n} {kind}" for n, kind in zip(left, ("evaluations", "models", "collections"), strict=True)
            )
            words = f"<p>Without a section of their own: {names}. Give their folder to <code>gen3d report</code>.</p>"
            self._add("Left out", words)

    def _add(self, title: str, content: str) -> None:
        self.sections.append(Section(f"s{len(self.sections) + 1}", title, content))

    def _experiment(self, experiment: Experiment) -> str:
        picture = self._picture(experiment.folder / "sources.png", "Scores as bars; the table has the numbers.")
        return (
            card(experiment.folder / "table.md")
            + picture
            + settings_table("Settings of the experiment", experiment.record)
        )

    def _evaluation(self, evaluation: Evaluation) -> str:
        scores = evaluation.scores
        parts, clouds = case_clouds(evaluation, self._most())
        if clouds:
            shapes = f"<h3>Worst and best shapes</h3>{legend(parts, errors=True)}{self._viewers(clouds)}"
        else:
            words = "Worst and best shapes: truth, prediction and errors from two sides."
            shapes = self._picture(evaluation.folder / "report.png", words)
            shapes += "<p>Its predictions were not kept; score again with <code>--overwrite</code> to turn them.</p>"
        settings = settings_table("Settings of the evaluation", evaluation.record or {"settings": scores.settings})
        return headline(scores) + part_table(scores) + other_metrics(scores) + shapes + all_shapes(scores) + settings

    def _collection(self, root: Place) -> str:
        collection = Collection.open(root)
        parts, clouds = collection_clouds(root, self._most())
        text_of = markdown(data_card(collection))
        if isinstance(root, Path) and (root / CARD).is_file():
            text_of = card(root / CARD)
        counts = f"<p>{len(collection):,} shapes of {text(collection.category)}.</p>"
        shapes = f"<h3>Some shapes</h3>{legend(parts)}{self._viewers(clouds)}" if clouds else ""
        settings = settings_table("Settings of the collection", read_record(root / INFO) or {})
        return counts + shapes + settings + folded("Data card", text_of)

    def _most(self) -> int:
        """Shapes that the next section may show."""
        return max(min(self.quota, MOST - len(self.clouds)), 0)

    def _viewers(self, clouds: Sequence[Cloud]) -> str:
        """Figures for shapes; what they show goes into the page's JSON."""
        figures = []
        for cloud in clouds:
            figures.append(viewer(len(self.clouds), cloud))
            self.clouds.append(cloud.as_json())
        return f'<div class="shapes">{"".join(figures)}</div>'

    def _picture(self, path: Path, words: str) -> str:
        """A PNG of the run within the page; nothing where there is none, or no room for it any more."""
        if not path.is_file() or path.stat().st_size > self.room:
            return ""
        data = path.read_bytes()
        self.room -= len(data)
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        return f'<p><img alt="{text(words)}" src="{source}"/></p>'


def all_scores(found: Found) -> str:
    """A line per evaluation."""
    rows = []
    for evaluation in found.evaluations:
        s = evaluation.scores
        what = [s.category, s.method, s.settings.get("dataset", ""), f"{s.shapes_scored} of {s.shapes_expected}"]
        rows.append([text(found.name(evaluation.folder)), *map(text, what), *numbers(s)])
    heads = ["folder", "category", "method", "data set", "shapes", "mIoU %", "95 % interval", "worst half", ""]
    return table("Mean IoU in percent of every evaluation", heads, rows)


def numbers(scores: Scores) -> list[str]:
    """Cells: score, interval, worst half, bar."""
    low, high = scores.interval_95
    bar = interval_bar(scores.miou, low, high)
    return [f"{scores.miou:.2f}", f"{low:.2f} to {high:.2f}", f"{scores.worst_half:.2f}", bar]


def headline(scores: Scores) -> str:
    """What was scored, and the score."""
    low, high = scores.interval_95
    return (
        f'<p class="score"><strong>{scores.miou:.2f} %</strong> mIoU, 95 % interval {low:.2f} to {high:.2f}; '
        f"worst half of the shapes {scores.worst_half:.2f} %</p>"
        f"<p>{text(scores.method)} on {scores.shapes_scored} of {scores.shapes_expected} shapes of "
        f"{text(scores.category)}, {text(scores.settings.get('dataset', 'unknown data'))}. {text(scores.metric)}.</p>"
    )


def part_table(scores: Scores) -> str:
    """A line per part."""
    rows = [
        [f"{swatch(number)}{text(part)}", f"{value:.2f}", interval_bar(value, value, value)]
        for number, (part, value) in enumerate(scores.parts.items())
    ]
    return table("Mean IoU of every part", ["part", "IoU %", ""], rows)


def other_metrics(scores: Scores) -> str:
    """The same answers by other metrics."""
    found = scores.other_metrics
    rows = [[text(name), "-" if value is None else f"{value:.2f}"] for name, value in found.items()]
    return table("The same answers by other metrics; they do not compare", ["metric", "%"], rows) if rows else ""


def all_shapes(scores: Scores) -> str:
    """A line per shape, the worst first; of very many the worst."""
    ordered = sorted(scores.shapes.items(), key=lambda item: (item[1], item[0]))
    rows = [[text(id), f"{value:.2f}"] for id, value in ordered[:MOST_LISTED]]
    which = f"All {len(ordered)} shapes" if len(ordered) <= MOST_LISTED else f"The {MOST_LISTED} worst shapes"
    return folded(f"{which}, worst first", table(which, ["shape", "mIoU %"], rows))


def model_section(model: Model) -> str:
    """What a model is, how it was trained, and its card."""
    config, folder = model.config, model.folder
    known = {key: config[key] for key in ("category", "parts", "network", "student") if key in config}
    facts = [[text(name), text(value)] for name, value in flat(known)]
    facts_table = words_table("The model", facts) if facts else ""
    curves = f"<h3>Training</h3>{loss_curves(read_losses(folder / 'losses.csv'))}"
    record = model.record or config.get("training", {})
    settings = settings_table("Settings of the training", record if isinstance(record, dict) else {})
    cards = folded("Model card", card(folder / CARD)) if (folder / CARD).is_file() else ""
    return facts_table + curves + settings + cards


def legend(parts: Sequence[str], errors: bool = False) -> str:
    """The colours of a section's shapes by name."""
    names = [f"<li>{swatch(number)}{text(part)}</li>" for number, part in enumerate(parts)]
    names.append(f"<li>{swatch(-1)}{'not scored, or no part' if errors else 'unlabelled'}</li>")
    if errors:
        names += [f"<li>{_swatch(RIGHT_COLOR)}right</li>", f"<li>{_swatch(WRONG_COLOR)}wrong (larger dots)</li>"]
    return f'<ul class="keys" aria-label="Colours">{"".join(names)}</ul>'


def swatch(part: int) -> str:
    """A spot of a part's colour."""
    return _swatch(tuple(part_color(part).tolist()))


def _swatch(color: tuple[int, ...]) -> str:
    return f'<span class="swatch" style="background:rgb{color}" aria-hidden="true"></span>'


def viewer(number: int, cloud: Cloud) -> str:
    """The figure of a cloud: a canvas per layer, turned by keys and pointer alike."""
    canvas = f'<canvas width="{PIXELS}" height="{PIXELS}" aria-hidden="true"></canvas>'
    pictures = "".join(f'<div class="layer">{canvas}<span>{text(layer.title)}</span></div>' for layer in cloud.layers)
    title = f"{cloud.id} ({cloud.note})" if cloud.note else cloud.id
    label = text(f"{title}: {', '.join(layer.title for layer in cloud.layers)}", 2 * LONGEST)
    return (
        f'<figure class="shape"><div class="viewer" data-cloud="{number}" tabindex="0" role="application" '
        f'aria-roledescription="3D view" aria-label="{label}" aria-describedby="keys">{pictures}</div>'
        f"<figcaption>{text(title)}</figcaption></figure>"
    )
