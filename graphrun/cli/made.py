"""How a file was made, kept in the file itself; and `--check`: whether it would be made the same today.

A file's note (see `graphrun.diagram.notes`) holds the command and what it was given, with paths relative to the file's folder. To check a
file, the command is run again into a temporary folder and the bytes are compared.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from graphrun.changes.revision import at_revision
from graphrun.cli import printing
from graphrun.diagram.notes import FORMATS, put_note, read_note, without_note
from graphrun.errors import Diagnostic, GraphrunError, UsageError
from graphrun.files import write_atomic

__all__ = ["CheckOption", "check", "keep", "named", "one"]

CheckOption = Annotated[
    bool, typer.Option("--check", help="The arguments are files made by this command: status 1 where one is not as it would be made now.")
]

COMMANDS = ("render", "grad", "diff")
_PATHS = ("spec", "specs", "checkpoint", "before", "after")
_DAY = re.compile(rb"/CreationDate \([^)]*\)")
_LEFT_OUT = ("out", "out_dir", "frames", "check", "quiet", "format", "exit_code", "everything")
_FOLDER: ContextVar[str | None] = ContextVar("graphrun_made_folder", default=None)  # of the file that is made again


def one(paths: Sequence[str]) -> str:
    """The spec of a command that takes several arguments only to check them. Raises UsageError."""
    if len(paths) == 1:
        return paths[0]
    message = f"one spec is wanted, and {len(paths)} are given"
    raise UsageError(Diagnostic("usage", message, help="name one; several files go with `--check`"))


def keep(context: typer.Context, path: str) -> None:
    """Puts into the file just written at `path` how it was made. A format that has no room for it stays as it is."""
    form = _form(path)
    if form in FORMATS and context.info_name in COMMANDS:
        data = Path(path).read_bytes()
        folder = os.path.dirname(os.path.abspath(path))
        note = {"command": context.info_name, "given": dict(_given(context, folder))}
        write_atomic(Path(path), put_note(data, form, {**read_note(data, form), "made": note}))


def named(path: str, out: str) -> str:
    """What the file at `out` calls another one: its path from the folder of the file, so that it is the same wherever it is made from."""
    if path.startswith("<"):
        return path
    return _relative(path, _FOLDER.get() or os.path.dirname(os.path.abspath(out)))


def _form(path: str) -> str:
    return Path(path).suffix.removeprefix(".").lower()


def _given(context: typer.Context, folder: str) -> Iterable[tuple[str, Any]]:
    """What the command was given, as far as it is not what it takes by itself."""
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        if name in _LEFT_OUT or value is None or value == parameter.get_default(context) or value in ([], ()):
            continue
        if name in _PATHS:
            yield name, [_relative(v, folder) for v in value] if isinstance(value, list | tuple) else _relative(value, folder)
        else:
            yield name, _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.value if isinstance(value, Enum) else value if isinstance(value, str | int | float | bool) else str(value)


def _relative(path: str, folder: str) -> str:
    """A path as seen from the file's folder; a file of a git revision, and one on another drive, stay as they are."""
    if not os.path.lexists(path) and ":" in path:
        return path
    try:
        return os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/")
    except ValueError:
        return os.path.abspath(path)


# -- checking ----------------------------------------------------------------------------------------------------------


def check(context: typer.Context, paths: Sequence[str], *, quiet: bool = False, as_json: bool = False) -> None:
    """Makes each file again and tells which are stale; exits with status 1 where one is. Raises UsageError where one cannot be checked."""
    missing = [Diagnostic("no-such-file", f"there is no file {path}") for path in paths if not os.path.isfile(path)]
    if missing:
        raise UsageError(missing)
    found = [(path, _state(context, path)) for path in paths]
    bad = [(path, state) for path, state in found if state]
    if as_json:
        printing.say_json({"files": len(found), "stale": [{"file": path, "why": state} for path, state in bad]})
    else:
        for path, state in bad:
            printing.say(f"{path}: {state}")
        if not quiet:
            printing.say(f"{printing.count(len(bad), 'file')} of {len(found)} not as made now" if bad else _fresh(len(found)))
    raise typer.Exit(1 if bad else 0)


def _fresh(count: int) -> str:
    return "the file is as it would be made now" if count == 1 else f"all {count} files are as they would be made now"


def _state(context: typer.Context, path: str) -> str:
    """What is wrong with a file; nothing where it is fresh."""
    form = _form(path)
    data = Path(path).read_bytes()
    note = read_note(data, form)
    made = note.get("made")
    if not isinstance(made, dict) or made.get("command") not in COMMANDS or not isinstance(made.get("given"), dict):
        return "it does not say how it was made; make it again with `-o`"
    group = context.find_root()
    stands = _FOLDER.set(os.path.dirname(os.path.abspath(path)))
    with tempfile.TemporaryDirectory(prefix="graphrun-") as folder:
        again = os.path.join(folder, os.path.basename(path))
        try:
            words = _words(context, made, os.path.dirname(path), again)
            group.command.main(words, prog_name="graphrun", standalone_mode=False)
            new = Path(again).read_bytes()
        except GraphrunError as error:
            return f"it cannot be made again: {error.diagnostics[0].message}"
        except (typer.Exit, SystemExit, OSError):
            return "it cannot be made again"
        except Exception as error:
            if type(error).__name__ in ("UsageError", "BadParameter", "NoSuchOption", "MissingParameter"):
                return f"it cannot be made again: {error}"
            raise
        finally:
            _FOLDER.reset(stands)
    if _body(data, form) == _body(new, form):
        return ""
    drawn, now = note.get("drawn"), read_note(new, form).get("drawn")
    if isinstance(drawn, dict) and isinstance(now, dict) and drawn.get("by") != now.get("by") and drawn.get("from") == now.get("from"):
        return ""  # the same picture, laid out by another version of Graphviz
    return f"stale: make it again with `{_told(context, made, path)}`"


def _body(data: bytes, form: str) -> bytes:
    """What must be equal: all but the note, and the day on which a PDF was drawn."""
    data = without_note(data, form)
    return _DAY.sub(b"", data) if form == "pdf" else data


def _words(context: typer.Context, made: Mapping[str, Any], folder: str, out: str) -> list[str]:
    """The command line that makes the file at `out`. Raises UsageError where the note asks for what the command does not have."""
    root = context.find_root()
    command: Any = root.command
    parameters = {p.name: p for p in command.get_command(root, made["command"]).params if p.name not in _LEFT_OUT}
    words, last = [str(made["command"]), "--quiet", "-o", out], []
    unknown = [name for name in made["given"] if name not in parameters]
    if unknown:
        raise UsageError(f"`{made['command']}` takes no `{unknown[0]}`")
    for name, parameter in parameters.items():  # arguments stand in the command's order
        if name not in made["given"]:
            continue
        value = made["given"][name]
        values = [str(v) for v in value] if isinstance(value, list) else [value if isinstance(value, bool) else str(value)]
        if name in _PATHS:
            values = [_here(str(v), folder) for v in values]
        if parameter.param_type_name == "argument":
            last += [str(v) for v in values]
        else:
            for v in values:
                words += _option(parameter, v)
    return [*words, "--", *last]


def _option(parameter: Any, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [parameter.opts[-1] if value else (parameter.secondary_opts or parameter.opts)[-1]]
    return [f"{parameter.opts[-1]}={value}"] if parameter.opts[-1].startswith("--") else [parameter.opts[-1], value]


def _here(path: str, folder: str) -> str:
    """A path of a note as seen from the folder at hand."""
    there = os.path.normpath(os.path.join(folder, path))
    if os.path.lexists(there) or ":" not in path:
        return there
    return path if at_revision(path) is not None else there


def _told(context: typer.Context, made: Mapping[str, Any], path: str) -> str:
    """The command line that makes a file again."""
    words = [word for word in _words(context, made, os.path.dirname(path), path) if word not in ("--quiet", "--")]
    return shlex.join(["graphrun", *words])
