"""Validating many files: what was found before is kept by content in a cache folder, and the rest is shared out to processes."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import graphrun
from graphrun.errors import Diagnostic, Place, RunError, Source, UsageError
from graphrun.files import write_atomic
from graphrun.model.validation import Checked, check

__all__ = ["cache_folder", "validate_all"]

MOST_ENTRIES = 20_000
SHARED_ABOVE = 100  # files; below this a second process costs more time than it saves
MOST_PROCESSES = 8

Stored = dict[str, Any]


def validate_all(paths: Sequence[str], settings: Sequence[str], *, cache: bool) -> dict[str, list[Diagnostic]]:
    """What is found in each file. With `cache`, files that have not changed since they were checked are not read again."""
    folder = cache_folder() if cache and not settings else None
    kept = _Cache(folder) if folder is not None else None
    found = {path: kept.get(path) if kept is not None else None for path in paths}
    left = [path for path, diagnostics in found.items() if diagnostics is None]
    for path, checked in zip(left, _checked(left, settings), strict=True):
        found[path] = checked.diagnostics
        if kept is not None:
            kept.put(path, checked)
    if kept is not None:
        kept.write()
    return {path: diagnostics or [] for path, diagnostics in found.items()}


def _checked(paths: Sequence[str], settings: Sequence[str]) -> Iterable[Checked]:
    workers = min(os.cpu_count() or 1, MOST_PROCESSES)
    if len(paths) <= SHARED_ABOVE or workers == 1:
        return [_check(path, settings) for path in paths]
    from concurrent.futures import ProcessPoolExecutor  # 20 ms that few files do not need
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        with _uninterrupted():
            jobs = pool.map(_job, [(path, list(settings)) for path in paths], chunksize=max(1, len(paths) // (workers * 8)))
        try:
            return [Checked(_read(stored["diagnostics"]), stored["needs"]) for stored in map(json.loads, jobs)]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started here leave an interruption from the keyboard, which each of them gets, to this one."""
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would let signals through again when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check(path: str, settings: Sequence[str]) -> Checked:
    """What is found in one file; one that is no longer there, or a link that leads nowhere, is a fault among the others."""
    try:
        return check(path, settings)
    except UsageError as error:
        if os.path.exists(path):
            raise
        return Checked(list(error.diagnostics), None)


def _job(job: tuple[str, list[str]]) -> str:
    checked = _check(*job)
    return json.dumps({"diagnostics": _written(checked.diagnostics), "needs": checked.needs})


# -- diagnostics as plain values ---------------------------------------------------------------------------------------


def _written(diagnostics: Iterable[Diagnostic]) -> list[Stored]:
    out = []
    for d in diagnostics:
        p = d.place
        place = None if p is None else [p.source.name, p.line, p.column, p.end_line, p.end_column, p.source.line(p.line)]
        out.append({"code": d.code, "message": d.message, "severity": d.severity, "notes": list(d.notes), "help": d.help, "place": place})
    return out


def _read(stored: Iterable[Stored]) -> list[Diagnostic]:
    return [Diagnostic(s["code"], s["message"], _place(s["place"]), s["severity"], tuple(s["notes"]), s["help"]) for s in stored]


def _place(stored: Sequence[Any] | None) -> Place | None:
    """A place in a source of which only its own line is known."""
    if stored is None:
        return None
    name, line, column, end_line, end_column, text = stored
    return Place(Source(name, "\n" * (line - 1) + text), line, column, end_line, end_column)


# -- the cache ---------------------------------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Where the cache is: `GRAPHRUN_CACHE`, else the folder that the system keeps for such files; None for an account without a home."""
    named = os.environ.get("GRAPHRUN_CACHE")
    if named:
        return Path(named)
    kept = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    if os.environ.get(kept):
        return Path(os.environ[kept], "graphrun")
    home = os.path.expanduser("~")  # stays as it is in a container whose account is not known
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return Path(home, usual, "graphrun") if home != "~" else None


class _Cache:
    """File → hash of its content, what that depends on, and what was found. One file for each version of graphrun's own code."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"validate-{_own_version()}.json"
        self.entries: dict[str, Stored] = {}
        self.changed = False
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.entries = found if isinstance(found, dict) else {}

    def get(self, path: str) -> list[Diagnostic] | None:
        entry = self.entries.get(self._key(path))
        try:
            if entry is None or entry["content"] != _content(path):
                return None
            if any(_stamp(needed) != stamp for needed, stamp in entry["needs"].items()):
                return None
            return _read(entry["diagnostics"])
        except (AttributeError, KeyError, TypeError, ValueError):  # someone else has written into the file
            return None

    def put(self, path: str, checked: Checked) -> None:
        content = _content(path)
        if checked.needs is None or content is None or any(d.code == "missing-file" for d in checked.diagnostics):
            return  # what a missing file would need is not known
        needs = {needed: _stamp(needed) for needed in checked.needs}
        self.entries.pop(self._key(path), None)
        self.entries[self._key(path)] = {"content": content, "needs": needs, "diagnostics": _written(checked.diagnostics)}
        self.changed = True

    def write(self) -> None:
        """Writes what is new; a folder that cannot be written to is no fault of the specs."""
        if not self.changed:
            return
        newest = dict(list(self.entries.items())[-MOST_ENTRIES:])
        with contextlib.suppress(RunError):
            write_atomic(self.path, json.dumps(newest))

    def _key(self, path: str) -> str:
        """A file as it was named, and from where: messages hold the name."""
        return f"{os.getcwd()}\n{path}"


def _content(path: str) -> str | None:
    if not os.path.isfile(path):  # a pipe can be read only once
        return None
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _stamp(path: str) -> list[int] | list[str] | None:
    """Size and time of change of a file, None where there is none; for a pattern the files that it means."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else None
    return [found.st_size, found.st_mtime_ns]


def _own_version() -> str:
    """A hash of the names, sizes and times of graphrun's own files, so that no older version's findings are taken."""
    found = hashlib.sha256()
    root = Path(graphrun.__file__).parent
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.endswith((".py", ".yaml")):
                stat = os.stat(os.path.join(folder, name))
                found.update(f"{folder}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]
