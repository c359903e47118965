"""Where the lines of a training go beside its CSV: to TensorBoard or Weights & Biases.

They lie in `<out>-log`, beside the folder of the run's result: that one is put in place whole, at the end. Which log is
kept does not change the student, so it is no setting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gen3d.errors import MissingError, SettingsError
from gen3d.settings import Settings
from gen3d.storage import make_folder, storage_error

if TYPE_CHECKING:
    from distill.masked_training import PretrainEpoch
    from distill.trainer import Epoch

    Line = Epoch | PretrainEpoch
else:
    Line = Any


class Log(Protocol):
    """One training's log, open."""

    def add(self, epoch: int, values: dict[str, float]) -> None:
        """The numbers of an epoch, by name."""
        ...

    def close(self) -> None:
        """Everything is on disk after it."""
        ...


Opener = Callable[[Path, dict[str, Any], int], Log]  # folder, settings of the run, first epoch


def _tensorboard() -> Opener:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise _missing("tensorboard", error) from None

    class Board:
        """Event files; `purge_step` hides what a run that was killed, or overwritten, wrote of later epochs."""

        def __init__(self, folder: Path, settings: dict[str, Any], first: int) -> None:
            self._writer = SummaryWriter(str(folder), purge_step=first)

        def add(self, epoch: int, values: dict[str, float]) -> None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

        def close(self) -> None:
            self._writer.close()

    return Board


def _wandb() -> Opener:
    try:
        import wandb  # type: ignore[import-not-found]
    except ImportError as error:
        raise _missing("wandb", error) from None

    class Run:
        """A run; its files are in the folder, and on the server unless WANDB_MODE=offline."""

        def __init__(self, folder: Path, settings: dict[str, Any], first: int) -> None:
            try:
                self._run = wandb.init(dir=str(folder), name=folder.name.removesuffix("-log"), config=settings)
            except wandb.Error as error:
                reason = " ".join(str(error).split())[:200]
                raise MissingError(f"wandb: can't start ({reason}); `wandb login`, or set WANDB_MODE=offline") from None

        def add(self, epoch: int, values: dict[str, float]) -> None:
            self._run.log(values, step=epoch)

        def close(self) -> None:
            self._run.finish()

    return Run


LOGS: dict[str, Callable[[], Opener]] = {"tensorboard": _tensorboard, "wandb": _wandb}


@contextlib.contextmanager
def training_log(name: str | None, out: Path, settings: Settings) -> Iterator[Callable[[Line], None]]:
    """What to call after every epoch with its line. The log is made at the first: a run with nothing to do has none.

    Of processes that train together the first one alone keeps it.

    Args:
        name: in `LOGS`; None: nothing is logged.
        out: folder of the run's result.
        settings: of the run, for the log's reader.

    Raises:
        SettingsError: an unknown name.
        MissingError: its package, or an account.
        StorageError: the disk is full, read-only or gone.
    """
    if name is not None and name not in LOGS:
        raise SettingsError(f"unknown log {name!r}; known are: {', '.join(LOGS)}")
    from distill.parallel import Ranks

    opener, opened = LOGS[name]() if name and Ranks.here().first else None, []
    folder = out.absolute().with_name(f"{out.absolute().name}-log")

    def report(line: Line) -> None:
        if opener is None:
            return
        try:
            if not opened:
                opened.append(opener(make_folder(folder), settings.model_dump(), line.epoch))
            opened[0].add(line.epoch, scalars(line))
        except OSError as error:
            raise storage_error(folder, error) from None

    try:
        yield report
    finally:
        for log in opened:
            log.close()


def scalars(line: Line) -> dict[str, float]:
    """The numbers of an epoch by name, without those that it does not have."""
    return {name: float(x) for name, x in asdict(line).items() if name != "epoch" and x is not None}


def _missing(package: str, error: ImportError) -> MissingError:
    hint = f"python -m pip install 'gen3d[{package}]'"
    return MissingError(f"--log {package}: can't be imported ({' '.join(str(error).split())[:200]}); type: {hint}")
