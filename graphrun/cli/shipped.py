"""`graphrun show --library`: what the library holds, and how one of its entries is written."""

from __future__ import annotations

from typing import Any

from graphrun.build.shipped import KINDS, Definition, definitions, excerpt
from graphrun.cli import printing
from graphrun.errors import Diagnostic, UsageError, nearest
from graphrun.ops.registry import OPS

__all__ = ["show_entry"]


def show_entry(name: str, *, as_json: bool) -> None:
    """Prints every entry of the library of that name (`linear` is a layer and a schedule), or with `all` the list of them."""
    public = [d for d in definitions() if not d.name.startswith("_")]
    found = [d for d in public if name in ("all", d.name)]
    if not found:
        raise UsageError(_unknown(name, [d.name for d in public]))
    if as_json:
        printing.say_json({"library": [_document(d) for d in found]})
    elif name == "all":
        for kind in KINDS.values():
            printing.say(f"{kind}: {', '.join(d.name for d in found if d.kind == kind)}")
    else:
        printing.say("\n".join(excerpt(d) for d in found), end="")


def _unknown(name: str, known: list[str]) -> Diagnostic:
    if name in OPS:
        about = " ".join(OPS[name].doc.split())
        message = f"`{name}` is an operation, not written in the language: {about}"
        return Diagnostic("usage", message, help="docs/operations.md lists them all")
    near = nearest(name, known)
    mend = f"did you mean `{near}`?" if near else "`graphrun show --library all` lists what there is"
    return Diagnostic("usage", f"there is nothing called `{name}` in the library", help=mend)


def _document(d: Definition) -> dict[str, Any]:
    return {"name": d.name, "kind": d.kind, "call": d.call, "about": d.about, "text": excerpt(d)}
