"""The built wheel in an empty environment, as a user has it; `make smoke` runs this.

    python tests/smoke.py          # needs `build`, and a package index for what the wheel depends on

The source distribution is built from the checkout and the wheel from that, so both are known to be complete: the wheel
must hold every file of the packages, byte for byte. It is installed with constraints.txt in a new environment. There,
outside of the checkout, the chain runs at a tiny size, and everything that travels with the code must be found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gen3d", "distill", "cli", "configs")
CHAIN = """
generate --category mug --n 2 --workers 1
label runs/mug/generated --workers 1 --preset tiny.yaml
distill --category mug --preset tiny.yaml
eval --student runs/mug/student-generated --dataset collection --root runs/mug/generated --preset tiny.yaml
export runs/mug/generated --format glb --out meshes
segment meshes --student runs/mug/student-generated --passes 1
segment meshes --category mug --passes 1 --out shipped
report runs/mug
verify runs/mug/generated
"""
PRESET = "{label: {views: 2, size: 64, points: 512}, distill: {epochs: 1, batch: 2}, eval: {points: 512, passes: 1}}"
# What a user of the library gets: all from the environment, none from a checkout that happens to be near.
FOUND = """
import sys
from importlib import import_module, metadata, resources
for name in sys.argv[1].split():
    package = resources.files(import_module(name))
    assert "site-packages" in str(package), f"{name} is that of {package}"
    assert package.joinpath("py.typed").is_file(), f"{name} has no py.typed"
from gen3d.teachers.lite.teacher import LiteTeacher
LiteTeacher()
about = metadata.metadata("gen3d")
assert about["License-Expression"] == "Apache-2.0" and about["Requires-Python"] == ">=3.10"
assert any(str(file).endswith("LICENSE") for file in metadata.files("gen3d"))
"""


def alone() -> dict[str, str]:
    """The environment without what would show Python another copy of the packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def sources() -> dict[str, bytes]:
    """Every file of the packages by its path in the wheel; nothing that Python or an editor left there."""
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    kept = [path for path in files if "__pycache__" not in path.parts and not path.name.startswith(".")]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in kept}


def built(folder: Path) -> Path:
    """The wheel, made from the source distribution; both hold what they should."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("gen3d-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        held = {name: archive.read(name) for name in names}
    known = sources()
    differing = sorted(name for name in held.keys() | known.keys() if held.get(name) != known.get(name))
    if differing:
        sys.exit(f"smoke: the wheel differs from the checkout in {', '.join(differing)}")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """The folder of programs of a new environment that has the wheel and what it depends on."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-c", ROOT / "constraints.txt", wheel], check=True, env=alone())
    subprocess.run([*pip, "check"], check=True, env=alone())
    return programs


def run_chain(programs: Path, home: Path) -> None:
    """The chain of the README in an empty folder, by the installed program; JSON is looked at."""

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, cwd=home, env=alone(), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"smoke: exit code {done.returncode} of {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stdout

    run(programs / "python", "-c", FOUND, " ".join(PACKAGES))
    version = run(programs / "gen3d", "--version").split()[1]
    told = json.loads(run(programs / "gen3d", "env", "--json"))
    assert told["versions"]["gen3d"] == version and told["extras"], told
    (home / "tiny.yaml").write_text(PRESET)
    answers = {}
    for line in CHAIN.strip().splitlines():
        verb, *words = line.split()
        answers[verb] = json.loads(run(programs / "gen3d", verb, *words, "--json"))
    assert answers["generate"]["shapes"] == answers["label"]["labelled"] == 2 and answers["distill"]["epochs"] == 1
    assert len(answers["segment"]["shapes"]) == 2 and answers["verify"]["whole"]
    assert (home / answers["report"]["out"]).stat().st_size == answers["report"]["bytes"]
    assert run(programs / "gen3d", "generate", "--category", "cap", "--n", "1", "--preset", "demo").endswith("of cap\n")


def main() -> None:
    """Build, install, run; ends with 1 at the first thing that is wrong."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = built(folder / "dist")
        programs = installed(wheel, folder / "venv")
        (folder / "home").mkdir()
        run_chain(programs, folder / "home")
        size = wheel.stat().st_size / 1e6
    print(f"smoke: {wheel.name}, {size:.1f} MB, installed alone: all commands ran, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
