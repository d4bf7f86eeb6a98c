"""Windows over the last axes of an array: where they lie, and how they are cut out, put back and padded.

A window is the set of elements that one output of a convolution or pooling sees; a tap is one of its places. Nothing here loops over
windows: NumPy reads them through strides, other namespaces tap by tap.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.ir.types import Dim, OpFault, Shape, Sym, shape_text

__all__ = [
    "Pairs",
    "Windows",
    "between",
    "chosen",
    "columns",
    "laid",
    "pairs_of",
    "per_axis",
    "put_back",
    "rest_of",
    "surrounded",
    "taps",
    "windows_of",
]

Pairs = tuple[tuple[int, int], ...]
"""What is added before and after each axis; negative numbers cut off."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over axes of `size`: `out` of them along each axis, of `kernel` taps that lie `dilation` apart, one every `stride` elements.

    `size` is that of the padded axes; it may be larger than what the windows cover.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]


# -- shapes ---------------------------------------------------------------------------------------------------------------


def per_axis(op: str, name: str, value: Any, n: int, least: int) -> tuple[int, ...]:
    """A number for all axes, or one for each, as a tuple; raises OpFault where it does not fit."""
    given = (value,) * n if isinstance(value, int) else tuple(value)
    if len(given) == 1:
        given *= n
    if len(given) != n or any(isinstance(v, bool) or not isinstance(v, int) or v < least for v in given):
        many = "a whole number" if n == 1 else f"a whole number or {n} of them"
        shown = list(given) if not isinstance(value, int) else value
        raise OpFault(f"`{name}` of `{op}` is {many}, at least {least}; here it is {shown}", code="wrong-type")
    return given


def pairs_of(op: str, padding: Any, kernel: Sequence[Any], stride: Sequence[int], dilation: Sequence[int]) -> Pairs:
    """`padding` as numbers before and after each axis. 'same' keeps the sizes, with the odd element behind (torch.nn.functional.conv2d)."""
    n = len(stride)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if any(s != 1 for s in stride):
            raise OpFault(f"padding 'same' of `{op}` takes a stride of 1, not {list(stride)}", code="wrong-type")
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)
    if isinstance(padding, str):
        raise OpFault(f"`padding` of `{op}` is 'same', 'valid' or whole numbers, not '{padding}'", code="wrong-type")
    if isinstance(padding, tuple) and padding and isinstance(padding[0], tuple):
        return padding
    return tuple((p, p) for p in per_axis(op, "padding", padding, n, 0))


def compact(values: Any) -> Any:
    """Numbers for each axis as one number where they are equal, pairs as numbers where they are: as a person writes them."""
    if isinstance(values, tuple) and values and isinstance(values[0], tuple):
        return compact(tuple(before for before, _ in values)) if all(before == after for before, after in values) else values
    return values[0] if isinstance(values, tuple) and values and all(v == values[0] for v in values) else values


def widened(attrs: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Attributes with a number for each of `n` axes again, and pairs of them for the padding. No stride is that of the kernel."""
    out = dict(attrs)
    for name in ("stride", "dilation", "output_padding"):
        if name in out:
            value = out["kernel_size"] if out[name] is None else out[name]
            out[name] = (value,) * n if isinstance(value, int) else value
    padding = (out["padding"],) * n if isinstance(out["padding"], int) else out["padding"]
    out["padding"] = tuple((p, p) if isinstance(p, int) else p for p in padding)
    return out


def windows_of(
    op: str, size: Shape, kernel: Sequence[int], stride: Sequence[int], padding: Pairs, dilation: Sequence[int], ceil: bool = False
) -> Shape:
    """How many windows there are along each axis; with `ceil` also those that hang over the end, where they begin inside."""
    out: list[Dim] = []
    for d, k, s, (before, after), apart in zip(size, kernel, stride, padding, dilation, strict=True):
        span: Dim = d + (before + after - apart * (k - 1) - 1)
        if isinstance(span, Sym):
            count = span.divide(s)
            if count is None:
                raise OpFault(
                    f"the number of windows of `{op}` over {shape_text(size)} is not known for every size",
                    code="symbolic-size",
                    operands=(0,),
                )
            out.append(count + 1)
            continue
        if span < 0:
            raise OpFault(
                f"the kernel of `{op}` is larger than what it slides over",
                operands=(0,),
                notes=[
                    f"{k} taps" + (f", {apart} apart," if apart > 1 else "") + f" span {apart * (k - 1) + 1} elements; there are "
                    f"{d}" + (f" and {before + after} of padding" if before + after else "")
                ],
            )
        count = (span + s - 1 if ceil else span) // s + 1
        if ceil and isinstance(d, int) and (count - 1) * s >= d + before:
            count -= 1
        out.append(count)
    return tuple(out)


def rest_of(
    size: Shape, out: Shape, kernel: Sequence[Any], stride: Sequence[int], padding: Pairs, dilation: Sequence[int]
) -> tuple[Any, ...]:
    """How many elements of each axis (padding among them) lie behind the last window."""
    parts = zip(size, out, kernel, stride, padding, dilation, strict=True)
    return tuple(d + before + after - apart * (k - 1) - 1 - (o - 1) * s for d, o, k, s, (before, after), apart in parts)


# -- arrays ---------------------------------------------------------------------------------------------------------------


def surrounded(xp: Any, x: Any, padding: Pairs, value: Any = 0) -> Any:
    """`x` with `value` around its last axes; what a negative number says is cut off."""
    if not any(before or after for before, after in padding):
        return x
    n = len(padding)
    if any(before < 0 or after < 0 for before, after in padding):
        cut = tuple(slice(max(-b, 0), d - max(-a, 0)) for d, (b, a) in zip(x.shape[-n:], padding, strict=True))
        return surrounded(xp, x[(..., *cut)], tuple((max(b, 0), max(a, 0)) for b, a in padding), value)
    shape = (*x.shape[:-n], *(d + b + a for d, (b, a) in zip(x.shape[-n:], padding, strict=True)))
    inside = (..., *(slice(b, b + d) for d, (b, _) in zip(x.shape[-n:], padding, strict=True)))
    out = xp.full(shape, value, dtype=x.dtype)
    if hasattr(out, "at"):
        return out.at[inside].set(x)
    out[inside] = x
    return out


def taps(w: Windows) -> Iterator[tuple[slice, ...]]:
    """For each tap, in C order, the elements that it meets over all windows."""
    for tap in itertools.product(*(range(k) for k in w.kernel)):
        yield tuple(
            slice(t * d, t * d + (o - 1) * s + 1 if o else t * d, s) for t, d, s, o in zip(tap, w.dilation, w.stride, w.out, strict=True)
        )


def between(xp: Any, x: Any, w: Windows) -> Any:
    """All windows of `x`, as [..., *kernel, *out]; in NumPy a view that is only for reading."""
    n = len(w.kernel)
    lead = x.shape[:-n]
    if str(xp.__name__) == "numpy":
        near = tuple(a * d for a, d in zip(x.strides[-n:], w.dilation, strict=True))
        far = tuple(a * s for a, s in zip(x.strides[-n:], w.stride, strict=True))
        return xp.lib.stride_tricks.as_strided(x, (*lead, *w.kernel, *w.out), (*x.strides[:-n], *near, *far))
    return xp.reshape(xp.stack([x[(..., *tap)] for tap in taps(w)], axis=-n - 1), (*lead, *w.kernel, *w.out))


def columns(xp: Any, x: Any, w: Windows, groups: int) -> Any:
    """The windows of x [n, channels, *size] as columns: [n, groups, channels of a group · taps, windows]."""
    n, channels = x.shape[:2]
    shape = (n, groups, channels // groups * math.prod(w.kernel), math.prod(w.out))
    return xp.reshape(between(xp, x, w), shape)


def put_back(xp: Any, parts: Any, w: Windows) -> Any:
    """The adjoint of `between`: an array of size `w.size` with every tap of [..., *kernel, *out] added where it was cut."""
    n = len(w.kernel)
    lead = parts.shape[: -2 * n]
    flat = xp.reshape(parts, (*lead, math.prod(w.kernel), *w.out))
    out = xp.zeros((*lead, *w.size), dtype=parts.dtype)
    whole = (slice(None),) * len(lead)
    for k, tap in enumerate(taps(w)):
        out = laid(xp, out, (..., *tap), flat[(*whole, k)])
    return out


def laid(xp: Any, out: Any, where: Any, part: Any, alone: bool = False) -> Any:
    """`out`, which is ours, with `part` added at `where`; put there if it comes `alone`, so that nothing is there yet."""
    if hasattr(out, "at"):
        return out.at[where].add(part)
    if alone:
        out[where] = part
    else:
        out[where] += part
    return out


def chosen(xp: Any, out: Any, value: Any, condition: Any = True) -> Any:
    """`out`, which is ours, with `value` where the condition holds."""
    if hasattr(out, "at"):
        return xp.where(condition, value, out)
    xp.copyto(out, value, where=condition)
    return out
