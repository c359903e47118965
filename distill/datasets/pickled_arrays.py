"""Whole-number arrays out of an `.npy` file that holds a pickled dict, without unpickling it.

`np.save` of a dict writes a pickle. Loading one runs whatever it says, so it is never loaded: the standard library's
disassembler (`pickletools.genops`, which executes nothing) lists its instructions, and the few that numpy writes for a
dict of arrays (pickle protocols 2 to 4) are followed by hand. No name in the file is ever looked up or called;
"numpy.dtype" and its like are compared as text. Anything else is refused.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gen3d.errors import InputError

MAX_BYTES = 1 << 28
MAX_STEPS = 10_000  # instructions; numpy writes some fifty for a dict of two arrays, whatever their length
_MAGIC, _VERSIONS = b"\x93NUMPY", {1: 2, 2: 4, 3: 4}  # version -> bytes of the header's length (numpy, NEP 1)
_ARRAYS = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")  # before and from numpy 2
_TYPES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"}
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


@dataclass(eq=False)
class _Made:
    """What a pickle would make by calling `name` with `args`, and give `state`; nothing is made."""

    name: str
    args: Any = ()
    state: Any = None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of whole numbers along one axis in a dict saved with `np.save`, by name; other values are left out.

    Raises InputError (reason only) for a file that is damaged or too large, or holds anything but such a dict.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"is larger than {MAX_BYTES >> 20} MiB")
        match _followed(_body(path.read_bytes())):
            case _Made(name, _, (_, (), _Made("numpy.dtype", ("O8", *_)), _, [dict(found)])) if name in _ARRAYS:
                arrays = {key: _array(value) for key, value in found.items()}
            case _:
                raise InputError("holds no dict of arrays")
    except InputError as error:
        raise InputError(f"{error}; copy the file again") from None
    except OSError as error:
        raise InputError(f"can't be read ({error.strerror or type(error).__name__}); copy the file again") from None
    except Exception as error:  # pickletools and a stack that is too short raise half a dozen types
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise InputError(f"is damaged ({reason}); copy the file again") from None
    return {key: array for key, array in arrays.items() if array is not None and isinstance(key, str)}


def _body(data: bytes) -> bytes:
    """The pickle in an npy file of objects."""
    if data[:6] != _MAGIC or len(data) < 10 or data[6] not in _VERSIONS:
        raise InputError("is no .npy file, or is cut off")
    start = 8 + _VERSIONS[data[6]]
    end = start + int.from_bytes(data[8:start], "little")
    if b"'|O'" not in data[start:end]:
        raise InputError("holds a plain array, not a dict of arrays")
    return data[end:]


def _followed(data: bytes) -> Any:
    """What the pickle describes, in tuples, lists, dicts and `_Made`."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for step, (code, value, _) in enumerate(pickletools.genops(data)):
        if step >= MAX_STEPS:
            raise InputError(f"holds more than arrays (over {MAX_STEPS} instructions)")
        if code.name in _VALUES:
            stack.append(value)
        elif code.name in _FIXED:
            stack.append(_FIXED[code.name])
        elif code.name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if value is None else value] = stack[-1]
        elif code.name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(value or 0)])
        elif code.name == "STOP":
            return stack.pop()
        elif code.name not in ("PROTO", "FRAME"):
            _step(code.name, value, stack)
    raise InputError("is cut off")


def _step(name: str, value: Any, stack: list[Any]) -> None:
    """An instruction that builds something."""
    match name:
        case "EMPTY_LIST" | "EMPTY_DICT" | "MARK":
            stack.append(_MARK if name == "MARK" else [] if name == "EMPTY_LIST" else {})
        case "GLOBAL":
            stack.append(_Made(value.replace(" ", ".")))
        case "STACK_GLOBAL":
            stack[-2:] = [_Made(".".join(stack[-2:]))]
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        case "TUPLE":
            stack.append(tuple(_marked(stack)))
        case "APPEND" | "APPENDS":
            items = _marked(stack) if name == "APPENDS" else [stack.pop()]
            stack[-1].extend(items)
        case "SETITEM" | "SETITEMS":
            items = _marked(stack) if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        case "REDUCE":
            stack[-2:] = [_Made(stack[-2].name, stack[-1])]
        case "BUILD":
            state = stack.pop()
            stack[-1].state = state
        case _:
            raise InputError(f"holds more than arrays (instruction {name})")


def _marked(stack: list[Any]) -> list[Any]:
    """What lies above the last mark, taken off together with it."""
    at = len(stack) - 1
    while stack[at] is not _MARK:
        at -= 1
    items = stack[at + 1 :]
    del stack[at:]
    return items


def _array(found: Any) -> np.ndarray | None:
    """The array that a part of the pickle stands for; None for other values and other kinds of arrays."""
    match found:
        case _Made(name, _, (_, (int(count),), _Made("numpy.dtype", (str(code), *_), (_, str(order), *_)), _, data)):
            raw = data
        case _:
            return None
    match raw:
        case _Made("_codecs.encode", (str(text), "latin1")):  # how protocol 2 writes bytes
            raw = text.encode("latin1")
    if name not in _ARRAYS or code not in _TYPES or not isinstance(raw, bytes) or order not in ("<", ">", "|"):
        return None
    dtype = np.dtype(order + code)
    if count * dtype.itemsize != len(raw):
        raise InputError(f"has an array of {count} values in {len(raw)} bytes")
    return np.frombuffer(raw, dtype)
