"""Reads specs: text to a checked :class:`Spec`, with `use` and `--set`."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping, Sequence
from typing import Any

from graphrun.errors import Place, Reporter, Source, UsageError, nearest
from graphrun.spec.check import check_spec, described, without_broken
from graphrun.spec.functions import bring, own_functions
from graphrun.spec.lost import Lost, lost_parts
from graphrun.spec.models import SpecModel
from graphrun.spec.names import check_names, is_name, proposal
from graphrun.spec.not_yet import refuse
from graphrun.spec.places import Path, PlaceTable, Text
from graphrun.spec.reader import DISK, Reader, is_device
from graphrun.spec.rules import check_lists, check_rules, fill_numbers
from graphrun.spec.settings import SETTING, Setting, apply_settings, parse_settings
from graphrun.spec.spec import File, Spec
from graphrun.spec.yaml import read_yaml

__all__ = ["read_spec", "read_text"]

Settings = Mapping[str, Any] | Sequence[str]


def read_spec(path: str | os.PathLike[str], settings: Settings, reporter: Reporter, reader: Reader = DISK) -> Spec | None:
    """The spec in the file `path` of `reader`, with `settings` (`--set`) applied.

    Faults go to `reporter`. None where they leave nothing to go on with; else the spec, without the parts that are wrong, so that the
    faults of the rest can be told with them: ask `reporter` before anything runs. Raises UsageError where there is no such file, for
    a setting of an unknown key, and where nothing but the settings is wrong.
    """
    name = os.fspath(path)
    before = len(reporter.errors)
    text = _text(name, reporter, reader)
    if text is None:
        if not reader.is_file(name):
            raise UsageError(reporter.errors[before:])
        return None
    stem = os.path.basename(name).rsplit(".", 1)[0]
    source = Source(reader.shown(name), text)
    return _read(source, os.path.dirname(name) or ".", stem, settings, reporter, reader, reader.identity(name))


def read_text(text: str, base: str, name: str, settings: Settings, reporter: Reporter, file: str = "<text>") -> Spec | None:
    """The spec in `text`, whose paths are relative to the folder `base`; `name` is its name where it gives none. Else as `read_spec`."""
    return _read(Source(file, text.removeprefix("\ufeff")), base, name, settings, reporter)


def _read(
    source: Source, base: str, name: str, settings: Settings, reporter: Reporter, reader: Reader = DISK, real: str = ""
) -> Spec | None:
    collecting = gc.isenabled()
    gc.disable()  # a large spec is many small values, and none of them is garbage
    try:
        before = len(reporter.diagnostics)
        spec = _Loader(reporter, reader).spec(source, base, name, parse_settings(settings), real)
        faults = [d for d in reporter.diagnostics[before:] if d.severity == "error"]
        if faults and all(d.place is not None and d.place.source.name == SETTING for d in faults):
            raise UsageError(faults)
        return spec
    finally:
        if collecting:
            gc.enable()


def _text(path: str, reporter: Reporter, reader: Reader, place: Place | None = None) -> str | None:
    """The text of a file; None, told at `place`, where it cannot be read."""
    shown = reader.shown(path)
    if place is not None and reader is DISK and is_device(path):  # which a person may name, and a file may not
        reporter.error("missing-file", f"`{shown}` is a device, not a spec file", place, help="name a spec file")
        return None
    try:
        raw = reader.read(path)
    except FileNotFoundError:
        folder, wanted = os.path.split(path)
        close = nearest(wanted, reader.names(folder))
        mend = f"did you mean `{reader.shown(os.path.join(folder, close))}`?" if close else None
        reporter.error("missing-file", f"there is no file `{shown}`", place, help=mend)
        return None
    except IsADirectoryError:
        reporter.error("missing-file", f"`{shown}` is a folder, not a spec file", place, help="name a file in it")
        return None
    except OSError as error:
        reporter.error("missing-file", f"`{shown}` cannot be read: {(error.strerror or 'no reason given').lower()}", place)
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"`{shown}` is not UTF-8 text: line {line} holds the byte 0x{raw[error.start]:02x}"
        if place is None:
            at = len(raw[: error.start].decode("utf-8"))
            place = Text(Source(shown, raw.decode("utf-8", "replace"))).place(at, at + 1)
        reporter.error("not-utf-8", message, place, help="save the file as UTF-8")
        return None
    if raw.count(0) * 4 > len(raw):  # each of which would be a fault of its own
        start = Place(Source(shown, text.replace("\0", "")), 1, 1, 1, 2)
        message = f"`{shown}` is not UTF-8 text: it holds a zero byte for nearly every character, as UTF-16 does"
        reporter.error("not-utf-8", message, place or start, help="save the file as UTF-8")
        return None
    return text


class _Loader:
    """Reads one spec and the files that it uses, each of them once."""

    def __init__(self, reporter: Reporter, reader: Reader) -> None:
        self.reporter = reporter
        self.reader = reader
        self.files: dict[str, File | None] = {}
        self.open: list[tuple[str, str]] = []  # the files being read: real path, name

    def spec(self, source: Source, base: str, name: str, settings: Sequence[Setting], real: str) -> Spec | None:
        """The top file; `real` is its identity where it is a file."""
        read = self.model(source, settings)
        if read is None:
            return None
        model, places, values, lost = read
        check_names(model, places, self.reporter, lost)
        file = self.file(model, places, base, source.name, real, lost)
        return Spec(model.name or (name if is_name(name) else proposal(name)), base, model, file, values)

    def model(
        self, source: Source, settings: Sequence[Setting] = (), *, top: bool = True
    ) -> tuple[SpecModel, PlaceTable, dict[str, Any], Lost] | None:
        """The model of a file, where its parts stand, what was set, and what could not be read."""
        reporter = self.reporter
        before = len(reporter.errors)
        document = read_yaml(source, reporter)
        if document is None:
            if len(reporter.errors) == before:
                line = Place(source, 1, 1, 1, 2)
                reporter.error("wrong-type", "the spec is empty", line, help="begin with `graphrun: 1`, then `inputs`, `params`, `nodes`")
            return None
        places, data = document.places, document.value
        if not isinstance(data, dict):
            message = f"a spec is a mapping that begins with `graphrun: 1`, not {described(data)}"
            reporter.error("wrong-type", message, places.value(()))
            return None
        data = self.version(data, places)
        if data is None:
            return None
        values: dict[str, Any] = {}
        told = len(reporter.errors)
        if settings:
            data, values = apply_settings(data, settings, places, reporter)
        read = document.whole and len(reporter.errors) == told
        written = data
        if len(reporter.errors) > before:
            data = without_broken(data)
        data = fill_numbers(data)
        faults: list[Path] = []
        model = check_spec(data, places, reporter, faults, whole=read)
        found = len(reporter.errors) > before
        lost = lost_parts(written, faults, SpecModel.model_fields, source.text, whole=document.named) if found else Lost()
        if model is not None and top:
            model = refuse(data, model, places, reporter)
            check_rules(model, places, reporter)
        if model is not None:
            check_lists(model, places, reporter, lost)
        return None if model is None else (model, places, values, lost)

    def version(self, data: dict[str, Any], places: PlaceTable) -> dict[str, Any] | None:
        """`data` where its version of the language can be read; one that is missing is taken for 1, and told."""
        version = data.get("graphrun")
        if version == 1 and version.__class__ is int:
            return data
        if "graphrun" not in data:
            close = next((k for k in data if nearest(k, ["graphrun"])), None)
            mend = f"write `graphrun` in place of `{close}`" if close else "begin the file with the line `graphrun: 1`"
            message = "the spec does not say which version of the language it is written in"
            self.reporter.error("missing-key", message, places.key((close,)) if close else places.value(()), help=mend)
            return {"graphrun": 1, **{k: v for k, v in data.items() if k != close}}
        place = places.value(("graphrun",))
        if isinstance(version, int) and version > 1:
            message = f"the spec is written in version {version} of the language, and this graphrun reads version 1"
            self.reporter.error("wrong-version", message, place, help="install a newer graphrun: `pip install --upgrade graphrun`")
            return None
        self.reporter.error(
            "wrong-version", f"the version of the language is 1, not {described(version)}", place, help="write `graphrun: 1`"
        )
        return {**data, "graphrun": 1}

    # -- use ---------------------------------------------------------------------------------------------------------------

    def file(self, model: SpecModel, places: PlaceTable, base: str, name: str, real: str, lost: Lost) -> File:
        """The functions of a file and those that it brings in."""
        file = own_functions(model, places, self.reporter, lost)
        if model.use:
            self.open.append((real, name))
            bring(model.use, base, file, places, self.reporter, lambda path, k: self.used(path, k, places))
            self.open.pop()
        return file

    def used(self, path: str, k: int, places: PlaceTable) -> File | None:
        """A file that `use` names in its entry k."""
        real = self.reader.identity(path)
        names = [name for _, name in self.open]
        circle = next((at for at, (open_, _) in enumerate(self.open) if open_ == real), None)
        if circle is not None:
            way = " → ".join([*names[circle:], self.reader.shown(path)])
            message = f"`{self.reader.shown(path)}` uses itself" if len(names) - circle == 1 else "spec files use each other in a circle"
            mend = "put the functions that both need into a file of their own" if len(names) - circle > 1 else "take it out of `use`"
            self.reporter.error("use-cycle", message, places.value(("use", k)), notes=(way,), help=mend)
            return None
        if real in self.files:
            return self.files[real]
        text = _text(path, self.reporter, self.reader, places.value(("use", k)))
        self.files[real] = None
        if text is None:
            return None
        source = Source(self.reader.shown(path), text)
        read = self.model(source, top=False)
        if read is None:
            return None
        model, own, _, lost = read
        check_names(model, own, self.reporter, lost)
        self.files[real] = self.file(model, own, os.path.dirname(path) or ".", source.name, real, lost)
        return self.files[real]
