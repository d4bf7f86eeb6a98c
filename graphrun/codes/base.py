"""What a code is."""

from __future__ import annotations

import re

__all__ = ["Code", "catalogue"]


class Code:
    """The base of all codes: what it means, an example that is wrong, and how to mend it."""


def catalogue() -> dict[str, str]:
    """Code → documentation, in alphabetical order."""
    return dict(sorted((_kebab(c.__name__), (c.__doc__ or "").strip()) for c in Code.__subclasses__()))


def _kebab(name: str) -> str:
    """`NotUtf8` → `not-utf-8`."""
    return re.sub(r"(?<!^)(?=[A-Z])|(?<=[a-z])(?=[0-9])", "-", name).lower()
