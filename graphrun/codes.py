"""The codes of diagnostics. A code's documentation is its docstring; its name is the class's name in kebab-case."""

from __future__ import annotations

import re

__all__ = ["Code", "catalogue"]


class Code:
    """The base of all codes: what it means, an example that is wrong, and how to mend it."""


def catalogue() -> dict[str, str]:
    """Code → documentation, in alphabetical order."""
    found = {re.sub(r"(?<!^)(?=[A-Z])", "-", c.__name__).lower(): (c.__doc__ or "").strip() for c in Code.__subclasses__()}
    return dict(sorted(found.items()))


class ShapeMismatch(Code):
    """Two values do not fit together: their shapes cannot be broadcast, multiplied or joined.

    Wrong: `z: x @ W` with x of shape [batch, 64] and W of shape [32, 10].
    The message shows both shapes and where each came from. Give the parameter the shape that fits, or use the value that was meant.
    """
