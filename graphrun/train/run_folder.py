"""The folder of a run: everything that came out, or nothing. An older run of the same name is replaced only by a complete one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from graphrun.errors import Diagnostic, RunError

__all__ = ["MARKER", "params_bytes", "read_params", "write_run"]

MARKER = "run.json"
"""The file by which a folder is known to be a run's, so that nothing else is ever replaced."""


def write_run(out: str | os.PathLike[str], files: Mapping[str, str | bytes], manifest: Mapping[str, Any]) -> Path:
    """Writes `files` (name → content) and `run.json` (the manifest) as the folder `out`, all at once.

    The folder is built beside its place, synced and renamed. Raises RunError where the disk does not allow it, or where `out` holds
    something that is not a run; then what was there stays as it was.
    """
    target = Path(out)
    _check(target)
    contents = dict(files)
    contents[MARKER] = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        temporary.chmod(0o777 & ~_umask())
        for name, content in contents.items():
            _write(temporary / name, content.encode() if isinstance(content, str) else content)
        _sync(temporary)
        _replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        message = f"the run cannot be written to {target}: {error.strerror or error}"
        raise RunError(Diagnostic("disk", message, help="free some space, or choose another folder with --out DIR")) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _check(target: Path) -> None:
    """Refuses a place that is not a run's."""
    if target.is_dir() and not target.is_symlink():
        names = os.listdir(target)
        if not names or MARKER in names:
            return
        what = f"{target} holds other files, and is not the folder of a run"
    elif not target.exists() and not target.is_symlink():
        return
    else:
        what = f"{target} is not a folder"
    raise RunError(Diagnostic("disk", what, help="choose another folder with --out DIR"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(new: Path, target: Path) -> None:
    """Puts a folder in the place of another; as a folder with contents cannot be renamed over, that steps aside, and back on failure."""
    if not target.exists():
        os.rename(new, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent)) / "run"
    try:
        os.rename(target, aside)
        os.rename(new, target)
    except OSError:
        if aside.exists():
            os.rename(aside, target)
        os.rmdir(aside.parent)
        raise
    shutil.rmtree(aside.parent, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def params_bytes(params: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Parameters as a safetensors file, under their names in the spec. Equal parameters give equal bytes."""
    data = save({name: np.array(value, order="C") for name, value in params.items()}, metadata=dict(metadata))
    # the library writes metadata in an order of its own, another one each time
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def read_params(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The parameters of a safetensors file. Raises RunError where it cannot be read."""
    try:
        return dict(load_file(os.fspath(path)))
    except Exception as error:  # safetensors raises errors of its own, without a common base
        raise RunError(Diagnostic("disk", f"{os.fspath(path)} cannot be read as safetensors: {error}")) from error
