"""The colours: by role, in the light and in the dark. Every text colour reaches 4.5 : 1 on every surface that it stands on.

A box that is lit is read in `ink` alone. What a colour says is also said without it: a gradient by its `∂` and dashes, a difference by
`+ − ~` and the border, the size of a gradient by the width of the line.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DARK", "FILLS", "HEATS", "LIGHT", "MARKS", "heat_role"]

HEATS = 4
"""In how many shades the size of a gradient is shown."""

LIGHT: Mapping[str, str] = {
    "background": "white",
    "node": "#ffffff",
    "ink": "#1f2933",
    "muted": "#52606d",
    "value": "#0b6b34",
    "gradient": "#b3124e",
    "count": "#1558a0",
    "changed": "#8a5200",
    "input": "#fff9db",
    "parameter": "#e7f5ff",
    "loss": "#f3f0ff",
    "optimizer": "#e6f6f2",
    "lit": "#ff99ff",
    "lit-line": "#333333",
    "glow": "#ffe0fb",
    "added": "#e3f6e8",
    "removed": "#fff0f3",
    "altered": "#ffefcf",
    "panel": "#fafbfc",
    "panel-line": "#c3ccd5",
    "sheet": "#eef1f4",
    "heat1": "#fff6ea",
    "heat2": "#ffecd3",
    "heat3": "#ffe2bb",
    "heat4": "#ffd9a6",
    "heat-line1": "#6f6152",
    "heat-line2": "#8b5f30",
    "heat-line3": "#a8571a",
    "heat-line4": "#c24a00",
}
DARK: Mapping[str, str] = {
    "background": "#14181d",
    "node": "#1d242b",
    "ink": "#e8ecf0",
    "muted": "#a3afbb",
    "value": "#62d392",
    "gradient": "#ff85b0",
    "count": "#7db8f5",
    "changed": "#f0b35c",
    "input": "#3b3413",
    "parameter": "#14304a",
    "loss": "#2d2650",
    "optimizer": "#123a34",
    "lit": "#5c2458",
    "lit-line": "#ffb3fb",
    "glow": "#4a2047",
    "added": "#153522",
    "removed": "#40202d",
    "altered": "#3d2e10",
    "panel": "#181d23",
    "panel-line": "#4a5662",
    "sheet": "#252d35",
    "heat1": "#261f17",
    "heat2": "#322618",
    "heat3": "#3e2d17",
    "heat4": "#4a3314",
    "heat-line1": "#b5a58f",
    "heat-line2": "#cba876",
    "heat-line3": "#e3a95a",
    "heat-line4": "#ffab40",
}

FILLS = ("background", "node", "input", "parameter", "loss", "optimizer", "glow", "added", "removed", "altered", "panel", "sheet",
         *(f"heat{k}" for k in range(1, HEATS + 1)))  # fmt: skip
"""The surfaces on which text of every role stands; on `lit` there is only ink."""

MARKS: Mapping[str, tuple[str, str, str, float, str]] = {
    "+": ("value", "added", "solid", 2.4, "+ added"),
    "-": ("gradient", "removed", "dashed", 1.8, "− removed"),
    "~": ("changed", "altered", "solid", 2.4, "~ changed"),
    "follows": ("changed", "node", "dotted", 1.6, ""),
}
"""How a difference looks: the role of its line, its fill, the line's style and width in points, and its word."""


def heat_role(heat: float) -> int:
    """The shade, from 1, for a size of gradient between 0 and 1."""
    return 1 + min(HEATS - 1, max(0, int(heat * HEATS)))
