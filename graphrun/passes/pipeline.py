"""The passes in their order."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Sequence

from graphrun.ir.graph import Graph
from graphrun.passes import algebra, fold
from graphrun.passes.dce import drop
from graphrun.passes.rebuild import Renumbered
from graphrun.passes.rewrite import Rules, rewrite

__all__ = ["PASSES", "optimize"]

Pass = Callable[[Graph, Sequence[int]], tuple[Graph, Renumbered]]


def _joined(*parts: Rules) -> Rules:
    rules: dict[str, tuple[object, ...]] = {}
    for part in parts:
        for name, some in part.items():
            rules[name] = (*rules.get(name, ()), *some)
    return rules  # type: ignore[return-value]


SIMPLIFY: Rules = _joined(fold.RULES, algebra.RULES)

PASSES: tuple[tuple[str, Pass], ...] = (
    ("simplify", lambda graph, keep: rewrite(graph, keep, SIMPLIFY)),  # fold, algebra and sharing, in one walk
    ("drop", drop),
)


def optimize(graph: Graph, keep: Sequence[int], check: Callable[[Graph, str], None] | None = None) -> tuple[Graph, Renumbered]:
    """What `keep` depends on, simplified, and the new node of each old one that is left (all of `keep` are).

    Two nodes that come out equal become one; a node that is replaced by another bears that one's name. `check(graph, pass)` is called
    after each pass.
    """
    where = Renumbered(array("i", range(len(graph))))
    wanted = list(keep)
    collecting = gc.isenabled()
    gc.disable()  # nothing here is cyclic, and a collection looks at every tuple of the tables
    try:
        for name, run in PASSES:
            graph, new = run(graph, wanted)
            where = where.then(new)
            wanted = [new[k] for k in wanted]
            if check is not None:
                check(graph, name)
    finally:
        if collecting:
            gc.enable()
    return graph, where
