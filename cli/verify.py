"""`gen3d verify`: whether a collection is whole."""

from __future__ import annotations

import typer

from cli import output


def command(
    collection: str = typer.Argument(..., help="A collection's folder or URL."),
    as_json: bool = output.JSON,
) -> None:
    """Find every bit of a collection that changed, and all that is missing. Exit code 3 where there is any damage."""
    from gen3d.errors import InputError
    from gen3d.verification import verify

    verdict = verify(collection)
    result = {
        "collection": str(collection),
        "whole": not verdict.damage,
        "shards": verdict.shards,
        "samples": verdict.samples,
        "damage": [{"file": d.file, "sample": d.sample or None, "problem": d.problem} for d in verdict.damage],
        "to_mend": verdict.remedies,
        "failures": [{"stage": stem, "id": id, "reason": reason} for stem, id, reason in verdict.failures],
    }

    def table() -> None:
        counts = f"{verdict.shards} shards, {verdict.samples} samples, {len(verdict.failures)} failed"
        print("\n".join(map(str, verdict.damage)) or f"{collection}: whole: {counts}")

    output.show(result, as_json, table)
    if verdict.damage:
        for line in verdict.remedies:
            output.say(line)
        places = f"{len(verdict.damage)} place{'s' * (len(verdict.damage) > 1)}"
        raise InputError(f"{collection}: is not whole, in {places}; to mend it, type the lines above")
