"""A chain of a million nodes: built, run forward, differentiated and run backward, in time and memory linear in its length."""

from __future__ import annotations

import math
import sys
from array import array

from benchmarks.common import once, peak
from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ops.arithmetic import MUL
from graphrun.ops.elementary import TANH
from graphrun.passes.pipeline import optimize

NODES = 1_000_000
SLACK = 1.6  # a node of the long chain may cost so many times one of the short


def chain(n: int) -> tuple[Graph, int, int]:
    """w → tanh(w) · w → tanh(…) · w → …: n nodes, all named."""
    b = Builder()
    w = i = b.param("w", (), "float64")
    for k in range(n // 2):
        b.owner = b.name_id(f"h{k}")
        i = MUL(b, TANH(b, i), w)
    b.owner = None
    return b.graph, w, i


def columns(graph: Graph) -> list[object]:
    """What a graph stores for each node."""
    return [value for slot in Graph.__slots__ if isinstance(value := getattr(graph, slot), (array, list))]


def run(n: int) -> dict[str, float]:
    """Microseconds a node of each stage, and bytes a node at the peak."""
    built, (graph, w, end) = once(lambda: chain(n))
    stored = sum(sys.getsizeof(column) for column in columns(graph)) + sum(map(sys.getsizeof, graph.names))
    forward, _ = once(lambda: evaluate(graph, {w: 1.2}, [end]))
    derived, (both, gradients) = once(lambda: backward(graph, end, [w]))
    full, values = once(lambda: evaluate(both, {w: 1.2}, [end, gradients[w]]))
    simplified, _ = once(lambda: optimize(both, [end, gradients[w]]))
    check(n, float(values[end]), float(values[gradients[w]]))
    each = {"build": built, "forward": forward, "derive": derived, "forward and backward": full, "simplify": simplified}
    nodes = {"build": n, "forward": n}
    print(f"  {n:,} nodes, {len(both):,} with the backward pass; {stored / n:.0f} bytes a node built, peak {peak():.0f} MB")
    costs = {name: seconds / nodes.get(name, len(both)) * 1e6 for name, seconds in each.items()}
    print("   " + "   ".join(f"{name} {cost:.2f} µs" for name, cost in costs.items()) + "   a node")
    return costs


def check(n: int, value: float, gradient: float) -> None:
    """Compares with the recurrence: v ← tanh(v) w, dv ← (1 - tanh² v) dv w + tanh v."""
    v, d, w = 1.2, 1.0, 1.2
    for _ in range(n // 2):
        t = math.tanh(v)
        v, d = t * w, (1 - t * t) * d * w + t
    off = max(abs(value - v), abs(gradient - d) / max(1.0, abs(d)))
    if not off < 1e-9:
        raise SystemExit(f"  the chain does not agree: {off:.1e} apart")


def main() -> None:
    """Prints costs for a short and a long chain, and whether they are linear."""
    short, long = run(NODES // 8), run(NODES)
    worst = max(long, key=lambda name: long[name] / short[name])
    ratio = long[worst] / short[worst]
    print(f"  linear: {'held' if ratio < SLACK else 'MISSED'}, eight times the nodes cost at most {8 * ratio:.1f} times as much ({worst})")


if __name__ == "__main__":
    main()
