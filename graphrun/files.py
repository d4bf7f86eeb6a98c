"""Writing files so that a reader finds the old contents or the new ones, never half of either."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from graphrun.errors import Diagnostic, RunError

__all__ = ["write_atomic"]


def write_atomic(path: Path, data: bytes | str) -> None:
    """Writes `data` (text as UTF-8) to a temporary file beside `path`, syncs it and renames it. Raises RunError.

    A link stays a link, and a file that is there keeps its permissions. A device or a pipe (`/dev/stdout`) is written to as it is.
    """
    content = data.encode("utf-8", "replace") if isinstance(data, str) else data
    temporary = ""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with open(path, "wb") as stream:
                stream.write(content)
            return
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise RunError(Diagnostic("disk", f"{path} cannot be written: {error.strerror or error}", help="choose another place")) from error


def _mode(path: Path) -> int:
    """The permissions of the file at `path`, or those that a new one gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
