"""The `gen3d` command. Heavy imports happen inside the verbs: `gen3d --help` imports neither torch nor trimesh."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import typer

from cli import (
    convert,
    data,
    distill,
    env,
    eval,
    experiment,
    export,
    generate,
    import_,
    label,
    pretrain,
    quality,
    report,
    reproduce,
    segment,
    show,
    sweep,
    train_teacher,
    verify,
    views,
)
from cli.launching import first, together
from gen3d import __version__
from gen3d.errors import Gen3dError
from gen3d.storage import storage_error

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich for it takes as long as all the rest of the start
    context_settings={"max_content_width": 120},
    help="Labelled 3D parts and a part-segmentation model from a word, with no human label.",
)
app.command("generate")(generate.command)
app.command("import")(import_.command)
app.command("label")(label.command)
app.command("pretrain")(together(pretrain.command))
app.command("distill")(together(distill.command))
app.command("eval")(eval.command)
app.command("reproduce")(reproduce.command)
app.command("sweep")(sweep.command)
app.command("segment")(segment.command)
app.command("export")(export.command)
app.command("convert")(convert.command)
app.command("quality")(quality.command)
app.command("report")(report.command)
app.command("show")(show.command)
app.command("views")(views.command)
app.command("verify")(verify.command)
app.command("env")(env.command)
app.command("train-teacher")(train_teacher.command)
app.add_typer(experiment.app, name="experiment")
app.add_typer(data.app, name="data")
for _verb in app.registered_commands:  # their first paragraph, which plain help would cut to one line each
    _verb.short_help = " ".join((getattr(_verb.callback, "__doc__", None) or "").partition("\n\n")[0].split())


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        print(f"gen3d {__version__}")
        raise typer.Exit


class _Stopped(BaseException):
    """Ctrl-C (SIGINT) or SIGTERM. No KeyboardInterrupt, since the command-line library would swallow that."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.exit_code = code


def main() -> None:
    """Run the command line: one line on stderr and an exit code for every error a user can cause."""
    try:
        with _signals_raise():
            code = app(sys.argv[1:] or ["--help"], prog_name="gen3d", standalone_mode=False)
            sys.stdout.flush()
    except Gen3dError as error:
        _fail(str(error), error.exit_code)
    except _Stopped as stopped:
        _fail("interrupted; what was finished is kept, run the same command to go on", stopped.exit_code)
    except OSError as error:
        known = storage_error(Path(error.filename or "the output"), error)
        _fail(str(known), known.exit_code)
    except (MemoryError, SystemError) as error:
        # With nothing left, Python loses the MemoryError itself: "error return without exception set".
        if isinstance(error, SystemError) and "without" not in str(error):
            raise
        _fail("out of memory; use fewer --workers or smaller shapes", Gen3dError.exit_code)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # what typer's own usage errors have, and nothing else
        if usage is None:
            raise
        if not first():  # all processes of a launcher were given the same words
            sys.exit(2)
        _fail(f"{usage().rstrip('.')}; see `gen3d --help` and `gen3d VERB --help`", 2)
    sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """SIGINT and SIGTERM raise `_Stopped` with their exit code, 130 and 143."""

    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(128 + number)
        raise _Stopped(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:
        if asked:  # safetensors, for one, makes an error of its own of whatever is raised within it
            raise _Stopped(asked[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    print(f"gen3d: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
