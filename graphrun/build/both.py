"""The two graphs of a spec, with `training` false and true, beside each other."""

from __future__ import annotations

from collections.abc import Iterator

from graphrun.build.build import Built
from graphrun.errors import Diagnostic
from graphrun.ir.types import shape_text

__all__ = ["differing"]


def differing(built: Built, other: Built) -> Iterator[Diagnostic]:
    """The parameters and states that have another shape in the spec's other graph, the one where `training` is true."""
    for mine, theirs in ((built.params, other.params), (built.state, other.state)):
        for name, p in mine.items():
            q = theirs.get(name, p)
            if p.shape != q.shape:
                outside = built.assembly.call_outside(built.graph.call(p.node)) if p.node is not None else None
                yield Diagnostic(
                    "parameter-shape",
                    f"`{name}` has shape {shape_text(q.shape)} where `training` is true, and {shape_text(p.shape)} where it is false",
                    outside[0] if outside is not None else p.place,
                    help="what is trained is what is used afterwards: choose sizes without `training`, or two layers as two nodes",
                )  # fmt: skip
