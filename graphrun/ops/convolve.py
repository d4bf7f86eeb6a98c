"""The three sides of a convolution over arrays: its value, and what comes back to its input and to its kernel.

All are matrix products over strided windows, in blocks of images whose windows fit in the cache. Images are [n, channels, *size] or, one
alone, [channels, *size]; a kernel is [out channels, channels of a group, *taps] (torch.nn.functional.conv2d).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from graphrun.ops.common import meet
from graphrun.ops.windows import Windows, columns, put_back, surrounded, widened

__all__ = ["convolved", "kernel_side", "transposed"]

BLOCK = 1 << 20
"""So many elements of windows are laid out at once."""

Ints = tuple[int, ...]


def _blocks(xp: Any, n: int, each: int) -> Iterator[slice]:
    """Stretches of the images; only NumPy's arrays are worth cutting."""
    step = max(1, BLOCK // max(each, 1)) if str(xp.__name__) == "numpy" else max(n, 1)
    for start in range(0, max(n, 1), step):
        yield slice(start, min(start + step, n))


def _windows(size: Any, kernel: Any, stride: Ints, dilation: Ints, out: Any) -> Windows:
    return Windows(tuple(size), tuple(kernel), stride, dilation, tuple(out))


def _over(size: Any, kernel: Any, stride: Ints, dilation: Ints) -> Windows:
    """As many windows as there are over axes that are padded already."""
    out = ((d - a * (k - 1) - 1) // s + 1 for d, k, s, a in zip(size, kernel, stride, dilation, strict=True))
    return _windows(size, kernel, stride, dilation, out)


def _with_bias(xp: Any, y: Any, bias: tuple[Any, ...], n: int) -> Any:
    return y + xp.reshape(bias[0], (-1,) + (1,) * n) if bias else y


def convolved(xp: Any, x: Any, weight: Any, *bias: Any, groups: int, out: Any = None, **attrs: Any) -> Any:
    """out[o] = bias[o] + Σ over channels and taps of weight · x, at every window. `out` (contiguous, NumPy alone) takes the result."""
    x, weight, *bias_ = meet(xp, x, weight, *bias)
    n = weight.ndim - 2
    if x.ndim == n + 1:
        return convolved(xp, x[None], weight, *bias_, groups=groups, out=None if out is None else out[None], **attrs)[0]
    a = widened(attrs, n)
    x = surrounded(xp, x, a["padding"])
    w = _over(x.shape[-n:], weight.shape[-n:], a["stride"], a["dilation"])
    images, outs, length = x.shape[0], weight.shape[0], math.prod(w.out)
    kernel = xp.reshape(weight, (groups, outs // groups, weight.shape[1] * math.prod(w.kernel)))
    blocks = list(_blocks(xp, images, x.shape[1] * math.prod(w.kernel) * length))
    if len(blocks) == 1 and out is None:
        y = xp.reshape(xp.matmul(kernel, columns(xp, x, w, groups)), (images, outs, *w.out))
        return _with_bias(xp, y, tuple(bias_), n)
    y = xp.empty((images, outs, *w.out), dtype=x.dtype) if out is None else out
    flat = xp.reshape(y, (images, groups, outs // groups, length))
    for block in blocks:
        xp.matmul(kernel, columns(xp, x[block], w, groups), flat[block])
    if bias_:
        xp.add(y, xp.reshape(bias_[0], (-1,) + (1,) * n), y)
    return y


def transposed(xp: Any, x: Any, weight: Any, *bias: Any, groups: int, out: Any = None, **attrs: Any) -> Any:
    """The adjoint of `convolved`: each element of x lays its multiple of the kernel over the result. Here the kernel is
    [channels of x, channels of a group of the result, *taps]."""
    x, weight, *bias_ = meet(xp, x, weight, *bias)
    n = weight.ndim - 2
    if x.ndim == n + 1:
        return transposed(xp, x[None], weight, *bias_, groups=groups, out=None if out is None else out[None], **attrs)[0]
    a = widened(attrs, n)
    stride, dilation, padding = a["stride"], a["dilation"], a["padding"]
    kernel, at = weight.shape[-n:], x.shape[-n:]
    covered = tuple((o - 1) * s + d * (k - 1) + 1 if o else 0 for o, s, d, k in zip(at, stride, dilation, kernel, strict=True))
    wanted = tuple(
        (o - 1) * s + d * (k - 1) + 1 + more - before - after
        for o, s, d, k, more, (before, after) in zip(at, stride, dilation, kernel, a["output_padding"], padding, strict=True)
    )
    images, channels, outs = x.shape[0], x.shape[1], weight.shape[1] * groups
    w = _windows(covered, kernel, stride, dilation, at)
    length, taken = math.prod(at), weight.shape[1] * math.prod(kernel)
    matrix = xp.swapaxes(xp.reshape(weight, (groups, channels // groups, taken)), -1, -2)
    flat = xp.reshape(x, (images, groups, channels // groups, length))
    edges = tuple((-before, want - have + before) for have, want, (before, _) in zip(covered, wanted, padding, strict=True))
    made = []
    for block in _blocks(xp, images, groups * taken * length):
        parts = xp.matmul(matrix, flat[block])
        laid = put_back(xp, xp.reshape(parts, (parts.shape[0], outs, *kernel, *at)), w)
        made.append(_with_bias(xp, surrounded(xp, laid, edges), tuple(bias_), n))
        if out is not None:
            out[block] = made.pop()
    return out if out is not None else made[0] if len(made) == 1 else xp.concat(made)


def kernel_side(xp: Any, x: Any, g: Any, *, kernel_size: Ints, groups: int, out: Any = None, **attrs: Any) -> Any:
    """Σ over images and windows of g · x, for each tap: what comes back to the kernel of `convolved`."""
    x, g = meet(xp, x, g)
    n = len(kernel_size)
    if x.ndim == n + 1:
        x, g = x[None], g[None]
    a = widened(attrs, n)
    x = surrounded(xp, x, a["padding"])
    w = _windows(x.shape[-n:], kernel_size, a["stride"], a["dilation"], g.shape[-n:])
    images, outs, channels = x.shape[0], g.shape[1], x.shape[1]
    flat = xp.reshape(g, (images, groups, outs // groups, math.prod(w.out)))
    total = None
    for block in _blocks(xp, images, channels * math.prod(w.kernel) * math.prod(w.out)):
        part = xp.sum(xp.matmul(flat[block], xp.swapaxes(columns(xp, x[block], w, groups), -1, -2)), axis=0)
        total = part if total is None else total + part
    shape = (outs, channels // groups, *w.kernel)
    if out is None:
        return xp.reshape(total, shape)
    out[...] = xp.reshape(total, shape)
    return out
