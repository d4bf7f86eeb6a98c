"""Random initial values. They follow from the seed and the parameter's name alone: a counter-based generator (Philox) keyed by both.

The key is the BLAKE2b digest of seed and name, so that adding a parameter leaves the others as they were. The numbers are drawn by NumPy
in float64 whatever the engine, then brought into the dtype, so that every engine has the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import DType, OpFault, Shape, TensorType, shape_text
from graphrun.ops.common import REAL_DTYPE
from graphrun.ops.layout import as_shape

__all__ = ["NORMAL", "OPS", "ORTHOGONAL", "TRUNCATED_NORMAL", "UNIFORM"]

KEYS = (Attr("key", "any", ""), Attr("seed", "any", 0), REAL_DTYPE)
SHAPE = Attr("shape", "shape", required=True)


def _generator(key: str, seed: int) -> Any:
    import numpy as np

    digest = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _given(xp: Any, values: Any, shape: Shape, dtype: DType) -> Any:
    return xp.asarray(values).reshape(shape).astype(getattr(xp, dtype))


def _ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**attrs, "shape": as_shape(attrs["shape"]), "dtype": attrs["dtype"] or "float64"}


def _type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(attrs["shape"], attrs["dtype"])


def _normal(xp: Any, *, shape: Any, mean: float, std: float, key: str, seed: int, dtype: DType) -> Any:
    return _given(xp, mean + std * _generator(key, seed).standard_normal(shape), shape, dtype)


NORMAL = OpDef(
    "normal",
    "Normally distributed values.",
    "N(mean, std²)",
    (),
    _type,
    _normal,
    attrs=(SHAPE, Attr("mean", "number", 0.0), Attr("std", "number", 1.0), *KEYS),
    prepare=_ready,
    onnx="RandomNormal",
)


def _uniform(xp: Any, *, shape: Any, low: float, high: float, key: str, seed: int, dtype: DType) -> Any:
    return _given(xp, low + (high - low) * _generator(key, seed).random(shape), shape, dtype)


UNIFORM = OpDef(
    "uniform",
    "Values evenly distributed from low up to high.",
    "U(low, high)",
    (),
    _type,
    _uniform,
    attrs=(SHAPE, Attr("low", "number", 0.0), Attr("high", "number", 1.0), *KEYS),
    prepare=_ready,
    onnx="RandomUniform",
)


def _truncated_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if not attrs["a"] < attrs["b"]:
        raise OpFault(f"the bounds of a truncated normal must be in order: {attrs['a']:g} and {attrs['b']:g}", code="wrong-type")
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

OPS: tuple[OpDef, ...] = (NORMAL, UNIFORM, TRUNCATED_NORMAL, ORTHOGONAL)
