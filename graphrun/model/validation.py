"""Checks spec files without running them. Imports no NumPy."""

from __future__ import annotations

import os
from pathlib import Path

from graphrun.data.check import check_data
from graphrun.errors import Diagnostic, Reporter, sort_diagnostics
from graphrun.model.opening import Settings, check_both
from graphrun.spec.load import read_spec

__all__ = ["validate"]


def validate(path: str | os.PathLike[str], set: Settings = ()) -> list[Diagnostic]:
    """All errors and warnings of one spec file, by place; a missing data file is a warning."""
    reporter = Reporter()
    spec = read_spec(Path(path), set, reporter)
    if spec is not None:
        built, _ = check_both(spec, reporter)
        if built is not None and spec.model.data is not None:
            check_data(spec, built.inputs, built.one_row, reporter)
    return sort_diagnostics(reporter.diagnostics)
