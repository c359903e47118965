"""What gen3d runs on: versions, devices, extras, caches, and the known traps, on which nothing here can crash."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from gen3d import __version__

PACKAGES = (
    "torch", "numpy", "scipy", "trimesh", "embreex", "safetensors", "huggingface-hub", "pydantic", "typer", "rich",
    "h5py", "pyyaml", "pillow", "jaxtyping", "transformers", "diffusers",
)  # fmt: skip
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([a-z0-9_,-]+)\])?[^;]*;.*extra\s*==\s*['\"]([^'\"]+)['\"]"
)
INSTALL_PRETRAINED = "python -m pip install 'gen3d[pretrained]'"  # what errors tell to type
_CARDS = ("nvidia[0-9]*", "dxg", "kfd")  # Linux' files of graphics cards: NVIDIA's, those of WSL, AMD's
_SECONDS = 120  # for a fresh Python to import torch, on a slow disk
_PROBE = """
import json, sys
found = {}
try:
    import torch
    found["cuda"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found["threads"] = torch.get_num_threads()
except BaseException as error:
    found["torch_error"] = f"{type(error).__name__}: {error}"
if sys.argv[1] == "torchvision":
    try:
        import torchvision
    except BaseException as error:
        found["torchvision_error"] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


class Extra(NamedTuple):
    """Optional packages. `missing` ones come with `pip`, the line to type."""

    name: str
    present: list[str]
    missing: list[str]
    pip: str


class Cache(NamedTuple):
    """A folder that downloads go to; `size` in bytes, 0 where it does not exist yet."""

    name: str
    path: str
    exists: bool
    size: int
    writable: bool


class Devices(NamedTuple):
    """What computes. `bfloat16` names the processor's units for it; `cuda` the graphics cards that torch can use."""

    cpu: str
    cores: int
    bfloat16: list[str]
    cuda: list[str]


class Environment(NamedTuple):
    """All of it; `problems` are lines that say what is wrong and what to do."""

    versions: dict[str, str | None]
    devices: Devices
    extras: list[Extra]
    caches: list[Cache]
    torchvision: str
    problems: list[str]


def environment() -> Environment:
    """Look around. torch, and torchvision where it is installed, are imported in a process of their own."""
    torchvision = _version("torchvision")
    probe = _probe(bool(torchvision))
    versions = {"python": platform.python_version(), "gen3d": __version__} | {name: _version(name) for name in PACKAGES}
    caches = [_cache(*named) for named in _cache_folders()]
    error = probe.get("torchvision_error")
    if torchvision is None:
        said = "not installed, as it should be: gen3d does not need it"
    elif error:
        said = f"{torchvision} can't be imported beside this torch: {error}"
    else:
        said = f"{torchvision} works beside this torch; gen3d does not need it"
    problems = (
        [f"torchvision breaks transformers and diffusers; type: {_pip('uninstall torchvision')}"] if error else []
    )
    if "torch_error" in probe:
        problems.append(
            f"torch can't be imported ({probe['torch_error']}); type: {_pip('install --force-reinstall torch')}"
        )
    problems += [f"{c.path} can't be written; set {c.name} to another folder" for c in caches if not c.writable]
    devices = Devices(_cpu(), _cores(), _bfloat16(), probe.get("cuda", []))
    return Environment(versions, devices, extras_of(_requirements()), caches, said, problems)


def chosen_precision(asked: str) -> str:
    """What to compute in; "auto" is bfloat16 where the machine multiplies it in hardware, else float32."""
    import torch

    if asked != "auto":
        return asked
    return "bfloat16" if torch.cuda.is_available() or fast_bfloat16() else "float32"


def has_gpu() -> bool:
    """Whether torch can use a graphics card; torch is imported only where the system has one at all."""
    if not any(path for pattern in _CARDS for path in Path("/dev").glob(pattern)):
        return False
    import torch

    return torch.cuda.is_available()


def fast_bfloat16() -> bool:
    """Whether torch can multiply bfloat16 in this processor's hardware (elsewhere it is slower than float32)."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _version(package: str) -> str | None:
    """Version of an installed package; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _pip(words: str) -> str:
    return f"{Path(sys.executable).name} -m pip {words}"


def _probe(torchvision: bool) -> dict:
    """What a fresh Python finds out about torch, and torchvision where asked."""
    command = [sys.executable, "-c", _PROBE, "torchvision" if torchvision else ""]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        found = json.loads(ended.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        found = {"torch_error": f"took more than {_SECONDS} s"}
    except (OSError, ValueError):
        found = {"torch_error": "the process that imports it died"}
    return {key: " ".join(value.split())[:300] if isinstance(value, str) else value for key, value in found.items()}


def _requirements() -> list[str]:
    """What the installed gen3d needs; nothing where it runs from its sources without being installed."""
    try:
        return metadata.requires("gen3d") or []
    except metadata.PackageNotFoundError:
        return []


def extras_of(requirements: list[str]) -> list[Extra]:
    """The extras that a package's requirements name, in the words of its metadata; one may stand for another."""
    needed: dict[str, list[str]] = {}
    for line in requirements:
        if match := _REQUIREMENT.fullmatch(line):
            package, of, name = match.groups()
            needed.setdefault(name, []).extend(of.split(",") if package == "gen3d" and of else [package])
    extras = []
    for name in sorted(needed):
        packages = [p for each in needed[name] for p in needed.get(each, [each])]
        missing = [package for package in packages if _version(package) is None]
        present = [package for package in packages if package not in missing]
        extras.append(Extra(name, present, missing, _pip(f"install 'gen3d[{name}]'") if missing else ""))
    return extras


def _cache_folders() -> list[tuple[str, Path]]:
    """(variable that moves it, folder) of the libraries that download, by their own rules."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [
        ("HF_HOME", Path(os.environ.get("HF_HOME") or home / "huggingface")),
        ("TORCH_HOME", Path(os.environ.get("TORCH_HOME") or home / "torch")),
    ]


def _cache(name: str, folder: Path) -> Cache:
    """Size of all files below, links not followed; writable if it, or what it would be created in, is."""
    size = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(place, file)).st_size
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return Cache(name, str(folder), folder.is_dir(), size, nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK))


def _cpu_info() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""


def _cpu() -> str:
    """The processor's name."""
    match = re.search(r"^model name\s*:\s*(.+)$", _cpu_info(), re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bfloat16() -> list[str]:
    """The processor's units that multiply bfloat16; without one it is slower than float32."""
    flags = set(" ".join(re.findall(r"^flags\s*:(.*)$", _cpu_info(), re.MULTILINE)).split())
    return [name for name, flag in (("AMX", "amx_bf16"), ("AVX-512", "avx512_bf16")) if flag in flags]
