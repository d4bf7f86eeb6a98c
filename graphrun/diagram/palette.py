"""The colours: by role, in the light and in the dark. Every text colour reaches 4.5 : 1 on every surface that it stands on."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT"]

LIGHT = {
    "background": "white",
    "node": "#ffffff",
    "ink": "#1f2933",
    "muted": "#52606d",
    "value": "#0b6b34",
    "gradient": "#b3124e",
    "input": "#fff9db",
    "parameter": "#e7f5ff",
    "loss": "#f3f0ff",
}
DARK = {
    "background": "#14181d",
    "node": "#1d242b",
    "ink": "#e8ecf0",
    "muted": "#a3afbb",
    "value": "#62d392",
    "gradient": "#ff85b0",
    "input": "#3b3413",
    "parameter": "#14304a",
    "loss": "#2d2650",
}
