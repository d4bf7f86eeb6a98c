"""Where the bytes of spec files come from: the disk, or whatever else holds files under paths (a revision of a repository)."""

from __future__ import annotations

import os
from typing import Protocol

__all__ = ["DISK", "Reader", "is_device"]


def is_device(path: str) -> bool:
    """Whether at the path is what can be read without end, or only once: a device, a pipe, a socket."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


class Reader(Protocol):
    """Files by path. A path is relative to the same folder as that of the spec which names it."""

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises OSError."""
        ...

    def names(self, folder: str) -> list[str]:
        """What lies in a folder; nothing where there is none."""
        ...

    def is_file(self, path: str) -> bool:
        """Whether there is a file at the path."""
        ...

    def identity(self, path: str) -> str:
        """The same text for all paths that lead to one file."""
        ...

    def shown(self, path: str) -> str:
        """What messages call the file."""
        ...


class _Disk:
    """Files of this machine."""

    def read(self, path: str) -> bytes:
        with open(path, "rb") as stream:
            return stream.read()

    def names(self, folder: str) -> list[str]:
        return os.listdir(folder or ".") if os.path.isdir(folder or ".") else []

    def is_file(self, path: str) -> bool:
        return os.path.isfile(path)

    def identity(self, path: str) -> str:
        return os.path.realpath(path)

    def shown(self, path: str) -> str:
        return path


DISK: Reader = _Disk()
"""Files of this machine."""
