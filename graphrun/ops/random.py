"""Random values from a counter-based generator (Philox), keyed by the BLAKE2b digest of seed and name.

Initial values follow from the seed and the parameter's name alone, so that adding a parameter leaves the others as they were. Values
within a graph follow from the seed, the name of the step and the number of the training step, and are counted by element: element k of a
step takes word k of the stream that belongs to the step, whatever is drawn beside it, so that rows drawn one by one are those drawn
together. The numbers are drawn by NumPy in float64 whatever the engine, then brought into the dtype, so that every engine has the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, DType, OpFault, Shape, TensorType, shape_text
from graphrun.ops.common import REAL_DTYPE, unchanged
from graphrun.ops.layout import RESHAPE, as_shape

__all__ = ["BERNOULLI", "DROPOUT", "DROPOUT_MASK", "NORMAL", "OPS", "ORTHOGONAL", "TRUNCATED_NORMAL", "UNIFORM"]

KEYS = (Attr("key", "any", ""), Attr("seed", "any", 0), REAL_DTYPE)
DRAWN = (*KEYS, Attr("offset", "any", 0))
SHAPE = Attr("shape", "shape", required=True)


def _generator(key: str, seed: int) -> Any:
    import numpy as np

    digest = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _given(xp: Any, values: Any, shape: Shape, dtype: DType) -> Any:
    return xp.asarray(values).reshape(shape).astype(getattr(xp, dtype))


def _unit(xp: Any, step: Any, shape: Any, key: str, seed: int, offset: int) -> Any:
    """Numbers strictly between 0 and 1: for element k word `offset` + k of the stream of this key and training step."""
    import numpy as np

    digest = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()
    size = int(np.prod(shape, dtype=np.int64))
    first, skipped = divmod(offset, 4)  # a block of the generator is four words
    stream = np.random.Philox(key=int.from_bytes(digest, "little"), counter=first + (int(step) << 128))
    words = np.asarray(stream.random_raw(size + skipped))[skipped:]
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**attrs, "shape": as_shape(attrs["shape"]), "dtype": attrs["dtype"] or "float64"}


def _type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(attrs["shape"], attrs["dtype"])


def _rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """Each row draws its own values; operands that carry rows meet them behind the new axis."""
    rank = len(node.attrs["shape"])
    aligned = []
    for i, j, with_rows in zip(node.inputs, new, carries, strict=True):
        shape = node.graph.shape(i)
        lead = (1,) * (rank - len(shape))
        aligned.append(RESHAPE(b, j, shape=(dim, *lead, *shape)) if with_rows and lead else j)
    return b.node(node.op, aligned, {**node.attrs, "shape": (dim, *node.attrs["shape"])})


def _normal_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if attrs["std"] < 0:
        raise OpFault(f"`std` of `normal` is not below 0; here it is {attrs['std']:g}", code="wrong-value")
    return _ready(types, attrs)


def _normal(xp: Any, step: Any = None, *, shape: Any, mean: float, std: float, key: str, seed: int, dtype: DType, offset: int = 0) -> Any:
    if step is None:
        return _given(xp, mean + std * _generator(key, seed).standard_normal(shape), shape, dtype)
    from scipy.special import ndtri

    return _given(xp, mean + std * ndtri(_unit(xp, step, shape, key, seed, offset)), shape, dtype)


NORMAL = OpDef(
    "normal",
    "Normally distributed values; as a value by the inverse of the distribution function, so that each takes one draw.",
    "N(mean, std²)",
    ("step",),
    _type,
    _normal,
    attrs=(SHAPE, Attr("mean", "number", 0.0), Attr("std", "number", 1.0), *DRAWN),
    prepare=_normal_ready,
    optional=1,
    rows=_rows,
    draws=True,
    onnx="RandomNormal",
)


def _uniform_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if attrs["low"] > attrs["high"]:
        raise OpFault(f"the bounds of `uniform` must be in order: {attrs['low']:g} and {attrs['high']:g}", code="wrong-value")
    return _ready(types, attrs)


def _uniform(xp: Any, step: Any = None, *, shape: Any, low: float, high: float, key: str, seed: int, dtype: DType, offset: int = 0) -> Any:
    drawn = _generator(key, seed).random(shape) if step is None else _unit(xp, step, shape, key, seed, offset)
    found = _given(xp, low + (high - low) * drawn, shape, dtype)
    if step is None or dtype == "float64":
        return found
    return xp.minimum(found, xp.nextafter(xp.float32(high), xp.float32(low)))  # rounding may reach what is left out


UNIFORM = OpDef(
    "uniform",
    "Values evenly distributed from low up to high.",
    "U(low, high)",
    ("step",),
    _type,
    _uniform,
    attrs=(SHAPE, Attr("low", "number", 0.0), Attr("high", "number", 1.0), *DRAWN),
    prepare=_uniform_ready,
    optional=1,
    rows=_rows,
    draws=True,
    onnx="RandomUniform",
)


def _bernoulli_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    p = types[0].shape
    shape = p if attrs["shape"] is None else as_shape(attrs["shape"])
    if any(d not in (1, e) for d, e in zip(p[::-1], shape[::-1], strict=False)) or len(p) > len(shape):
        raise OpFault(f"probabilities of shape {shape_text(p)} do not fit values of shape {shape_text(shape)}", operands=(0,))
    return {**attrs, "shape": shape, "dtype": attrs["dtype"] or "float64"}


def _bernoulli(xp: Any, p: Any, step: Any = 0, *, shape: Any, key: str, seed: int, dtype: DType, offset: int = 0) -> Any:
    p = xp.asarray(p)
    if xp.__name__ == "numpy" and ((p < 0) | (p > 1)).any():
        raise ValueError("a probability is not from 0 to 1")
    drawn = xp.asarray(_unit(xp, step, shape, key, seed, offset)).reshape(shape)
    return (drawn < p).astype(getattr(xp, dtype))


BERNOULLI = OpDef(
    "bernoulli",
    "1 with probability p, else 0, for each element of p, or of a shape (torch.bernoulli). No gradient flows to p.",
    "B(p)",
    ("p", "step"),
    _type,
    _bernoulli,
    attrs=(Attr("shape", "shape"), *DRAWN),
    prepare=_bernoulli_ready,
    optional=1,
    rows=_rows,
    draws=True,
    onnx="Bernoulli",
)


def _mask_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if not 0 <= attrs["p"] <= 1:
        raise OpFault(f"the probability `p` of `dropout` is a number from 0 to 1; here it is {attrs['p']:g}", code="wrong-value")
    return _ready(types, attrs)


def _mask(xp: Any, step: Any, *, shape: Any, p: float, key: str, seed: int, dtype: DType, offset: int = 0) -> Any:
    kept = _unit(xp, step, shape, key, seed, offset) >= p
    return _given(xp, kept * (1.0 / (1.0 - p) if p < 1 else 0.0), shape, dtype)


DROPOUT_MASK = OpDef(
    "dropout_mask",
    "What `dropout` multiplies by in training: 0 with probability p, else 1 / (1 - p).",
    "B(1 - p) / (1 - p)",
    ("step",),
    _type,
    _mask,
    attrs=(SHAPE, Attr("p", "number", 0.5), *DRAWN),
    prepare=_mask_ready,
    rows=_rows,
    draws=True,
    public=False,
)


def _truncated_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if not attrs["a"] < attrs["b"]:
        raise OpFault(f"the bounds of a truncated normal must be in order: {attrs['a']:g} and {attrs['b']:g}", code="wrong-type")
    if attrs["std"] <= 0:
        raise OpFault(f"`std` of `truncated_normal` is above 0; here it is {attrs['std']:g}", code="wrong-value")
    return _ready(types, attrs)


def _truncated(xp: Any, *, shape: Any, mean: float, std: float, a: float, b: float, key: str, seed: int, dtype: DType) -> Any:
    """By the inverse of the distribution function, so that each value takes one draw."""
    from scipy.special import ndtr, ndtri

    low, high = ndtr((a - mean) / std), ndtr((b - mean) / std)
    drawn = ndtri(low + (high - low) * _generator(key, seed).random(shape))
    return _given(xp, (mean + std * drawn).clip(a, b), shape, dtype)


TRUNCATED_NORMAL = OpDef(
    "truncated_normal",
    "Normally distributed values between a and b (torch.nn.init.trunc_normal_).",
    "N(mean, std²) in [a, b]",
    (),
    _type,
    _truncated,
    attrs=(
        SHAPE,
        Attr("mean", "number", 0.0),
        Attr("std", "number", 1.0),
        Attr("a", "number", -2.0),
        Attr("b", "number", 2.0),
        *KEYS,
    ),
    prepare=_truncated_ready,
)


def _orthogonal_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    ready = _ready(types, attrs)
    if len(ready["shape"]) < 2:
        raise OpFault(f"`orthogonal` needs two or more axes, not {shape_text(ready['shape'])}")
    return ready


def _orthogonal(xp: Any, *, shape: Any, gain: float, key: str, seed: int, dtype: DType) -> Any:
    """Saxe et al. 2013, as torch.nn.init.orthogonal_: Q of a normal matrix, its signs those of R's diagonal."""
    import numpy as np

    rows = shape[0]
    columns = int(np.prod(shape[1:]))
    drawn = _generator(key, seed).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return _given(xp, gain * (q.T if rows < columns else q), shape, dtype)


ORTHOGONAL = OpDef(
    "orthogonal",
    "A matrix with orthonormal rows or columns, times gain; further axes count as columns (torch.nn.init.orthogonal_).",
    "gain · Q",
    (),
    _type,
    _orthogonal,
    attrs=(SHAPE, Attr("gain", "number", 1.0), *KEYS),
    prepare=_orthogonal_ready,
)


def _dropout_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    _mask_ready(types, {**attrs, "shape": types[0].shape, "dtype": None})
    return attrs


def _itself(xp: Any, x: Any, *, p: float) -> Any:
    return x


def _handed_on(b: Builder, node: Node, g: int) -> Sequence[int]:
    return (g,)


DROPOUT = OpDef(
    "dropout",
    "In training x with each element zeroed with probability p and the others divided by 1 - p; else x itself"
    " (torch.nn.functional.dropout).",
    "x",
    ("x",),
    unchanged,
    _itself,
    vjp=_handed_on,
    attrs=(Attr("p", "number", 0.5),),
    prepare=_dropout_ready,
    elementwise=True,
    derivatives=("1",),
    cases=(Case(((),)), Case(((2, 3),), {"p": 0.3})),
    torch="torch.nn.functional.dropout(training=False)",
)

OPS: tuple[OpDef, ...] = (NORMAL, UNIFORM, TRUNCATED_NORMAL, ORTHOGONAL, BERNOULLI, DROPOUT_MASK, DROPOUT)
