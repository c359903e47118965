"""The `gen3d` command. Heavy imports happen inside the verbs: `gen3d --help` imports neither torch nor trimesh."""

from __future__ import annotations

import sys

import typer

from cli import distill, eval, generate, label, segment, train_teacher
from gen3d import __version__
from gen3d.errors import Gen3dError, StorageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Labelled 3D parts and a part-segmentation model from a word, with no human label.",
)
app.command("generate")(generate.command)
app.command("label")(label.command)
app.command("distill")(distill.command)
app.command("eval")(eval.command)
app.command("segment")(segment.command)
app.command("train-teacher")(train_teacher.command)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        print(f"gen3d {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line: one line on stderr and an exit code for every error a user can cause."""
    try:
        app(standalone_mode=True)
    except Gen3dError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted; what was finished is kept, run the same command to go on", 130)
    except OSError as error:
        known = StorageError(f"{error.filename or 'storage'}: {error.strerror or error}")
        _fail(str(known), known.exit_code)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    print(f"gen3d: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
