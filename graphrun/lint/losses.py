"""What a loss is given: logits where it takes logits, probabilities where it takes those, and nothing that spoils them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphrun.errors import Diagnostic
from graphrun.ir.graph import Graph
from graphrun.lint.look import Look, passes_on, warning

__all__ = ["unfit_predictions"]

_REARRANGED = frozenset({"transpose", "swap_last", "slice", "broadcast_to", "stop_gradient"})
_LINEAR = frozenset({"matmul", "dot", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"})
_PROBABILITIES = frozenset({"softmax", "sigmoid", "hard_sigmoid"})
_RELUS = frozenset({"relu", "relu6"})


@dataclass(frozen=True)
class _Taker:
    """A loss: what takes the prediction in it, what that must not be, the code, and a mend."""

    ops: tuple[str, ...]
    unfit: frozenset[str]
    code: str
    takes: str
    mend: str


_SELF = "pass on what `{op}` is taken of: the loss takes logits, and does this itself"
_NLL = "give it `log_softmax(…)`; of logits there is `cross_entropy`"
_BCE = "give it `sigmoid(…)`; of logits there is `binary_cross_entropy_with_logits`"
_LOSSES = {
    "cross_entropy": _Taker(
        ("logsumexp", "log_softmax"), frozenset({"softmax", "log_softmax", "sigmoid"}), "softmax-before-cross-entropy", "logits", _SELF
    ),
    "binary_cross_entropy_with_logits": _Taker(
        ("log_sigmoid",), frozenset({"sigmoid", "log_sigmoid", "softmax"}), "sigmoid-before-logits-loss", "logits", _SELF
    ),
    "nll": _Taker(("take_along",), _PROBABILITIES | _RELUS | {"linear", "tanh", "exp"}, "nll-of-no-logarithm", "log-probabilities", _NLL),
    "binary_cross_entropy": _Taker(
        ("less_equal",), _RELUS | {"linear", "tanh", "log_sigmoid", "log_softmax"}, "binary-cross-entropy-of-logits", "probabilities", _BCE
    ),
    "squared_error": _Taker(("sub",), frozenset(), "", "", ""),
    "absolute_error": _Taker(("sub",), frozenset(), "", "", ""),
    "huber": _Taker(("sub",), frozenset(), "", "", ""),
}
_OF_LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits")


def unfit_predictions(look: Look) -> Iterator[Diagnostic]:
    """Predictions that a loss of the library does not take, or that `relu` or `dropout` spoils just before it."""
    graph = look.stepped.graph
    told: set[int] = set()
    for i in range(len(graph)):
        call, function = _loss_around(look, graph, i)
        if call in told or not function or graph.op(i).name not in _LOSSES[function].ops:
            continue
        told.add(call)
        yield from _judged(look, graph, i, function)


def _loss_around(look: Look, graph: Graph, i: int) -> tuple[int, str]:
    """The outermost call of a loss that node i is a step of, and its name; the library's own losses alone."""
    call, found = graph.call(i), (-1, "")
    while call >= 0:
        function = graph.calls[call].function
        if function in _LOSSES and function not in look.spec.file.functions:
            found = call, function
        call = graph.calls[call].parent
    return found


def _judged(look: Look, graph: Graph, i: int, function: str) -> Iterator[Diagnostic]:
    source = _source(graph, graph.inputs(i)[0])
    kind, loss = _kind(graph, source), _LOSSES[function]
    place = look.call_place(graph, i)
    at = f"{graph.name(source)} is computed in line {graph.line(source)}" if graph.line(source) and look.place(graph, source) else ""
    notes = (at,) if at else ()
    if kind in loss.unfit and graph.shape(source):
        what = "a linear layer" if kind == "linear" else f"`{kind}`"
        message = f"`{function}` takes {loss.takes}, and here it is given what {what} computes"
        yield from warning(loss.code, message, place, loss.mend.format(op=kind), notes)
    elif kind in _RELUS and function in _OF_LOGITS:
        message = f"`{kind}` cuts off what `{function}` is taken of: no logit is below zero, and those at zero are not trained"
        yield from warning("relu-before-loss", message, place, f"leave `{kind}` away at the last layer", notes)
    elif kind == "dropout":
        message = f"`dropout` zeroes predictions of which `{function}` is taken: no weight before it can mend these"
        yield from warning("dropout-before-loss", message, place, "put `dropout` before the last layer", notes)


def _source(graph: Graph, i: int) -> int:
    """The node whose elements node i holds, reshaped, rearranged or in part."""
    while True:
        i = passes_on(graph, i)
        if graph.op(i).name not in _REARRANGED:
            return i
        i = graph.inputs(i)[0]


def _same_input(graph: Graph, i: int, j: int) -> bool:
    return i == j or _source(graph, graph.inputs(i)[0]) == _source(graph, graph.inputs(j)[0])


def _kind(graph: Graph, i: int) -> str:
    """The operation of node i, or of what it is written out for: softmax, sigmoid, dropout, a linear layer."""
    op, inputs = graph.op(i).name, graph.inputs(i)
    if op == "div":
        below, above = _source(graph, inputs[1]), _source(graph, inputs[0])
        summed = _source(graph, graph.inputs(below)[0]) if graph.op(below).name == "sum" else -1
        if summed >= 0 and all(graph.op(j).name == "exp" for j in (above, summed)) and _same_input(graph, above, summed):
            return "softmax"
        if graph.op(below).name == "add" and any(graph.op(j).name == "exp" for j in graph.inputs(below)) and not graph.shape(above):
            return "sigmoid"
    if op == "mul" and any(graph.op(j).name == "dropout_mask" for j in inputs):
        return "dropout"
    if op in _LINEAR:
        return "linear"
    if op == "add" and {"param"} < {graph.op(_source(graph, j)).name for j in inputs} <= {"param", *_LINEAR}:
        return "linear"
    return op
