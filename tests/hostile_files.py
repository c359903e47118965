"""Files made by hand to be awkward or malicious, each with what must become of it: "read" or "refused"."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
from sample_shapes import gltf

V = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
TRIANGLE = np.eye(3, dtype="<f4").tobytes()
READ, REFUSED = "read", "refused"


def ply(count: object, rest: str, form: str = "ascii", kind: str = "float") -> bytes:
    """A PLY header of `count` announced vertices, and how it happens to go on."""
    axes = "".join(f"property {kind} {axis}\n" for axis in "xyz")
    return f"ply\nformat {form} 1.0\nelement vertex {count}\n{axes}{rest}".encode()


def binary_ply(order: str, count: int = 3) -> bytes:
    """Three points in that byte order."""
    form = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    return ply(count, "end_header\n", form) + np.eye(3, dtype=f"{order}f4").tobytes()


def uri(data: bytes) -> str:
    """A data URI."""
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def document(**changes: Any) -> bytes:
    """glTF text of a triangle, with some entries replaced."""
    return json.dumps(gltf(uri(TRIANGLE)) | changes).encode()


def stl(count: int, triangles: int) -> bytes:
    """A binary STL of so many announced and so many real triangles."""
    one = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    return b"header".ljust(80) + struct.pack("<I", count) + triangles * one


def ascii_stl(vertex: str) -> str:
    """One facet whose last vertex is the given text."""
    loop = f"outer loop\nvertex 0 0 0\nvertex 1 0 0\nvertex {vertex}\nendloop"
    return f"solid a\nfacet normal 0 0 1\n{loop}\nendfacet\nendsolid a\n"


def glb(text: bytes, binary: bytes = b"", declared: int | None = None) -> bytes:
    """A GLB of that JSON and buffer, whose header may tell another size."""
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<2I", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<2I", len(binary), 0x004E4942) + binary if binary else b""
    return b"glTF" + struct.pack("<2I", 2, declared or 12 + len(chunks)) + chunks


def nested(depth: int, meshes: bool) -> list[dict[str, Any]]:
    """Nodes in one long chain."""
    body = {"mesh": 0} if meshes else {}
    return [{**body, "children": [i + 1]} for i in range(depth)] + [{"mesh": 0}]


def corpus() -> dict[str, tuple[bytes | str, str]]:
    """File name -> (content, verdict)."""
    box = V + "v 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"
    off = "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    huge_view = [{"buffer": 0, "byteLength": 1 << 40}]
    crowd = [{"mesh": 0}] * 90_000
    big = np.zeros((30_000, 3), "<f4")
    big[1::3, 0] = big[2::3, 1] = 1
    big_gltf = gltf(uri(big.tobytes()), count=30_000) | {"bufferViews": [{"buffer": 0, "byteLength": big.nbytes}]}
    big_gltf["buffers"][0]["byteLength"] = big.nbytes
    laughs = [{"children": [i + 1] * 40} for i in range(40)] + [{"mesh": 0}]
    many = {"meshes": gltf("")["meshes"] * 2000, "nodes": [{"mesh": i} for i in range(2000)]}
    return {
        # sound, if odd
        "crlf.obj": (box.replace("\n", "\r\n"), READ),
        "cr.obj": (box.replace("\n", "\r"), READ),
        "bom.obj": ("\ufeff" + box, READ),
        "duplicate faces.obj": (V + "f 1 2 3\n" * 3, READ),
        "twice the same vertex.obj": (V + V + "f 1 2 3\nf 4 5 6\n", READ),
        "zero area among others.obj": (V + "f 1 2 3\nf 1 1 2\n", READ),
        "unused nan.obj": ("v nan 0 0\n" + V + "f 2 3 4\n", REFUSED),
        "continued.obj": (V + "f 1 2 \\\n3\n", READ),
        "latin1.obj": (b"# caf\xe9\n" + box.encode(), READ),
        "long polygon.obj": (V + "f " + "1 2 3 " * 50_000 + "\n", READ),
        "mtllib.obj": ("mtllib ../../../../etc/passwd\nusemtl root\n" + box, READ),
        "crlf.off": (off.replace("\n", "\r\n"), READ),
        "bom.off": ("\ufeff" + off, READ),
        "counts beside the word.off": (off.replace("OFF\n", "OFF "), READ),
        "crlf.stl": (ascii_stl("0 1 0").replace("\n", "\r\n"), READ),
        "solid in a binary header.stl": (b"solid" + stl(1, 1)[5:], READ),
        "little.ply": (binary_ply("<"), READ),
        "big.ply": (binary_ply(">"), READ),
        "crlf.ply": (ply(3, "end_header\n0 0 0\n1 0 0\n0 1 0\n").replace(b"\n", b"\r\n"), READ),
        "plain.gltf": (document(), READ),
        "two circling nodes.gltf": (document(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]), REFUSED),
        "texture outside.gltf": (document(images=[{"uri": "../../../../etc/passwd"}], textures=[{"source": 0}]), READ),
        # nothing, or hardly anything
        **{f"empty{suffix}": (b"", REFUSED) for suffix in (".glb", ".gltf", ".obj", ".ply", ".stl", ".off", ".npz")},
        **{f"blank{suffix}": (b" \r\n\t", REFUSED) for suffix in (".glb", ".gltf", ".obj", ".stl", ".off", ".npz")},
        **{f"zeros{suffix}": (bytes(4096), REFUSED) for suffix in (".glb", ".gltf", ".obj", ".ply", ".off", ".npz")},
        "one point.ply": (ply(1, "end_header\n1 2 3\n"), REFUSED),
        "one place.ply": (ply(3, "end_header\n" + "1 2 3\n" * 3), REFUSED),
        "no face.obj": (V, REFUSED),
        # values
        "nan.ply": (ply(2, "end_header\n0 0 0\nnan 0 0\n"), REFUSED),
        "inf.off": (off.replace("1 0 0", "inf 0 0"), REFUSED),
        "nan.stl": (ascii_stl("nan 1 0"), REFUSED),
        "too large for float32.obj": (V.replace("v 1 0", "v 1e39 0") + "f 1 2 3\n", REFUSED),
        "zero area.obj": ("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", REFUSED),
        "zero area.stl": (ascii_stl("0 0 0"), REFUSED),
        "index beyond 2^31.obj": (V + "f 1 2 4294967297\n", REFUSED),
        "index beyond 2^63.obj": (V + "f 1 2 99999999999999999999\n", REFUSED),
        "index beyond 2^31.off": (off.replace("3 0 1 2", "3 0 1 4294967296"), REFUSED),
        "digits.obj": (V + "f 1 2 " + "9" * 100_000 + "\n", REFUSED),
        "digits.stl": (ascii_stl("0 1 " + "1" * 200_000 + "x"), REFUSED),
        "dots.stl": (ascii_stl("0 1 " + "1." * 100_000), REFUSED),
        "blanks.stl": ("solid a\nfacet normal 0 0 1\n" + " " * 1_000_000 + "vertex\n", REFUSED),
        # counts that are not there
        "10^7 vertices.ply": (ply(10**7, "end_header\n0 0 0\n1 0 0\n"), REFUSED),
        "10^7 vertices, binary.ply": (binary_ply("<", 10**7), REFUSED),
        "10^18 vertices, binary.ply": (binary_ply("<", 10**18), REFUSED),
        "10^12 of no size.ply": (ply(10**12, "end_header\n").replace(b"property float", b"comment"), REFUSED),
        "minus one.ply": (ply(-1, "end_header\n0 0 0\n"), REFUSED),
        "long list.ply": (
            ply(0, "element face 1\nproperty list uint int vertex_indices\nend_header\n", "binary_little_endian")
            + struct.pack("<4I", 0xFFFFFFFF, 0, 1, 2), REFUSED,
        ),
        "10^7 vertices.off": ("OFF\n10000000 10000000 0\n0 0 0\n", REFUSED),
        "10^18 vertices.off": (f"OFF\n{10**18} {10**18} 0\n0 0 0\n", REFUSED),
        "minus one.off": (off.replace("3 1 0", "-3 -1 0"), REFUSED),
        "minus corners.off": (off.replace("3 0 1 2", "-3 0 1 2"), REFUSED),
        "10^7 corners.off": (off.replace("3 0 1 2", "10000000 0 1 2"), REFUSED),
        "2^32 triangles.stl": (stl(0xFFFFFFFF, 1), REFUSED),
        "one triangle short.stl": (stl(2, 1), REFUSED),
        "one byte short.stl": (stl(2, 2)[:-1], REFUSED),
        "wrong endian.stl": (stl(int.from_bytes((1).to_bytes(4, "big"), "little"), 1), REFUSED),
        "no endfacet.stl": (ascii_stl("0 1 0").replace("endfacet", ""), REFUSED),
        "cut number.stl": (ascii_stl("0 1 0")[:-30], REFUSED),
        # glTF
        "nested lists.gltf": ("[" * 1_000_000, REFUSED),
        "nested objects.gltf": ('{"a":' * 200_000, REFUSED),
        "nested lists.glb": (glb(b"[" * 1_000_000), REFUSED),
        "long chunk.glb": (b"glTF" + struct.pack("<4I", 2, 0xFFFFFFFF, 0xFFFFFFF0, 0x4E4F534A), REFUSED),
        "wrong endian.glb": (b"glTF" + struct.pack(">4I", 2, 20, 0, 0x4E4F534A), REFUSED),
        "text chunk beyond the end.glb": (glb(b"{}", declared=999), REFUSED),
        "buffer of a terabyte.gltf": (document(buffers=[{"byteLength": 1 << 40, "uri": uri(TRIANGLE)}]), READ),
        "view of a terabyte.gltf": (document(bufferViews=huge_view), REFUSED),
        "10^13 vertices.gltf": (json.dumps(gltf(uri(TRIANGLE), count=10**13)), REFUSED),
        "half a vertex.gltf": (json.dumps(gltf(uri(TRIANGLE))).replace('"count": 3', '"count": 2.5'), REFUSED),
        "minus one vertex.gltf": (json.dumps(gltf(uri(TRIANGLE), count=-1)), REFUSED),
        "billion laughs.gltf": (document(nodes=laughs), REFUSED),
        "deep chain.gltf": (document(nodes=nested(20_000, meshes=True)), REFUSED),
        "deep chain of nothing.gltf": (document(nodes=nested(20_000, meshes=False)), REFUSED),
        "chain.gltf": (document(nodes=nested(500, meshes=False)), READ),
        "crowd.gltf": (json.dumps(big_gltf | {"nodes": crowd, "scenes": [{"nodes": [*range(90_000)]}]}), REFUSED),
        "one array in 2000 meshes.gltf": (json.dumps(big_gltf | many), REFUSED),
        "a node that is not there.gltf": (document(scenes=[{"nodes": [7]}]), REFUSED),
        "json of a list.glb": (glb(b"[]"), REFUSED),
        "pickle.gltf": (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.", REFUSED),
    }  # fmt: skip
