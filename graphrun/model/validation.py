"""Checks spec files without running them. Imports no NumPy."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from graphrun.build.build import Built
from graphrun.data.check import check_data
from graphrun.errors import Diagnostic, Reporter, sort_diagnostics
from graphrun.lint.lints import lints
from graphrun.model.allowed import without_allowed
from graphrun.model.opening import Settings, attempt_both
from graphrun.spec.load import read_spec, read_text
from graphrun.spec.spec import File, Spec

__all__ = ["Checked", "check", "check_text", "validate"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a spec file, and the other files on which that depends; None where they are not known.

    `spec` and `built` are there where the file could be read and built.
    """

    diagnostics: list[Diagnostic]
    needs: list[str] | None
    spec: Spec | None = None
    built: Built | None = None


def validate(path: str | os.PathLike[str], set: Settings = ()) -> list[Diagnostic]:
    """All errors and warnings of one spec file, by place; a missing data file is a warning, and what the spec allows is left out."""
    return check(path, set).diagnostics


def check(path: str | os.PathLike[str], set: Settings = ()) -> Checked:
    """As `validate`, with the files that were read."""
    reporter = Reporter()
    return _checked(read_spec(Path(path), set, reporter), reporter)


def check_text(text: str, path: str) -> Checked:
    """As `check`, of a text that stands, or will stand, in the file `path`."""
    reporter = Reporter()
    base, file = os.path.split(path)
    return _checked(read_text(text, base or ".", file.rsplit(".", 1)[0], (), reporter, file=path), reporter)


def _checked(spec: Spec | None, reporter: Reporter) -> Checked:
    built = None
    if spec is not None:
        found, training = attempt_both(spec, reporter)
        columns: list[str] = []
        if found is not None and spec.model.data is not None and not spec.file.lost.data:
            columns = _check_data(spec, found, reporter)
        built = found if found is not None and found.whole else None
        if built is not None and not reporter.errors:
            reporter.diagnostics += lints(built, training, columns)
    sources = {d.place.source.name: d.place.source for d in reporter.diagnostics if d.place is not None}
    if spec is not None:
        sources[spec.file.positions.source.name] = spec.file.positions.source
    told = reporter.diagnostics
    for source in sources.values():
        told = without_allowed(told, source)
    return Checked(sort_diagnostics(told), None if spec is None else _needs(spec), spec, built)


def _check_data(spec: Spec, built: Built, reporter: Reporter) -> list[str]:
    """Checks the data against the inputs that could be built; of the others nothing is said. Returns the columns that nothing uses."""
    lost = spec.file.lost
    if lost.any_name:
        return []
    inputs = {name: info for name, info in built.inputs.items() if name not in lost.names}
    return check_data(spec, inputs, built.one_row, reporter, (lost.names | set(spec.model.inputs)) - set(inputs))


def _needs(spec: Spec) -> list[str]:
    """The spec files that a spec uses, and its data files; a pattern stands for the files that it matches now."""
    out = {os.path.join(spec.base, used): None for used in spec.model.use}
    files: list[File] = [spec.file]
    seen = {id(spec.file)}
    while files:
        file = files.pop()
        for near in [*(f.file for f in file.functions.values()), *(o.file for o in file.optimizers.values())]:
            if id(near) not in seen:
                seen.add(id(near))
                files.append(near)
                out[near.positions.source.name] = None
    source = spec.model.data.source if spec.model.data is not None else None
    for written in source.values() if isinstance(source, dict) else [source]:
        for pattern in written if isinstance(written, list) else [written]:
            if isinstance(pattern, str):
                matches = sorted(glob.glob(pattern, root_dir=spec.base, recursive=True))
                out.update(dict.fromkeys(os.path.join(spec.base, f) for f in [pattern, *matches]))
    return list(out)
