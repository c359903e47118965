"""gen3d: from a sentence to labelled 3D parts and a segmentation model.

What is listed here is the API; see docs/api.md.
Nothing is imported before it is asked for, and nothing of it imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen3d.api import Collection, Gen3dError, Shape, generate, label, read_shape, write_shape
else:  # pyright would take any name for one of the package's

    def __getattr__(name: str) -> object:
        """The names of the API, from where they are."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from gen3d import api

        return getattr(api, name)


__version__ = "0.1.0"
__all__ = ["Collection", "Gen3dError", "Shape", "generate", "label", "read_shape", "write_shape"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
