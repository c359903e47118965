"""`gen3d show`: shapes and their parts in a browser."""

from __future__ import annotations

import json
import threading

import typer

from cli import output


def command(
    context: typer.Context,
    paths: list[str] = typer.Argument(
        ..., help="A collection; a folder that `gen3d eval` wrote; or files (GLB, OBJ, ...), folders, quoted patterns."
    ),
    student: str = typer.Option(None, "--student", help="Show what this student (folder or Hub id) answers, too."),
    dataset: str = typer.Option(None, "--dataset", help="The path is the root of this data set: see `gen3d eval`."),
    category: str = typer.Option(None, "--category", help="Of a data set or of files.  [default: the student's]"),
    split: str = typer.Option(None, "--split", help="Of data sets that have them: train, val, trainval or test."),
    up: str = typer.Option(None, "--up", help="The files' upward axis: y, z, or auto to find it.  [default: y]"),
    host: str = typer.Option(None, "--host", help="Address to serve at; 0.0.0.0: to everybody.  [default: 127.0.0.1]"),
    port: int = typer.Option(None, "--port", help="0: any that is free.  [default: 8080]"),
    open_: bool = typer.Option(False, "--open", help="Open the page in this machine's browser."),
    as_json: bool = output.JSON,
) -> None:
    """Look at shapes in a browser: parts to hide and show, teachers' views, truth beside prediction.

    Prints the page's address, then serves it until Ctrl-C. Needs viser, which
    the extra `viewer` brings.
    """
    from distill.viewer.opening import ShowSettings, open_source
    from distill.viewer.server import ServeSettings, Viewer
    from gen3d.settings import resolve

    settings = resolve(ShowSettings, None, **output.settings_given(context, ShowSettings))
    serving = resolve(ServeSettings, None, **output.settings_given(context, ServeSettings))
    source = open_source(paths, settings)
    viewer = Viewer(source, serving, output.say)
    try:
        result = {"url": viewer.url, "title": source.title, "shapes": len(source.ids), "parts": list(source.parts)}
        line = f"{viewer.url}  {source.title}; {len(source.ids)} shapes; Ctrl-C ends"
        print(json.dumps(result) if as_json else line, flush=True)
        if open_:
            import webbrowser

            webbrowser.open(viewer.url)
        threading.Event().wait()
    finally:
        viewer.stop()
