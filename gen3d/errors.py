"""The errors a user can cause, each with the exit code the command line gives it."""

from __future__ import annotations


class Gen3dError(Exception):
    """Base of every error raised on purpose; its message is one line that says what is wrong and what to do."""

    exit_code = 1


class SettingsError(Gen3dError):
    """A wrong option, setting, category or part name."""

    exit_code = 2


class InputError(Gen3dError):
    """A file, collection or student that can't be used as it is."""

    exit_code = 3


class MissingError(Gen3dError):
    """Something to install or to download first (weights, an extra)."""

    exit_code = 4


class StorageError(Gen3dError):
    """The disk is full, read-only or gone."""

    exit_code = 5
