"""The README.md of a collection: what made it, what is in it, whose it is and how to read it.

It depends on the manifest and the info files alone, so that a resumed run ends with the same bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from gen3d.collection import CARD, SHAPES, Collection
from gen3d.commands import command_of
from gen3d.errors import InputError
from gen3d.part_statistics import PartShare, part_shares, part_summary, total
from gen3d.storage import Place, atomic_write

_NOTE = "Written by gen3d; edits to this file are lost when it works on the collection again."
_SHARES = "Shares are of all faces, of all surface and of all stored points; `shapes` says in how many the part occurs."
_LAYOUT = (
    "Shards are tar files in WebDataset's layout, `<id>.glb` and `<id>.json`; any GLB viewer shows the parts by name."
)
_AGAIN = "Run the command again with `--retry-failed` to try those again."
_REASONS = 20  # of failures that are listed; the manifest has all of them
# The Hub's names of licences are lower-case; anything else must be declared as "other" there.
_HUB_LICENCES = (
    "openrail",
    "apache-2.0",
    "mit",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
)


def write_card(collection: Collection) -> None:
    """Bring the card up to date; it is left alone where nothing changed. The caller holds the collection's lock."""
    data = card(collection).encode()
    if not _is(collection.root / CARD, data):
        atomic_write(collection.root / CARD, data)


def has_card(collection: Collection) -> bool:
    """Whether the card is there and up to date: the last thing that is written."""
    return _is(collection.root / CARD, card(collection).encode())


def card(collection: Collection) -> str:
    """The card's text, Markdown with the front matter of a data set on the Hugging Face Hub."""
    stems = collection.stems()
    category = _plain(collection.category)
    head = f"# {category}: {len(collection):,} shapes\n\n{_NOTE}"
    sections = [_front_matter(collection, stems), head, _origin(collection), _contents(collection), _parts(collection)]
    sections += [_knowledge(collection, stem) for stem in stems]
    sections += [_licence(collection), _reading(collection, stems)]
    return "\n\n".join(sections) + "\n"


def _is(path: Place, data: bytes) -> bool:
    """Whether a file holds these bytes."""
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _front_matter(collection: Collection, stems: list[str]) -> str:
    """What the Hub's search and its viewer need."""
    licence = str(collection.info.get("licence", "unknown"))
    known = licence.lower() in _HUB_LICENCES or licence == "unknown"
    fields: dict[str, Any] = {"license": licence.lower() if known else "other"}
    fields |= {} if known else {"license_name": _plain(licence)}
    fields |= {"pretty_name": f"{_plain(collection.category)} (gen3d)", "size_categories": [_size(len(collection))]}
    fields["tags"] = ["3d", "gen3d", "mesh", "part-segmentation", "point-cloud", "webdataset"]
    with_shards = [stem for stem in [SHAPES, *stems] if collection.records(stem)]
    fields["configs"] = [{"config_name": stem, "data_files": f"{stem}-*.tar"} for stem in with_shards]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---"


def _origin(collection: Collection) -> str:
    """What made it."""
    info = collection.info
    kept = ("generator", "source", "seed", "count", "frame")
    rows = [[key, _plain(str(info[key]))] for key in kept if info.get(key) is not None]
    settings = yaml.safe_dump(info.get("settings", {}), sort_keys=False, allow_unicode=True)
    return "\n\n".join(
        [
            "## What made it",
            _table(["", ""], [*rows, ["gen3d", _plain(str(info.get("gen3d", "unknown")))]]),
            f"```sh\n{command_of(info)}\n```",
            f"Its settings:\n\n```yaml\n{settings}```",
        ]
    )


def _contents(collection: Collection) -> str:
    """Counts, and why samples failed."""
    failures = collection.failures()
    counts = f"{len(collection):,} shapes in {len(collection.records()):,} shards, {len(failures):,} failed."
    return f"## Counts\n\n{counts}" + _failures(failures)


def _parts(collection: Collection) -> str:
    """What the shapes' own labels say."""
    shares = part_shares(collection)
    known = [any(row[column] for row in shares) for column in (2, 3, 4)]

    def cells(row: PartShare) -> list[str]:
        shares = [f"{share:.1%}" if some else "-" for share, some in zip(row[2:], known, strict=True)]
        return [_plain(row.part), f"{row.shapes:,}", *shares]

    rows = [cells(row) for row in shares]
    return f"## Parts\n\n{_table(['part', 'shapes', 'faces', 'area', 'points'], rows)}\n\n{_SHARES}"


def _knowledge(collection: Collection, stem: str) -> str:
    """What a teacher said of the shapes."""
    try:
        info = collection.stage(stem)
    except InputError:  # damaged: its stage will mend it, and then this card
        info = {}
    rows = [
        [_plain(r.part), f"{r.shapes:,}", f"{r.units:,}", f"{r.coverage:.1%}", f"{r.confidence:.2f}"]
        for r in part_summary(total(collection, stem), info.get("parts", []))
    ]
    failures = collection.failures(stem)
    counts = f"{len(collection.ids(stem)):,} shapes labelled in 2D views, {len(failures):,} failed."
    return "\n\n".join(
        [
            f"## Knowledge of the teacher {_plain(stem.removeprefix('knowledge-'))}",
            f"{counts}{_failures(failures)}",
            _table(["part", "shapes", "units", "points covered", "mean confidence"], rows),
            f"```sh\n{command_of(info, stem)}\n```",
        ]
    )


def _licence(collection: Collection) -> str:
    info = collection.info
    licence = _plain(str(info.get("licence", "unknown")))
    of = f"of the generator {_plain(str(info['generator']))}" if "generator" in info else "as they were imported"
    return f"## Licences\n\nThe shapes ({of}): {licence}. gen3d itself: Apache-2.0."


def _reading(collection: Collection, stems: list[str]) -> str:
    """Code that works in the collection's folder; tests run it."""
    lines = ["from gen3d.collection import Collection", 'collection = Collection.open(".")  # this folder']
    lines += ["for shape in collection.shapes():"]
    lines += ["    print(shape.id, shape.positions().shape, shape.face_labels, shape.point_labels)"]
    labelled = [stem.removeprefix("knowledge-") for stem in stems if collection.ids(stem)]
    more = ""
    if labelled:
        more = "\n\nWhat a teacher knows of them, as (points, parts) scores:\n\n```python\n" + "\n".join(
            [
                "from gen3d.collection import Collection",
                "from gen3d.labelling import read_knowledge",
                f'for knowledge in read_knowledge(Collection.open("."), "{labelled[0]}"):',
                '    print(knowledge.meta["id"], knowledge.target(len(knowledge.meta["parts"])).shape)',
                "```",
            ]
        )
    return f"## How to read it\n\n{_LAYOUT}\n\n```python\n" + "\n".join(lines) + f"\n```{more}"


def _failures(failures: list[tuple[str, str]]) -> str:
    """A table of reasons, the most frequent first; ids are taken out of them."""
    if not failures:
        return ""
    reasons = Counter(reason.replace(id, "<id>") for id, reason in failures)
    example = {reason.replace(id, "<id>"): id for id, reason in reversed(failures)}
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    rows = [[_plain(reason), f"{count:,}", example[reason]] for reason, count in ranked[:_REASONS]]
    rest = f"\n\nand {len(ranked) - _REASONS} other reasons" if len(ranked) > _REASONS else ""
    return f" {_AGAIN}\n\n{_table(['reason', 'samples', 'first'], rows)}{rest}"


def _table(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text that can't become Markdown or HTML of its own, and ends somewhere."""
    line = re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", " ".join(text.split()))
    return line if len(line) <= 300 else f"{line[:300].rstrip(chr(92))}..."


def _size(count: int) -> str:
    """The Hub's size category."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if count < limit:
            return name
    return "1M<n<10M"
