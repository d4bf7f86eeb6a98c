"""Spec files of a git revision, read with the git command: `main:specs/a.yaml` and the files that it uses, as they were there."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Sequence
from functools import cache

from graphrun.errors import Diagnostic, UsageError, nearest

__all__ = ["Revision", "at_revision"]

SECONDS = 60.0
_SPLIT = re.compile(r"(?P<revision>[^:]*):(?P<path>.*)", re.S)
_OBJECT = re.compile(rb"[0-9a-f]{40,64}")


def at_revision(text: str) -> tuple[Revision, str] | None:
    """The revision and the path in it that `REV:path` names; None where it is the path of a file here.

    As in git, a path that begins with `./` or `../` is relative to the folder at hand, every other to the top of the repository.
    Raises UsageError where git does not know the revision, or it holds no such file.
    """
    found = _SPLIT.fullmatch(text)
    if found is None or os.path.lexists(text) or _drive(text):
        return None
    name, path = found["revision"], found["path"]
    if not name or name.startswith("-"):
        message = f"`{text}` names no revision" if not name else f"`{name}` is not the name of a revision"
        mend = "write it as `main:specs/a.yaml`, or `HEAD~1:./a.yaml` from this folder"
        raise UsageError(Diagnostic("no-such-revision", message, help=mend))
    revision = Revision(name)
    inside = revision.inside(path)
    if not revision.is_file(inside):
        raise UsageError(Diagnostic("no-such-file", f"there is no file `{inside}` at {name}", help=revision.mend(path, inside)))
    return revision, inside


def _drive(text: str) -> bool:
    return os.name == "nt" and re.match(r"[A-Za-z]:[\\/]", text) is not None


class Revision:
    """The files of one commit (a `Reader`). Paths are those inside the repository, with `/`."""

    def __init__(self, name: str) -> None:
        self.name = name
        if not _git("rev-parse", "--is-inside-work-tree", "--is-bare-repository", about="find a repository"):
            raise _no_revision(name, "this folder is in no git repository")
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{tree}}", fails=True).strip()
        if not _OBJECT.fullmatch(commit):
            raise _no_revision(name, f"git knows no revision `{name}`", _branches(name))
        self.tree = commit.decode()
        self.read = cache(self._read)

    def inside(self, path: str) -> str:
        """The path in the repository of one that a person wrote."""
        path = path.replace(os.sep, "/")
        if path.startswith(("./", "../")) or path in (".", ".."):
            path = posixpath.join(_git("rev-parse", "--show-prefix", about="read").decode("utf-8", "surrogateescape").rstrip("\n"), path)
        return posixpath.normpath(path)

    def mend(self, path: str, inside: str) -> str | None:
        """What was meant by a path at which there is nothing."""
        here = self.inside(f"./{path}")
        if here != inside and self.is_file(here):
            return f"paths begin at the top of the repository; from this folder it is `{self.name}:./{path}`"
        folder, wanted = posixpath.split(inside)
        close = nearest(wanted, self.names(folder))
        return f"did you mean `{self.name}:{posixpath.join(folder, close)}`?" if close else None

    def _read(self, path: str) -> bytes:
        """The bytes of a file; a link is followed. Raises OSError."""
        path = posixpath.normpath(path.replace(os.sep, "/"))
        if path.startswith(("../", "/")) or path == ".." or "\n" in path:
            raise FileNotFoundError(path)
        wanted = f"{self.tree}:{'' if path == '.' else path}\n".encode("utf-8", "surrogateescape")
        answer = _git("cat-file", "--batch", "--follow-symlinks", given=wanted, about="read a file")
        head, _, rest = answer.partition(b"\n")
        words = head.split()
        if len(words) != 3 or not _OBJECT.fullmatch(words[0]):
            raise FileNotFoundError(path)
        if words[1] != b"blob":
            raise IsADirectoryError(path)
        return rest[: int(words[2])]

    def names(self, folder: str) -> list[str]:
        """What lies in a folder of the revision."""
        folder = posixpath.normpath(folder.replace(os.sep, "/") or ".")
        where = self.tree if folder == "." else f"{self.tree}:{folder}"
        listed = _git("ls-tree", "-z", "--name-only", where, fails=True)
        return [name.decode("utf-8", "replace") for name in listed.split(b"\0") if name]

    def is_file(self, path: str) -> bool:
        """Whether the revision has a file at the path."""
        try:
            self.read(path)
        except OSError:
            return False
        return True

    def identity(self, path: str) -> str:
        """The path, without detours."""
        return f"{self.tree}:{posixpath.normpath(path.replace(os.sep, '/'))}"

    def shown(self, path: str) -> str:
        """`main:specs/a.yaml`."""
        return f"{self.name}:{posixpath.normpath(path.replace(os.sep, '/'))}"


def _git(*words: str, given: bytes = b"", fails: bool = False, about: str = "") -> bytes:
    """What a git command prints; nothing where it `fails` and may. Raises UsageError."""
    quiet = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    command: Sequence[str] = ("git", "--no-pager", *words)
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, env={**os.environ, **quiet}, check=False)
    except FileNotFoundError:
        raise UsageError(
            Diagnostic("no-such-revision", "reading a revision needs the git command, which is not there", help="install git")
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(Diagnostic("no-such-revision", f"git did not answer within {SECONDS:g} seconds")) from None
    if done.returncode == 0 or fails:
        return done.stdout if done.returncode == 0 else b""
    said = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
    raise UsageError(Diagnostic("no-such-revision", f"git could not {about}", notes=(f"git said: {said}",) if said else ()))


def _branches(name: str) -> str | None:
    """The branch or tag that was meant."""
    listed = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", fails=True).decode("utf-8", "replace")
    close = nearest(name, listed.split())
    return f"did you mean `{close}`?" if close else None


def _no_revision(name: str, message: str, help: str | None = None) -> UsageError:
    return UsageError(Diagnostic("no-such-revision", message, help=help or "name a branch, a tag or a commit, as `git log` shows them"))
