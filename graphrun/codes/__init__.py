"""The codes of diagnostics. A code's documentation is its docstring; its name is the class's name in kebab-case."""

from __future__ import annotations

from graphrun.codes import build, data, formula, lint, spec, use
from graphrun.codes.base import Code, catalogue

__all__ = ["Code", "build", "catalogue", "data", "formula", "lint", "spec", "use"]
