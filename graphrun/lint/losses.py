"""Probabilities where a loss takes logits."""

from __future__ import annotations

from collections.abc import Iterator

from graphrun.errors import Diagnostic
from graphrun.lint.look import Look, passes_on, warning

__all__ = ["probabilities_as_logits"]

# The loss → its steps that meet the logits, what must not be there, its code, and a mend.
_MEND = "pass on what `{op}` is taken of: the loss takes logits, and does this itself"
_LOSSES = {
    "cross_entropy": (("softmax", "log_softmax", "sigmoid"), "softmax-before-cross-entropy"),
    "binary_cross_entropy_with_logits": (("sigmoid", "log_sigmoid", "softmax"), "sigmoid-before-logits-loss"),
}


def probabilities_as_logits(look: Look) -> Iterator[Diagnostic]:
    """Softmax, sigmoid and their logarithms before a loss that does the same itself."""
    graph = look.stepped.graph
    told: set[int] = set()
    for i in range(len(graph)):
        call = graph.call(i)
        function = graph.calls[call].function if call >= 0 else ""
        if function not in _LOSSES or call in told:
            continue
        ops, code = _LOSSES[function]
        for j in graph.inputs(i):
            source = passes_on(graph, j)
            op = graph.op(source).name
            if op in ops and graph.call(j) != call and graph.shape(source):
                told.add(call)
                message = f"`{function}` takes logits, and here it is given what `{op}` computes"
                notes = (f"{graph.name(j)} is computed in line {graph.line(j)}",) if graph.line(j) else ()
                yield from warning(code, message, look.call_place(graph, i), _MEND.format(op=op), notes)
                break
