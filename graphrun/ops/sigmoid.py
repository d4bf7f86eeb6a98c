"""The sigmoid and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Case, OpDef
from graphrun.ops.arithmetic import ADD, MUL, NEG, SUB
from graphrun.ops.common import number, unary
from graphrun.ops.compare import GREATER, WHERE
from graphrun.ops.elementary import SQUARE, TANH

__all__ = ["LOG_SIGMOID", "MISH", "OPS", "SIGMOID", "SILU", "SOFTPLUS"]


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1.0 / (1.0 + xp.exp(-x))


def _sigmoid_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    out = node.index
    return [MUL(b, g, MUL(b, out, SUB(b, number(b, 1, g), out)))]


SIGMOID = unary(
    "sigmoid",
    "1 / (1 + e^-x), between 0 and 1.",
    "1 / (1 + e^-x)",
    _sigmoid,
    _sigmoid_vjp,
    scalar="(1.0 / (1.0 + exp(-{0})) if {0} > -700.0 else exp({0}))",
    onnx="Sigmoid",
    derivatives=("σ(x)(1 - σ(x))",),
)


def _log_sigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(x, xp.zeros_like(x)) - xp.log1p(xp.exp(-xp.abs(x)))


def _log_sigmoid_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, SIGMOID(b, NEG(b, node.inputs[0])))]


LOG_SIGMOID = unary(
    "log_sigmoid",
    "ln(1 / (1 + e^-x)), without overflow.",
    "-ln(1 + e^-x)",
    _log_sigmoid,
    _log_sigmoid_vjp,
    scalar="(-log1p(exp(-{0})) if {0} >= 0.0 else {0} - log1p(exp({0})))",
    derivatives=("1 - σ(x)",),
    torch="nn.functional.logsigmoid",
)


def _softplus(xp: Any, x: Any, *, beta: float, threshold: float) -> Any:
    bx = x * beta
    return xp.where(bx > threshold, x, xp.log1p(xp.exp(bx)) / beta)


def _softplus_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    beta, threshold = node.attrs["beta"], node.attrs["threshold"]
    bx = node.inputs[0] if beta == 1 else MUL(b, number(b, beta, g), node.inputs[0])
    straight = GREATER(b, bx, number(b, threshold, g))
    return [MUL(b, g, WHERE(b, straight, number(b, 1, g), SIGMOID(b, bx)))]


SOFTPLUS = unary(
    "softplus",
    "ln(1 + e^(beta x)) / beta, and x itself where beta x is above `threshold` (torch.nn.functional.softplus).",
    "ln(1 + e^x)",
    _softplus,
    _softplus_vjp,
    attrs=(Attr("beta", "number", 1.0), Attr("threshold", "number", 20.0)),
    onnx="Softplus",
    extra=(Case(((3,),), {"beta": 2.0}), Case(((3,),), {"threshold": 0.0}, (0.1, 2.0))),
    derivatives=("σ(x)",),
    torch="nn.functional.softplus",
)


def _silu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x, one = node.inputs[0], number(b, 1, g)
    s = SIGMOID(b, x)
    return [MUL(b, g, MUL(b, s, ADD(b, one, MUL(b, x, SUB(b, one, s)))))]


SILU = unary(
    "silu",
    "x · sigmoid(x), also called swish.",
    "x / (1 + e^-x)",
    lambda xp, x: x * _sigmoid(xp, x),
    _silu_vjp,
    scalar="({0} / (1.0 + exp(-{0})) if {0} > -700.0 else {0} * exp({0}))",
    derivatives=("σ(x)(1 + x(1 - σ(x)))",),
    torch="nn.functional.silu",
)


def _mish(xp: Any, x: Any) -> Any:
    return x * xp.tanh(_softplus(xp, x, beta=1.0, threshold=20.0))


def _mish_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x, one = node.inputs[0], number(b, 1, g)
    t = TANH(b, SOFTPLUS(b, x))
    bend = MUL(b, MUL(b, x, SIGMOID(b, x)), SUB(b, one, SQUARE(b, t)))
    return [MUL(b, g, ADD(b, t, bend))]


MISH = unary(
    "mish",
    "x · tanh(softplus(x)) (Misra 2019).",
    "x · tanh(ln(1 + e^x))",
    _mish,
    _mish_vjp,
    onnx="Mish",
    derivatives=("t + x σ(x)(1 - t²), t = tanh(ln(1 + e^x))",),
    torch="nn.functional.mish",
)


OPS: tuple[OpDef, ...] = (SIGMOID, LOG_SIGMOID, SOFTPLUS, SILU, MISH)
