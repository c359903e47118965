"""What the verbs share: options, progress on stderr, results on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gen3d.crew import Crew
    from gen3d.settings import Settings

RUNS = Path("runs")
PRESET = typer.Option(None, "--preset", help="YAML file, or a name in configs/, that fills the settings.")
SEED = typer.Option(None, "--seed", min=0, max=2**63 - 1, help="The same seed gives the same bytes.  [default: 0]")
WORKERS = typer.Option(os.cpu_count() or 1, "--workers", min=1, help="Processes.", show_default="all cores")
CREW = typer.Option(None, "--workers", min=1, help="Processes.  [default: all cores, on ray of all nodes]")
EXECUTOR = typer.Option("local", "--executor", help="local, or ray: on a cluster, see docs/ray.md. The same bytes.")
ADDRESS = typer.Option(None, "--address", help="ray: host:port, or auto.  [default: RAY_ADDRESS, else this machine]")
GPUS = typer.Option(None, "--gpus-per-worker", min=0, help="ray: such as 0.25, four workers a GPU.  [default: 0]")
RETRIES = typer.Option(None, "--retries", min=0, help="ray: where workers die over a shard.  [default: 2]")
OVERWRITE = typer.Option(False, "--overwrite", help="Start anew, whatever is there.")
RETRY_FAILED = typer.Option(False, "--retry-failed", help="Try the samples that failed again, and nothing else.")
OFFLINE = typer.Option(
    False, "--offline", callback=lambda on: _go_offline(on), help="Download nothing, as HF_HUB_OFFLINE=1 does."
)
LOG = typer.Option(None, "--log", help="tensorboard or wandb, in OUT-log.  [default: none; losses.csv always]")
JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def _go_offline(on: bool) -> bool:
    """Tell the Hub's library, in this process and its workers; it looks when it is imported, which is later."""
    if on:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return on


@contextlib.contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A bar on stderr (nothing but the end where stderr is no terminal); call it with (steps done, note).

    Without a `total` it only counts.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(text, total=total, note="")
        yield lambda steps, note="": bar.update(task, advance=steps, note=note)


@dataclass
class Count:
    """What a stage reports to: adds up the samples it made, and moves a bar by them."""

    step: Callable[[int, str], None]
    made: int = 0

    def __call__(self, count: int) -> None:
        self.made += count
        self.step(count, "")


def say(text: str) -> None:
    """A line for the user on stderr."""
    print(text, file=sys.stderr)


def say_unknown(category: str) -> None:
    """A note on stderr on a category that gen3d has no parts of."""
    from gen3d.categories import unknown_note

    note = unknown_note(category)
    if note is not None:
        say(note)


def say_nothing_to_do(where: object, done: str, retry_failed: bool = False) -> None:
    """Why a repeated command ended at once, on stderr: `done` before, or no failed sample to try again."""
    say(f"{where}: {'no shape failed' if retry_failed else done}; nothing to do")


def names(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated words of an option; None where it was not given."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def crew_given(context: typer.Context, usual: int | None = None) -> Crew:
    """Who does the verb's work, from its options; here `usual` processes, where no number is given.

    Raises SettingsError.
    """
    from gen3d.crew import Crew, crew_of
    from gen3d.settings import resolve

    crew = crew_of(resolve(Crew, None, **settings_given(context, Crew)))
    return crew.model_copy(update={"workers": usual}) if crew.here and crew.workers is None else crew


def settings_given(context: typer.Context, kind: type[Settings]) -> dict[str, Any]:
    """The verb's options that are named as settings of that class, None where not given; paths as text."""
    found = {name: value for name, value in context.params.items() if name in kind.model_fields}
    return {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}


def assignments(texts: list[str], option: str = "--option") -> dict[str, str]:
    """What NAME=VALUE options say. Raises SettingsError for one that is none, or a name that is there twice."""
    from gen3d.errors import SettingsError

    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name or name in found:
            wrong = "is set twice" if name in found else "is no NAME=VALUE, as in tokens=last"
            raise SettingsError(f"{option} {text}: {wrong}")
        found[name] = value.strip()
    return found


def say_failures(failures: list[tuple[str, str]], most: int = 5) -> None:
    """The first samples that failed with their reasons, and how many more there are, on stderr."""
    for id, reason in failures[:most]:
        say(f"failed: {id}: {reason}")
    if len(failures) > most:
        say(f"failed: {len(failures) - most} more (--json lists all); try them again with --retry-failed")


def say_renderers(shapes: dict[str, int]) -> None:
    """Which renderer made the views of how many shapes, on stderr; nothing where that was not recorded."""
    if shapes:
        say("rendered by " + ", ".join(f"{name} ({count} shapes)" for name, count in shapes.items()))


def failure_rows(failures: list[tuple[str, str]]) -> list[dict[str, str]]:
    """The samples that failed, for JSON."""
    return [{"id": id, "reason": reason} for id, reason in failures]


def show(result: dict[str, Any], as_json: bool, table: Callable[[], None]) -> None:
    """The result on stdout: as JSON, or by `table`."""
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        table()


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout; the first column is text, the others are numbers."""
    from rich.console import Console
    from rich.table import Table

    print(title)
    table = Table()
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 120, markup=False).print(table)
