"""Which specs `--changed-since REF` means: those that changed, and those that use a file, or read data, that did."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import subprocess
from collections.abc import Sequence

from graphrun.errors import Diagnostic, UsageError
from graphrun.model.validation import check

__all__ = ["changed_since"]

_ABOUT_FILES = re.compile(r"\b(use|source)\b")  # a spec without these words depends on no other file


def changed_since(ref: str, paths: Sequence[str]) -> list[str]:
    """The files of `paths` that are to be checked again. Raises UsageError where git cannot tell."""
    changed = _changed(ref)
    return [path for path in paths if os.path.realpath(path) in changed or _depends(path, changed)]


def _depends(path: str, changed: set[str]) -> bool:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError):
        return True
    if not _ABOUT_FILES.search(text):
        return False
    checked = check(path)
    if checked.needs is None or any(d.code == "missing-file" for d in checked.diagnostics):
        return True
    return any(_among(os.path.realpath(needed), changed) for needed in checked.needs)


def _among(needed: str, changed: set[str]) -> bool:
    """Whether a file, or one that a pattern means or meant, is among those that changed."""
    return needed in changed or (glob.has_magic(needed) and bool(fnmatch.filter(changed, needed)))


def _changed(ref: str) -> set[str]:
    """The files that differ from the revision, deleted ones and new ones among them, by their real paths."""
    if ref.startswith("-"):
        raise UsageError(f"--changed-since: `{ref}` is not a revision")
    top = _git("rev-parse", "--show-toplevel").strip("\n")
    names = _git("diff", "--name-only", "--no-renames", "-z", ref, "--").split("\0")
    names += _git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/").split("\0")
    return {os.path.realpath(os.path.join(top, name)) for name in names if name}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, encoding="utf-8", errors="surrogateescape")
    except OSError:
        raise UsageError(Diagnostic("usage", "--changed-since needs the git command", help="install git, or name the files")) from None
    if done.returncode:
        said = done.stderr.strip().partition("\n")[0].removeprefix("fatal: ")
        raise UsageError(Diagnostic("usage", f"--changed-since: git says: {said}"))
    return done.stdout
