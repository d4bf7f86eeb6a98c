"""Names with their values, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphrun.ledger.layout import value_text

__all__ = ["table"]


def table(values: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """One line a value: `hat_y = 7`; a large array by its shape and norm."""
    wide = max(map(len, values), default=0)
    lines = []
    for name, value in values.items():
        text, written = value_text(value)
        lines.append(f"{indent}{name:<{wide}} {'=' if written else ' '} {text}")
    return lines
