"""Writing files so that a reader finds the old contents or the new ones, never half of either."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from graphrun.errors import Diagnostic, RunError

__all__ = ["write_atomic"]


def write_atomic(path: Path, data: bytes | str) -> None:
    """Writes `data` (text as UTF-8) to a temporary file beside `path`, syncs it and renames it. Raises RunError."""
    content = data.encode() if isinstance(data, str) else data
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise RunError(Diagnostic("disk", f"{path} cannot be written: {error.strerror or error}", help="choose another place")) from error
