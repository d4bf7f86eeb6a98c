"""Files that commands write where `-o` says, and the spec files that paths, folders and globs mean."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphrun.errors import Diagnostic, UsageError, nearest
from graphrun.files import write_atomic
from graphrun.spec.reader import is_device

__all__ = ["spec", "specs", "write_bytes", "write_json", "write_text"]


def spec(path: str) -> str:
    """The path of a spec file that a command was given. Raises UsageError where there is none."""
    if os.path.isfile(path):
        return path
    if os.path.isdir(path):
        run = os.path.isfile(os.path.join(path, "run.json"))
        there = f"it is the folder of a run: name the spec, and `--checkpoint {path}` for what was trained" if run else "name a file in it"
        raise UsageError(Diagnostic("no-such-file", f"{path} is a folder, not a spec file", help=there))
    folder, name = os.path.split(path)
    near = nearest(name, (n for n in os.listdir(folder or ".") if n.endswith((".yaml", ".yml")))) if os.path.isdir(folder or ".") else None
    mend = f"did you mean `{os.path.join(folder, near)}`?" if near else None
    raise UsageError(Diagnostic("no-such-file", f"there is no file {path}", help=mend))


def write_text(path: str, text: str) -> None:
    """Writes `text` whole or not at all. Raises RunError where that cannot be done."""
    write_atomic(Path(path), text)


def write_bytes(path: str, data: bytes) -> None:
    """Writes `data` whole or not at all. Raises RunError where that cannot be done."""
    write_atomic(Path(path), data)


def write_json(path: str, document: Any) -> None:
    """Writes a JSON document."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def specs(paths: Sequence[str]) -> list[str]:
    """The spec files that `paths` mean, each once: files as they are, globs, and folders with every .yaml and .yml below them.

    Hidden folders are not searched, and pipes in a folder are passed by. A path that leads to nothing is an error.
    """
    found: dict[str, None] = {}
    faults: list[Diagnostic] = []
    for path in paths:
        if os.path.isdir(path):
            here = _below(path)
        elif os.path.exists(path):
            here = [path]
        else:
            here = [f for match in sorted(glob.glob(path, recursive=True)) for f in (_below(match) if os.path.isdir(match) else [match])]
        if not here:
            what = "holds no .yaml or .yml file" if os.path.isdir(path) else "does not exist"
            faults.append(Diagnostic("no-such-file", f"{path} {what}"))
        found.update(dict.fromkeys(os.path.normpath(f) for f in here))
    if faults:
        raise UsageError(faults)
    return list(found)


def _below(folder: str) -> list[str]:
    out = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found = [os.path.join(root, n) for n in sorted(names) if n.endswith((".yaml", ".yml")) and not n.startswith(".")]
        out += [path for path in found if not is_device(path)]
    return out
