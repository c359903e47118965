"""`gen3d env`: what it runs on."""

from __future__ import annotations

from cli import output


def command(as_json: bool = output.JSON) -> None:
    """Versions, devices, extras, caches, and known traps; paste it into a bug report."""
    from gen3d.environment import environment

    found = environment()
    result = found._asdict() | {"devices": found.devices._asdict()}
    result |= {"extras": [e._asdict() for e in found.extras], "caches": [c._asdict() for c in found.caches]}

    def table() -> None:
        versions = [[name, version or "not installed"] for name, version in found.versions.items()]
        output.print_table("Versions", ["package", "version"], versions)
        units = ", ".join(found.devices.bfloat16) or "none"
        print(f"CPU: {found.devices.cpu}, {found.devices.cores} cores, bfloat16 units: {units}")
        print(f"CUDA: {', '.join(found.devices.cuda) or 'none'}")
        print(f"torchvision: {found.torchvision}")
        for extra in found.extras:
            lacks = f"lacks {', '.join(extra.missing)}; type: {extra.pip}" if extra.missing else "all there"
            print(f"extra {extra.name}: {lacks}")
        if not found.extras:
            print("extras: unknown, since gen3d runs from its sources without being installed")
        for cache in found.caches:
            state = f"{cache.size / 1e6:,.1f} MB" if cache.exists else "not there yet"
            print(f"{cache.name}: {cache.path}, {state}, {'writable' if cache.writable else 'NOT writable'}")

    output.show(result, as_json, table)
    for problem in found.problems:
        output.say(f"problem: {problem}")
