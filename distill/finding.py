"""Where a student is found: in a folder, among those that ship with the package, or in the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gen3d.categories import CATEGORIES
from gen3d.errors import InputError, MissingError

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
SHIPPED = Path(__file__).parent / "students" / "shipped"  # a folder per category, in the Hub's layout
NO_STUDENT = "--student is missing: a folder that `gen3d distill` made, a Hub id, or a category whose student ships"
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


class HubOptions(NamedTuple):
    """How the Hub is asked; see `huggingface_hub.snapshot_download`."""

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    force_download: bool = False


def find_student(name: str | Path, hub: HubOptions | None = None, shipped: Path | None = None) -> Path:
    """The folder of a student, with its config.json and its weights.

    Args:
        name: a folder; else a category with a student that ships; else a Hub id. A folder of a category's name wins.
        hub: for a Hub id.
        shipped: where those that ship are; None: in the package.

    Raises:
        InputError: there is no such student, or the folder holds none.
        MissingError: a Hub id that can't be downloaded.
    """
    folder = Path(name)
    if not folder.exists() and str(name) in shipped_categories(shipped):
        return shipped_folder(str(name), shipped)
    if not folder.exists() and str(name).count("/") == 1 and not folder.parent.exists():
        folder = _downloaded(str(name), hub)
    if not (folder / CONFIG).is_file():
        pickled = "pickled checkpoints are never loaded; " if folder.suffix in PICKLES else ""
        raise InputError(f"{name}: is not a student (no {CONFIG} there); {pickled}{_hint(name, folder, shipped)}")
    if not (folder / WEIGHTS).is_file():
        pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in PICKLES]
        hint = f"{pickles[0]} is pickled and never loaded; " if pickles else ""
        raise InputError(f"{name}: has no {WEIGHTS}; {hint}convert the weights to safetensors")
    return folder


def shipped_categories(root: Path | None = None) -> tuple[str, ...]:
    """The categories whose student ships with the package, or lies in `root`, in the order of the table."""
    folder = root or SHIPPED
    return tuple(name for name in CATEGORIES if (folder / name / CONFIG).is_file())


def shipped_folder(category: str, root: Path | None = None) -> Path:
    """That of a category's shipped student, whatever folders lie about. Raises InputError where none ships."""
    if category not in shipped_categories(root):
        raise InputError(
            f"{category}: no student of it ships; {_told(root)}. "
            "Train one (`gen3d distill`), give a folder or a Hub id, or name parts and a teacher"
        )
    return (root or SHIPPED) / category


def _told(root: Path | None) -> str:
    """What ships, for an error."""
    return f"those that do: {', '.join(shipped_categories(root)) or 'none'}"


def _hint(name: str | Path, folder: Path, shipped: Path | None) -> str:
    """What to do about a name that is no student."""
    if folder.exists() and str(name) in shipped_categories(shipped):
        return f"this folder hides the student that ships; call from elsewhere, or `gen3d segment --category {name}`"
    plain = "/" not in str(name) and not folder.suffix and not folder.exists()
    return f"give a folder made with `gen3d distill`{f', or a category ({_told(shipped)})' if plain else ''}"


def _downloaded(name: str, hub: HubOptions | None) -> Path:
    """The folder of a Hub repository, from the cache or the network. Raises MissingError."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS], **(hub or HubOptions())._asdict()))
    except MemoryError:
        raise
    except Exception as error:  # the errors of networks have no common ancestor
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise MissingError(f"{name}: no such folder, and the Hub gave no student of that name ({reason})") from None
