"""What the tests of `spec` share: texts in, whole messages out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from graphrun.errors import Diagnostic, Reporter, Source, UsageError, sort_diagnostics
from graphrun.spec.load import read_text
from graphrun.spec.spec import Spec
from graphrun.spec.yaml import read_yaml


def texts(reporter: Reporter) -> str:
    return "\n".join(d.to_text() for d in sort_diagnostics(reporter.diagnostics))


def yaml_messages(text: str) -> str:
    reporter = Reporter()
    read_yaml(Source("s.yaml", text), reporter)
    return texts(reporter)


def messages(text: str, settings: Mapping[str, Any] | Sequence[str] = (), base: Path | str = ".") -> str:
    reporter = Reporter()
    read_text(text, str(base), "s", settings, reporter, os.path.join(base, "s.yaml") if base != "." else "s.yaml")
    return texts(reporter)


def usage(text: str, settings: Mapping[str, Any] | Sequence[str]) -> tuple[Diagnostic, ...]:
    """What is told of settings alone."""
    with pytest.raises(UsageError) as caught:
        messages(text, settings)
    return caught.value.diagnostics


def good(text: str, settings: Mapping[str, Any] | Sequence[str] = (), base: Path | str = ".") -> Spec:
    reporter = Reporter()
    spec = read_text(text, str(base), "s", settings, reporter, "s.yaml")
    assert not reporter.diagnostics, texts(reporter)
    assert spec is not None
    return spec


def golden(file: str, found: dict[str, str]) -> dict[str, str]:
    """The texts in `file` by their names; GRAPHRUN_REGENERATE=1 writes `found` there first: read every difference."""
    path = Path(__file__).with_name(file)
    if os.environ.get("GRAPHRUN_REGENERATE"):
        path.write_text("".join(f"=== {name}\n{text}\n" for name, text in found.items()), encoding="utf-8")
    parts = path.read_text(encoding="utf-8").split("=== ")[1:]
    return {name: body.rstrip("\n") for name, _, body in (part.partition("\n") for part in parts)}
