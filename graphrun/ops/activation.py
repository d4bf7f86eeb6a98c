"""Activation functions, with the names, defaults and kinks of PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Case, OpDef
from graphrun.ops import erf, sigmoid, softmax
from graphrun.ops.arithmetic import ADD, DIV, MUL
from graphrun.ops.common import binary, number, unary, wants
from graphrun.ops.compare import GREATER, LESS, LESS_EQUAL, LOGICAL_AND, WHERE
from graphrun.ops.elementary import ABS, EXP, SQUARE
from graphrun.ops.erf import ERF, ERFINV, GELU
from graphrun.ops.sigmoid import LOG_SIGMOID, MISH, SIGMOID, SILU, SOFTPLUS
from graphrun.ops.softmax import LOG_SOFTMAX, SOFTMAX

__all__ = [
    "CELU",
    "ELU",
    "ERF",
    "ERFINV",
    "GELU",
    "HARD_SIGMOID",
    "HARD_SWISH",
    "HARD_TANH",
    "LEAKY_RELU",
    "LOG_SIGMOID",
    "LOG_SOFTMAX",
    "MISH",
    "OPS",
    "PRELU",
    "RELU",
    "RELU6",
    "SELU",
    "SIGMOID",
    "SILU",
    "SOFTMAX",
    "SOFTPLUS",
    "SOFTSIGN",
]


def _positive(b: Builder, x: int, g: int) -> int:
    return GREATER(b, x, number(b, 0, g))


def _between(b: Builder, x: int, low: float, high: float, g: int) -> int:
    return LOGICAL_AND(b, GREATER(b, x, number(b, low, g)), LESS(b, x, number(b, high, g)))


# -- piecewise ------------------------------------------------------------------------------------------------------------


def _relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, xp.asarray(0).astype(x.dtype))


def _relu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _positive(b, node.inputs[0], g))]


RELU = unary(
    "relu",
    "x where it is positive, else 0. The derivative is 0 at 0 (torch.relu).",
    "max(0, x)",
    lambda xp, x: _relu(xp, xp.asarray(x)),
    _relu_vjp,
    real=False,
    scalar="(0.0 if {0} <= 0.0 else {0})",
    kinks="0 at x = 0",
    onnx="Relu",
    derivatives=("1 where x > 0, else 0",),
)


def _capped(xp: Any, x: Any, low: float, high: float) -> Any:
    x = xp.asarray(x)
    return xp.minimum(xp.maximum(x, xp.asarray(low).astype(x.dtype)), xp.asarray(high).astype(x.dtype))


def _relu6_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _between(b, node.inputs[0], 0, 6, g))]


RELU6 = unary(
    "relu6",
    "x between 0 and 6, the bounds outside. The derivative is 0 on the bounds.",
    "min(max(0, x), 6)",
    lambda xp, x: _capped(xp, x, 0, 6),
    _relu6_vjp,
    scalar="(0.0 if {0} <= 0.0 else 6.0 if {0} >= 6.0 else {0})",
    kinks="0 at x = 0 and x = 6",
    domain=(-2.0, 8.0),
    derivatives=("1 where 0 < x < 6, else 0",),
    torch="nn.functional.relu6",
)


def _hard_tanh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _between(b, node.inputs[0], node.attrs["min_val"], node.attrs["max_val"], g))]


HARD_TANH = unary(
    "hard_tanh",
    "x between `min_val` and `max_val`, the bounds outside. The derivative is 0 on the bounds.",
    "min(max(-1, x), 1)",
    lambda xp, x, *, min_val, max_val: _capped(xp, x, min_val, max_val),
    _hard_tanh_vjp,
    attrs=(Attr("min_val", "number", -1.0), Attr("max_val", "number", 1.0)),
    kinks="0 on the bounds",
    derivatives=("1 within the bounds, else 0",),
    torch="nn.functional.hardtanh",
)


def _hard_sigmoid_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, MUL(b, number(b, 1 / 6, g), _between(b, node.inputs[0], -3, 3, g)))]


HARD_SIGMOID = unary(
    "hard_sigmoid",
    "x/6 + 1/2 between -3 and 3, 0 below and 1 above.",
    "min(max(0, x + 3), 6) / 6",
    lambda xp, x: _capped(xp, x + 3.0, 0, 6) / 6.0,
    _hard_sigmoid_vjp,
    scalar="(0.0 if {0} <= -3.0 else 1.0 if {0} >= 3.0 else ({0} + 3.0) / 6.0)",
    kinks="0 at x = -3 and x = 3",
    domain=(-5.0, 5.0),
    derivatives=("1/6 where -3 < x < 3, else 0",),
    torch="nn.functional.hardsigmoid",
)


def _hard_swish_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x = node.inputs[0]
    zero, one, three = (number(b, v, g) for v in (0, 1, 3))
    inner = ADD(b, DIV(b, x, three), number(b, 0.5, g))
    above = WHERE(b, LESS(b, x, three), inner, one)
    return [MUL(b, g, WHERE(b, LESS_EQUAL(b, x, number(b, -3, g)), zero, above))]


HARD_SWISH = unary(
    "hard_swish",
    "x · hard_sigmoid(x).",
    "x · min(max(0, x + 3), 6) / 6",
    lambda xp, x: x * _capped(xp, x + 3.0, 0, 6) / 6.0,
    _hard_swish_vjp,
    scalar="({0} * (0.0 if {0} <= -3.0 else 6.0 if {0} >= 3.0 else {0} + 3.0) / 6.0)",
    kinks="0 at x = -3, 1 at x = 3",
    onnx="HardSwish",
    domain=(-5.0, 5.0),
    derivatives=("x/3 + 1/2 where -3 < x < 3, else 0 or 1",),
    torch="nn.functional.hardswish",
)


def _leaky_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    slope = number(b, node.attrs["negative_slope"], g)
    return [MUL(b, g, WHERE(b, _positive(b, node.inputs[0], g), number(b, 1, g), slope))]


LEAKY_RELU = unary(
    "leaky_relu",
    "x where it is positive, else `negative_slope` · x.",
    "max(0, x) + negative_slope · min(0, x)",
    lambda xp, x, *, negative_slope: xp.where(x > 0, x, x * negative_slope),
    _leaky_vjp,
    attrs=(Attr("negative_slope", "number", 0.01),),
    scalar="({0} if {0} > 0.0 else {0} * {negative_slope})",
    kinks="negative_slope at x = 0",
    onnx="LeakyRelu",
    extra=(Case(((3,),), {"negative_slope": 0.2}),),
    derivatives=("1 where x > 0, else negative_slope",),
    torch="nn.functional.leaky_relu",
)


def _prelu_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, weight = node.inputs
    up, zero = _positive(b, x, g), number(b, 0, g)
    return [
        MUL(b, g, WHERE(b, up, number(b, 1, g), weight)) if wants(b, x) else None,
        MUL(b, g, WHERE(b, up, zero, x)) if wants(b, weight) else None,
    ]


PRELU = binary(
    "prelu",
    "x where it is positive, else weight · x. The weight is broadcast as NumPy does: of images, it has shape [channels, 1, 1].",
    "max(0, x) + weight · min(0, x)",
    lambda xp, x, w: xp.where(x > 0, x, w * x),
    _prelu_vjp,
    real=True,
    arrays=("x", "weight"),
    scalar="({0} if {0} > 0.0 else {1} * {0})",
    kinks="weight at x = 0",
    onnx="PRelu",
    derivatives=("1 where x > 0, else weight", "0 where x > 0, else x"),
    torch="nn.functional.prelu",
)


# -- exponential below zero -----------------------------------------------------------------------------------------------


def _bend(xp: Any, x: Any, scale: Any, width: float) -> Any:
    """`x` above 0, scale · (e^(x / width) - 1) below."""
    return xp.where(x > 0, x, scale * xp.expm1(xp.minimum(x, xp.zeros_like(x)) / width))


def _bend_slope(b: Builder, node: Node, g: int, scale: float, width: float, above: float) -> int:
    """`above` where x is above 0, scale · e^(x / width) else; of nan it is `above`, as in PyTorch.

    By the exponential, not by the result, which is -scale · width up to rounding where x is far below 0.
    """
    x, zero = node.inputs[0], number(b, 0, g)
    low = WHERE(b, LESS(b, x, zero), x, zero)
    steep = EXP(b, low if width == 1 else DIV(b, low, number(b, width, g)))
    if scale == above:
        return steep if scale == 1 else MUL(b, number(b, scale, g), steep)
    return WHERE(b, LESS_EQUAL(b, x, zero), MUL(b, number(b, scale, g), steep), number(b, above, g))


def _elu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _bend_slope(b, node, g, node.attrs["alpha"], 1, 1))]


ELU = unary(
    "elu",
    "x where it is positive, else alpha · (e^x - 1).",
    "max(0, x) + alpha · (e^min(0, x) - 1)",
    lambda xp, x, *, alpha: _bend(xp, x, alpha, 1.0),
    _elu_vjp,
    attrs=(Attr("alpha", "number", 1.0),),
    scalar="({0} if {0} > 0.0 else {alpha} * expm1({0}))",
    kinks="alpha at x = 0",
    onnx="Elu",
    extra=(Case(((3,),), {"alpha": 0.5}),),
    derivatives=("1 where x > 0, else alpha · e^x",),
    torch="nn.functional.elu",
)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _selu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _bend_slope(b, node, g, SELU_ALPHA * SELU_SCALE, 1, SELU_SCALE))]


SELU = unary(
    "selu",
    "Scaled elu, which keeps mean 0 and variance 1 (Klambauer et al. 2017): scale 1.0507, alpha 1.6733.",
    "1.0507 · elu(x, 1.6733)",
    lambda xp, x: SELU_SCALE * _bend(xp, x, SELU_ALPHA, 1.0),
    _selu_vjp,
    scalar=f"({SELU_SCALE!r} * {{0}} if {{0}} > 0.0 else {SELU_SCALE!r} * ({SELU_ALPHA!r} * expm1({{0}})))",
    kinks="1.7581 at x = 0",
    onnx="Selu",
    derivatives=("1.0507 where x > 0, else 1.7581 · e^x",),
    torch="nn.functional.selu",
)


def _celu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _bend_slope(b, node, g, 1, node.attrs["alpha"], 1))]


CELU = unary(
    "celu",
    "x where it is positive, else alpha · (e^(x / alpha) - 1).",
    "max(0, x) + alpha · (e^(min(0, x) / alpha) - 1)",
    lambda xp, x, *, alpha: _bend(xp, x, alpha, alpha),
    _celu_vjp,
    attrs=(Attr("alpha", "number", 1.0),),
    extra=(Case(((3,),), {"alpha": 0.5}),),
    derivatives=("1 where x > 0, else e^(x / alpha)",),
    torch="nn.functional.celu",
)


# -- softsign -------------------------------------------------------------------------------------------------------------


def _softsign_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, SQUARE(b, ADD(b, number(b, 1, g), ABS(b, node.inputs[0]))))]


SOFTSIGN = unary(
    "softsign",
    "x / (1 + |x|), between -1 and 1.",
    "x / (1 + |x|)",
    lambda xp, x: x / (1.0 + xp.abs(x)),
    _softsign_vjp,
    scalar="({0} / (1.0 + fabs({0})))",
    onnx="Softsign",
    derivatives=("1/(1+|x|)²",),
    torch="nn.functional.softsign",
)


OPS: tuple[OpDef, ...] = (
    *sigmoid.OPS,
    RELU,
    RELU6,
    HARD_TANH,
    HARD_SIGMOID,
    HARD_SWISH,
    LEAKY_RELU,
    PRELU,
    ELU,
    SELU,
    CELU,
    SOFTSIGN,
    *erf.OPS,
    *softmax.OPS,
)
