"""What readers make of damaged files: `python benchmarks/malformed.py [--count 250] [--anchor]`.

Small sound files of nine formats are cut off, get flipped bits, bytes put in, bytes taken out and huge numbers, 250
times each. Every mutant is read in a process of its own that may use 1 GB and 4 s of CPU time. Each must end as a sound
shape or as one line of InputError naming the file; anything else is a fault. `--anchor` gives the same mutants to
trimesh, whose errors have no common type. `--folder F` reads the files of a folder instead, `--json` is for machines.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # a forked process has one thread

import argparse
import base64
import json
import re
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import trimesh

from gen3d.errors import InputError
from gen3d.mesh_io import read_shape, shape_bytes
from gen3d.shape import Shape

MEMORY = 1 << 30  # bytes on top of what the reading process holds already
CPU_SECONDS = 4
FAULTS = ("unsound", "leak", "crash", "slow", "noisy")


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Args:
        verdict: "read", "refused", or one of `FAULTS`.
        detail: the error's line; of a shape that was read, a check value of its geometry.
        cpu: seconds.
        peak: resident memory in MB.
    """

    verdict: str
    detail: str
    cpu: float
    peak: float


def sound_files() -> dict[str, tuple[str, bytes]]:
    """Format -> (suffix, a small sound file of it), by our own writers wherever we have one."""
    box = trimesh.creation.box((1, 2, 3)).subdivide()
    vertices, faces = np.array(box.vertices, np.float32), np.array(box.faces, np.int64)  # 48 faces
    shape = Shape("box", "chair", vertices, faces, (np.arange(len(faces)) % 4).astype(np.int16))
    ours = {f"{s[1:]}": (s, shape_bytes(shape, s)) for s in (".glb", ".obj", ".off", ".npz")}
    foreign = {"ply ascii": ("ply", {"encoding": "ascii"}), "stl ascii": ("stl_ascii", {})}
    texts = {name: box.export(file_type=kind, **options) for name, (kind, options) in foreign.items()}
    return {
        "glb": ours["glb"],
        "gltf": (".gltf", _gltf(vertices, faces)),
        "obj": ours["obj"],
        "ply binary": (".ply", shape_bytes(shape, ".ply")),
        "ply ascii": (".ply", _bytes(texts["ply ascii"])),
        "stl binary": (".stl", shape_bytes(shape, ".stl")),
        "stl ascii": (".stl", _bytes(texts["stl ascii"])),
        "off": ours["off"],
        "npz": ours["npz"],
    }


def _bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _gltf(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """A glTF document with its buffer inside."""
    positions, indices = vertices.tobytes(), faces.astype("<u4").tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(positions + indices).decode()
    views = [{"buffer": 0, "byteLength": len(positions)}]
    views.append({"buffer": 0, "byteOffset": len(positions), "byteLength": len(indices)})
    document = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0, "name": "seat"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": len(vertices)},
            {"bufferView": 1, "componentType": 5125, "type": "SCALAR", "count": faces.size},
        ],
        "bufferViews": views, "buffers": [{"byteLength": len(positions + indices), "uri": uri}],
    }  # fmt: skip
    return json.dumps(document).encode()


def mutants(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(kind, damaged bytes): the five kinds in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 60))
        kind = ("cut", "flip", "insert", "delete", "huge")[number % 5]
        if kind == "flip":
            changed = bytearray(data)
            for i in rng.integers(len(data), size=int(rng.integers(1, 4))):
                changed[i] ^= 1 << int(rng.integers(8))
            yield kind, bytes(changed)
            continue
        head, tail = data[:at], data[at:]
        yield (
            kind,
            {
                "cut": head,
                "insert": head + rng.bytes(length) + tail,
                "delete": head + tail[length:],
                "huge": _huge(data, at, rng),
            }[kind],
        )


def _huge(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    """With another number at `at`: a binary one of four bytes, or one in place of the digits that follow."""
    digits = re.compile(rb"[0-9]+").search(data, at)
    if digits is None or rng.integers(3) == 0:
        return data[:at] + (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff")[int(rng.integers(2))] + data[at + 4 :]
    nines = b"9" * len(digits[0])  # these keep every length, so that a GLB's container stays sound
    choices = (nines, nines, b"99999999999", b"-2147483649", b"1e999", b"NaN", b"-1", b"10000000")
    return data[: digits.start()] + choices[int(rng.integers(8))] + data[digits.end() :]


def ours(path: Path) -> str:
    """Check value of the geometry `read_shape` gives. Raises InputError; AssertionError where it is not sound."""
    shape = read_shape(path, "chair")
    rows = shape.positions()
    assert len(rows) and np.isfinite(rows).all()
    if shape.has_mesh:
        vertices, faces = shape.mesh
        assert np.isfinite(vertices).all() and faces.min() >= 0 and faces.max() < len(vertices)
        assert shape.face_labels is None or len(shape.face_labels) == len(faces)
    shape.normalised().sampled(8, seed=0)
    corners = shape.mesh[0][shape.mesh[1]] if shape.has_mesh else rows
    return f"{len(corners)} {hash(corners.tobytes())}"


def theirs(path: Path) -> str:
    """The same by trimesh, whose ValueError counts as its refusal."""
    try:
        scene = trimesh.load_scene(str(path), process=False)
    except ValueError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    for geometry in scene.geometry.values():
        vertices = np.asarray(getattr(geometry, "vertices", ()))
        assert np.isfinite(vertices).all()
    return str(len(scene.geometry))


def outcome(path: Path, reader: Callable[[Path], str] = ours) -> Outcome:
    """Read one file in a forked process under the limits; what it says on stdout or stderr makes it "noisy"."""
    receiving, sending = os.pipe()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            os.close(receiving)
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
            verdict, detail = _judged(path, reader)
            os.write(sending, f"{verdict}\n{detail[:2000]}".encode("utf-8", "replace"))
            os._exit(0)
        os.close(sending)
        with os.fdopen(receiving, "rb") as pipe:
            verdict, _, detail = pipe.read().decode().partition("\n")
        _, status, usage = os.wait4(child, 0)
        said.seek(0)
        noise = said.read(300).decode("utf-8", "replace")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        verdict, detail = ("slow" if number == 24 else "crash"), f"signal {number}"
    elif noise and verdict in ("read", "refused"):
        verdict, detail = "noisy", noise
    return Outcome(verdict, detail, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _judged(path: Path, reader: Callable[[Path], str]) -> tuple[str, str]:
    """Verdict and detail of a file read in this process, which is given its limits first."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    try:
        return "read", reader(path)
    except InputError as error:
        one = len(str(error).splitlines()) == 1 and str(error).startswith(str(path).replace("\n", " "))
        return ("refused" if one else "unsound"), str(error)
    except AssertionError as error:
        return "unsound", f"not a sound shape {error}"
    except BaseException as error:
        return "leak", f"{type(error).__name__}: {error}"


def survey(count: int, reader: Callable[[Path], str] = ours) -> dict[str, list[tuple[str, Outcome]]]:
    """(kind of damage, outcome) of `count` mutants of every format."""
    found: dict[str, list[tuple[str, Outcome]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (suffix, data)) in enumerate(sound_files().items()):
            if reader is theirs and name == "npz":
                continue  # trimesh has no such reader
            path = Path(folder) / f"mutant{suffix}"
            path.write_bytes(data)
            whole = reader(path)  # in this process too: what it imports need not be imported by every child
            assert outcome(path, reader).verdict == "read"
            rows = found[name] = []
            for kind, changed in mutants(data, count, seed=number):
                path.write_bytes(changed)
                result = outcome(path, reader)
                short = kind == "cut" and result.verdict == "read" and result.detail != whole
                rows.append((f"{kind} short" if short else kind, result))
    return found


def table(found: dict[str, list[tuple[str, Outcome]]]) -> Iterator[str]:
    """The lines of the report."""
    heads = (("mutants", 8), ("refused", 9), ("read", 6), ("cut, read", 11), ("faults", 8), ("max s", 8), ("max MB", 8))
    yield f"{'format':<12}" + "".join(f"{head:>{width}}" for head, width in heads)
    for name, rows in found.items():
        verdicts = Counter(result.verdict for _, result in rows)
        short = sum(kind == "cut short" for kind, _ in rows)
        faults = sum(verdicts[fault] for fault in FAULTS)
        cpu, peak = (max(getattr(result, key) for _, result in rows) for key in ("cpu", "peak"))
        yield (
            f"{name:<12}{len(rows):>8}{verdicts['refused']:>9}{verdicts['read']:>6}{short:>11}{faults:>8}"
            f"{cpu:>8.2f}{peak:>8.0f}"
        )
        wrong = Counter(
            f"{r.verdict}: {r.detail.split(':')[0] if r.verdict == 'leak' else r.detail[:150]}"
            for _, r in rows if r.verdict in FAULTS
        )  # fmt: skip
        yield from (f"    {times} x {line}" for line, times in wrong.most_common())


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=250, help="mutants per format")
    parser.add_argument("--folder", type=Path, help="read the files in here instead")
    parser.add_argument("--anchor", action="store_true", help="trimesh as well")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.folder is not None:
        files = sorted(options.folder.iterdir())
        print(json.dumps({path.name: asdict(outcome(path)) for path in files}, indent=1))
        return
    found = survey(options.count)
    if options.json:
        print(json.dumps({name: [[kind, asdict(r)] for kind, r in rows] for name, rows in found.items()}))
        return
    print(f"gen3d, each in a process with {MEMORY >> 20} MB to spare and {CPU_SECONDS} s of CPU time:")
    print("\n".join(table(found)))
    if options.anchor:
        print("trimesh, its ValueError counted as refusal:")
        print("\n".join(table(survey(options.count, theirs))))


if __name__ == "__main__":
    main()
