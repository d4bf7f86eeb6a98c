"""Names that no value has, and what their writer is sure to have meant."""

from __future__ import annotations

from collections.abc import Sequence

from graphrun.expr.elsewhere import MODULES

__all__ = ["attribute", "meant"]


def meant(name: str, names: Sequence[str]) -> tuple[str | None, str | None]:
    """A mend for a name that is sure to be no misspelt one, and what to write in its place."""
    word = {"yes": "true", "on": "true", "no": "false", "off": "false", "null": "none", "nil": "none"}.get(name.lower())
    if word is not None:
        return f"write `{word}`", word
    if name in ("float32", "float64", "int64", "bool"):
        return f"write `'{name}'`", f"'{name}'"
    module, _, last = name.rpartition(".")
    if module in MODULES:
        return f"write `{last}`", last if last in ("pi", "inf") else None
    pairs = [(name[:k], name[k:]) for k in range(1, len(name)) if name[:k] in names and name[k:] in names]
    if len(pairs) == 1:
        return f"a product is written with `*`: `{' * '.join(pairs[0])}`", None
    return None, None


def attribute(name: str, last: str) -> str | None:
    """How `x.shape` and the like of the value `name` are written."""
    function = {"shape": "shape", "size": "size", "ndim": "rank", "T": "transpose"}.get(last)
    return f"write `{function}({name})`, or `dim({name}, 0)` for one size" if function is not None else None
