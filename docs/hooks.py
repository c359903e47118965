"""What mkdocs does beside rendering: the options of a verb under its page, and a menu of the pages that are there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def on_config(config: Any) -> Any:
    """Leave out of the menu what has no file; a file in no menu stays an error of the strict build."""
    sys.path.insert(0, str(ROOT))
    config["nav"] = _there(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """A page called like a verb ends with that verb's options, as its help has them."""
    commands = verbs().get(page.file.name)
    return markdown if commands is None else markdown + "".join(map(_options, commands))


def verbs() -> dict[str, list[Any]]:
    """The commands of every verb; several where the verb is a group, as `data check`. Each has its full `name`."""
    import typer

    from cli.main import app

    found: dict[str, list[Any]] = {}
    for name, command in getattr(typer.main.get_command(app), "commands").items():  # noqa: B009  (no public type)
        inner = getattr(command, "commands", None)
        for word, leaf in (inner or {"": command}).items():
            leaf.name = f"{name} {word}".strip()
        found[name] = list((inner or {"": command}).values())
    return found


def _there(nav: list[Any], folder: Path) -> list[Any]:
    """The entries whose file exists; groups of which none does are left out, too."""
    kept = []
    for entry in nav:
        ((title, target),) = entry.items()
        found = _there(target, folder) if isinstance(target, list) else target * (folder / target).is_file()
        if found:
            kept.append({title: found})
    return kept


def _options(command: Any) -> str:
    """A section with a table of a command's arguments and options, as its help lists them."""
    context = command.context_class(command, info_name=command.name)
    rows = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    lines = [f"| `{name.strip()}` | {_cell(meaning)} |" for name, meaning in rows]
    return f"\n\n## Options of `gen3d {command.name}`\n\n| option | meaning |\n|---|---|\n" + "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text in which nothing is taken for Markdown but `code`."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
