"""Convolutions over one and two axes, with stride, padding, dilation and groups, and what they hand back.

A convolution is linear in its input, in its kernel, and in the gradient that comes back. So the derivative by the input is a transposed
convolution, that of a transposed convolution a convolution, and only the derivative by the kernel is an operation of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, OpFault, Sym, TensorType, promote, shape_text
from graphrun.ops.arithmetic import ADD
from graphrun.ops.common import wants
from graphrun.ops.convolve import convolved, kernel_side, transposed
from graphrun.ops.layout import RESHAPE, TRANSPOSE, to_rows
from graphrun.ops.sums import SUM
from graphrun.ops.windows import Pairs, compact, pairs_of, per_axis, rest_of, widened, windows_of

__all__ = ["CONV1D", "CONV2D", "CONV_TRANSPOSE1D", "CONV_TRANSPOSE2D", "OPS"]

Types = Sequence[TensorType]
Ints = tuple[int, ...]

AXES_TEXT = {1: "[channels, length]", 2: "[channels, height, width]"}


# -- what all share -------------------------------------------------------------------------------------------------------


def _check_ranks(op: str, n: int, types: Types) -> None:
    x, weight = types[0].shape, types[1].shape
    if len(x) not in (n + 1, n + 2):
        raise OpFault(f"`{op}` takes {AXES_TEXT[n]}, with or without a batch in front, but {{0}} has shape {shape_text(x)}", operands=(0,))
    if len(weight) != n + 2:
        taps = "[taps]" if n == 1 else "[taps, taps]"
        raise OpFault(
            f"the kernel of `{op}` has two axes of channels and then {taps}, but {{1}} has shape {shape_text(weight)}", operands=(1,)
        )
    if any(isinstance(k, Sym) or k < 1 for k in weight[2:]):
        raise OpFault(f"the taps of a kernel are whole numbers from 1 up, not {shape_text(weight[2:])}", operands=(1,))


def _groups(op: str, groups: Any) -> Any:
    if isinstance(groups, Sym) or (isinstance(groups, int) and groups >= 1):
        return groups
    raise OpFault(f"`groups` of `{op}` is a whole number from 1 up, not {groups}", code="wrong-type")


def _split(channels: Dim, groups: Dim) -> Dim | None:
    """Channels of a group, or None where they do not come out whole."""
    if isinstance(channels, Sym):
        return channels.divide(groups)
    return channels // groups if isinstance(groups, int) and channels % groups == 0 else None


def _check_channels(op: str, types: Types, outs: Dim, groups: Dim, side: str, want: Dim) -> None:
    """`want` channels in x, `outs` in the result and its bias."""
    x, weight = types[0].shape, types[1].shape
    have = x[-len(weight) + 1]
    if have != want:
        part = f" in {groups} groups" if groups != 1 else ""
        raise OpFault(
            f"`{op}` cannot slide {shape_text(weight)} over {shape_text(x)}",
            operands=(0, 1),
            notes=[f"{{0}} has {have} channels, and the kernel is for {want}{part} ({side})"],
        )
    if len(types) > 2 and types[2].shape != (outs,):
        raise OpFault(
            f"the bias of `{op}` has one number for each of {outs} channels, not shape {shape_text(types[2].shape)}", operands=(2,)
        )


def _dtype(types: Types) -> Any:
    dtype = promote(*(t.dtype for t in types))
    return "int64" if dtype == "bool" else dtype


def _bias_vjp(b: Builder, node: Node, g: int, n: int) -> list[int | None]:
    if len(node.inputs) < 3:
        return []
    rank = len(node.shape)
    axes = tuple(k for k in range(rank) if k != rank - n - 1)
    return [SUM(b, g, axis=axes) if wants(b, node.inputs[2]) else None]


def _same(stride: Sequence[int], rest: Sequence[Any], padding: Pairs) -> Pairs:
    """Padding under which the windows end where the last of them did, where elements were left over behind it."""
    if all(isinstance(r, int) and r < s for r, s in zip(rest, stride, strict=True)):
        return padding
    return tuple((before, after - r) for r, (before, after) in zip(rest, padding, strict=True))


# -- over rows ------------------------------------------------------------------------------------------------------------


def _merged(b: Builder, i: int, at: int) -> int:
    """Axes `at` and `at` + 1 as one."""
    s = b.shape(i)
    return RESHAPE(b, i, shape=(*s[:at], s[at] * s[at + 1], *s[at + 2 :]))


def _as_groups(b: Builder, i: int, n: int) -> int:
    """[rows, channels, …] as [rows · channels, …], and [rows, n, channels, …] as [n, rows · channels, …]."""
    rank = len(b.shape(i))
    if rank == n + 2:
        return _merged(b, i, 0)
    return _merged(b, TRANSPOSE(b, i, axes=(1, 0, *range(2, rank))), 1)


def _from_groups(b: Builder, i: int, n: int, dim: Dim, channels: Dim) -> int:
    """The way back."""
    s = b.shape(i)
    if len(s) == n + 1:
        return RESHAPE(b, i, shape=(dim, channels, *s[1:]))
    apart = RESHAPE(b, i, shape=(s[0], dim, channels, *s[2:]))
    return TRANSPOSE(b, apart, axes=(1, 0, *range(2, n + 3)))


def _conv_rows(n: int) -> Any:
    """A kernel that is the same for all rows slides over the images of all rows; kernels of each row's own are groups."""

    def rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
        x, weight = new[:2]
        attrs = node.attrs
        single = len(node.graph.shape(node.inputs[0])) == n + 1
        own = any(carries[1:])
        if not own:
            if single:
                return node.op(b, *new, **attrs)
            return RESHAPE(b, node.op(b, _merged(b, x, 0), *new[1:], **attrs), shape=(dim, *node.shape))
        x, weight = (i if c else to_rows(b, i, dim) for i, c in zip(new[:2], carries[:2], strict=True))
        grouped = node.op(b, _as_groups(b, x, n), _merged(b, weight, 0), **{**attrs, "groups": attrs["groups"] * dim})
        out = _from_groups(b, grouped, n, dim, node.shape[-n - 1])
        if len(new) < 3:
            return out
        bias = new[2] if carries[2] else to_rows(b, new[2], dim)
        return ADD(b, out, RESHAPE(b, bias, shape=(dim, *(1,) * (len(node.shape) - n - 1), node.shape[-n - 1], *(1,) * n)))

    return rows


def _kernel_rows(n: int) -> Any:
    """Each row has a kernel of its own: groups."""

    def rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
        x, g = (_as_groups(b, i if c else to_rows(b, i, dim), n) for i, c in zip(new, carries, strict=True))
        out = node.op(b, x, g, **{**node.attrs, "groups": node.attrs["groups"] * dim})
        return RESHAPE(b, out, shape=(dim, *node.shape))

    return rows


# -- convolution ----------------------------------------------------------------------------------------------------------


def _conv_ready(op: str, n: int) -> Any:
    def ready(types: Types, attrs: Attrs) -> Attrs:
        _check_ranks(op, n, types)
        stride = per_axis(op, "stride", attrs["stride"], n, 1)
        dilation = per_axis(op, "dilation", attrs["dilation"], n, 1)
        padding = pairs_of(op, attrs["padding"], types[1].shape[2:], stride, dilation)
        found = {"stride": stride, "padding": padding, "dilation": dilation}
        return {**{k: compact(v) for k, v in found.items()}, "groups": _groups(op, attrs["groups"])}

    return ready


def _conv_type(op: str, n: int) -> Any:
    def infer(types: Types, attrs: Attrs) -> TensorType:
        x, weight = types[0].shape, types[1].shape
        outs, groups = weight[0], attrs["groups"]
        if _split(outs, groups) is None:
            raise OpFault(f"the {outs} kernels of {{1}} cannot be shared out evenly among {groups} groups", operands=(1,))
        _check_channels(op, types, outs, groups, f"second axis of {{1}}: {weight[1]}", weight[1] * groups)
        kernel: Any = weight[2:]
        a = widened(attrs, n)
        out = windows_of(op, x[-n:], kernel, a["stride"], a["padding"], a["dilation"])
        return TensorType((*x[: -n - 1], outs, *out), _dtype(types))

    return infer


def _conv_vjp(n: int) -> Any:
    def vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
        x, weight = node.inputs[:2]
        a, size, kernel = widened(node.attrs, n), b.shape(x)[-n:], b.shape(weight)[2:]
        rest = rest_of(size, node.shape[-n:], kernel, a["stride"], a["padding"], a["dilation"])
        back = TRANSPOSED[n](b, g, weight, output_padding=rest, **a) if wants(b, x) else None
        to_kernel = KERNEL[n](b, x, g, kernel_size=kernel, **a) if wants(b, weight) else None
        return [back, to_kernel, *_bias_vjp(b, node, g, n)]

    return vjp


def _conv(n: int) -> OpDef:
    op = f"conv{n}d"
    return OpDef(
        op,
        f"The kernel weight [out channels, channels / groups, …] slid over x [batch, channels, …] or [channels, …], {n} "
        f"{'axis' if n == 1 else 'axes'} of it, with a bias for each out channel. `padding` is 'same', 'valid' or zeros on each side "
        f"(torch.nn.functional.{op}).",
        "bias + Σ weight · x",
        ("x", "weight", "bias"),
        _conv_type(op, n),
        convolved,
        _conv_vjp(n),
        attrs=(Attr("stride", "ints", 1), Attr("padding", "padding", 0), Attr("dilation", "ints", 1), Attr("groups", "int", 1)),
        prepare=_conv_ready(op, n),
        optional=1,
        rows=_conv_rows(n),
        onnx="Conv",
        cases=CONV_CASES[n],
        derivatives=("weight, transposed", "x at the windows", "1"),
        torch=f"nn.functional.{op}",
    )


CONV_CASES: dict[int, tuple[Case, ...]] = {
    1: (
        Case(((2, 2, 5), (3, 2, 3), (3,))),
        Case(((2, 5), (3, 2, 2))),
        Case(((2, 2, 7), (3, 2, 2)), {"stride": 3}),
        Case(((2, 2, 6), (4, 1, 2), (4,)), {"padding": "same", "groups": 2}),
        Case(((1, 2, 7), (2, 2, 3)), {"stride": 2, "padding": 2, "dilation": 2}),
        Case(((0, 2, 4), (3, 2, 2)), second=False),
    ),
    2: (
        Case(((2, 2, 4, 5), (3, 2, 2, 3), (3,))),
        Case(((2, 4, 4), (2, 2, 3, 3)), {"padding": "same"}),
        Case(((1, 2, 6, 5), (2, 1, 2, 2)), {"stride": (2, 3), "groups": 2}),
        Case(((2, 1, 5, 6), (2, 1, 2, 3), (2,)), {"padding": (1, 2), "dilation": (2, 1), "stride": 2}),
        Case(((3, 2, 3), (3, 1, 1, 1), (3,)), {"groups": 3, "padding": "valid"}),
    ),
}


# -- transposed convolution -----------------------------------------------------------------------------------------------


def _transposed_ready(op: str, n: int) -> Any:
    def ready(types: Types, attrs: Attrs) -> Attrs:
        _check_ranks(op, n, types)
        stride = per_axis(op, "stride", attrs["stride"], n, 1)
        dilation = per_axis(op, "dilation", attrs["dilation"], n, 1)
        if isinstance(attrs["padding"], str):
            raise OpFault(f"`padding` of `{op}` is in whole numbers, not '{attrs['padding']}'", code="wrong-type")
        given = attrs["output_padding"]
        inner = isinstance(attrs["padding"], tuple) and bool(attrs["padding"]) and isinstance(attrs["padding"][0], tuple)
        more = given if inner and isinstance(given, tuple) else per_axis(op, "output_padding", given, n, 0)
        if not inner and any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
            raise OpFault(
                f"`output_padding` of `{op}` must be smaller than the stride or the dilation; here it is {list(more)}", code="wrong-type"
            )
        padding = pairs_of(op, attrs["padding"], types[1].shape[2:], stride, dilation)
        found = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation}
        return {**{k: compact(v) for k, v in found.items()}, "groups": _groups(op, attrs["groups"])}

    return ready


def _transposed_type(op: str, n: int) -> Any:
    def infer(types: Types, attrs: Attrs) -> TensorType:
        x, weight = types[0].shape, types[1].shape
        groups = attrs["groups"]
        outs = weight[1] * groups
        if _split(weight[0], groups) is None:
            raise OpFault(f"the {weight[0]} channels of {{1}} cannot be shared out evenly among {groups} groups", operands=(1,))
        _check_channels(op, types, outs, groups, f"first axis of {{1}}: {weight[0]}", weight[0])
        a = widened(attrs, n)
        parts = zip(x[-n:], weight[2:], *(a[k] for k in ("stride", "padding", "output_padding", "dilation")), strict=True)
        out = tuple((d - 1) * s - before - after + apart * (k - 1) + more + 1 for d, k, s, (before, after), more, apart in parts)
        if any(isinstance(d, int) and d < 0 for d in out):
            raise OpFault(f"the padding of `{op}` takes away more than there is: {shape_text(out)}", operands=(0,))
        return TensorType((*x[: -n - 1], outs, *out), _dtype(types))

    return infer


def _transposed_vjp(n: int) -> Any:
    def vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
        x, weight = node.inputs[:2]
        a = widened(node.attrs, n)
        a["padding"] = _same(a["stride"], a.pop("output_padding"), a["padding"])
        back = CONV[n](b, g, weight, **a) if wants(b, x) else None
        to_kernel = KERNEL[n](b, g, x, kernel_size=b.shape(weight)[2:], **a) if wants(b, weight) else None
        return [back, to_kernel, *_bias_vjp(b, node, g, n)]

    return vjp


def _conv_transpose(n: int) -> OpDef:
    op = f"conv_transpose{n}d"
    return OpDef(
        op,
        f"Each element of x lays its multiple of the kernel weight [channels, out channels / groups, …] over the result: what a conv{n}d "
        f"with these settings hands back to its input (torch.nn.functional.{op}).",
        "bias + Σ weight · x",
        ("x", "weight", "bias"),
        _transposed_type(op, n),
        transposed,
        _transposed_vjp(n),
        attrs=(
            Attr("stride", "ints", 1),
            Attr("padding", "ints", 0),
            Attr("output_padding", "ints", 0),
            Attr("groups", "int", 1),
            Attr("dilation", "ints", 1),
        ),
        prepare=_transposed_ready(op, n),
        optional=1,
        rows=_conv_rows(n),
        onnx="ConvTranspose",
        cases=TRANSPOSED_CASES[n],
        derivatives=("weight at the windows", "x at the windows", "1"),
        torch=f"nn.functional.{op}",
    )


TRANSPOSED_CASES: dict[int, tuple[Case, ...]] = {
    1: (
        Case(((2, 2, 4), (2, 3, 3), (3,))),
        Case(((2, 4), (2, 3, 2)), {"stride": 2}),
        Case(((1, 4, 3), (4, 1, 3), (2,)), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
        Case(((1, 2, 3), (2, 1, 2)), {"dilation": 3, "output_padding": 2, "padding": 1}),
    ),
    2: (
        Case(((2, 2, 2, 3), (2, 2, 2, 3), (2,))),
        Case(((2, 2, 2), (2, 2, 2, 2)), {"stride": (2, 1), "output_padding": (1, 0)}),
        Case(((1, 2, 3, 2), (2, 1, 2, 3), (2,)), {"groups": 2, "padding": (1, 0), "dilation": (1, 2), "stride": 2}),
    ),
}


# -- what comes back to the kernel ----------------------------------------------------------------------------------------


def _kernel_ready(n: int) -> Any:
    def ready(types: Types, attrs: Attrs) -> Attrs:
        x, g = types[0].shape, types[1].shape
        op = f"conv{n}d_kernel"
        stride = per_axis(op, "stride", attrs["stride"], n, 1)
        dilation = per_axis(op, "dilation", attrs["dilation"], n, 1)
        kernel = per_axis(op, "kernel_size", attrs["kernel_size"], n, 1)
        padding = pairs_of(op, attrs["padding"], kernel, stride, dilation)
        if len(x) != len(g) or x[: -n - 1] != g[: -n - 1] or len(x) not in (n + 1, n + 2):
            raise OpFault(f"{{0}} has shape {shape_text(x)} and {{1}} {shape_text(g)}: they do not belong together", operands=(0, 1))
        found = {"stride": stride, "padding": padding, "dilation": dilation}
        return {"kernel_size": kernel, **{k: compact(v) for k, v in found.items()}, "groups": _groups(op, attrs["groups"])}

    return ready


def _kernel_type(n: int) -> Any:
    def infer(types: Types, attrs: Attrs) -> TensorType:
        x, g = types[0].shape, types[1].shape
        channels, groups = _split(x[-n - 1], attrs["groups"]), attrs["groups"]
        if channels is None or _split(g[-n - 1], groups) is None:
            raise OpFault(f"{x[-n - 1]} and {g[-n - 1]} channels cannot be shared out evenly among {groups} groups", operands=(0, 1))
        a = widened(attrs, n)
        rest = rest_of(x[-n:], g[-n:], a["kernel_size"], a["stride"], a["padding"], a["dilation"])
        if any(isinstance(r, int) and r < 0 for r in rest):
            raise OpFault(f"the windows of {shape_text(g)} do not fit in {shape_text(x)}", operands=(0, 1))
        return TensorType((g[-n - 1], channels, *attrs["kernel_size"]), _dtype(types))

    return infer


def _kernel_vjp(n: int) -> Any:
    def vjp(b: Builder, node: Node, c: int) -> Sequence[int | None]:
        x, g = node.inputs
        a = widened(node.attrs, n)
        kernel = a.pop("kernel_size")
        rest = rest_of(b.shape(x)[-n:], b.shape(g)[-n:], kernel, a["stride"], a["padding"], a["dilation"])
        back = TRANSPOSED[n](b, g, c, output_padding=rest, **a) if wants(b, x) else None
        a["padding"] = _same(a["stride"], rest, a["padding"])
        return [back, CONV[n](b, x, c, **a) if wants(b, g) else None]

    return vjp


def _conv_kernel(n: int) -> OpDef:
    small: tuple[Ints, Ints] = ((2, 2, 5), (2, 3, 3)) if n == 1 else ((2, 2, 3, 4), (2, 3, 2, 2))
    one: tuple[Ints, Ints] = ((2, 6), (4, 3)) if n == 1 else ((2, 5, 4), (4, 2, 3))
    return OpDef(
        f"conv{n}d_kernel",
        f"What a conv{n}d of x hands back to its kernel, where g comes back to its result.",
        "Σ g · x",
        ("x", "g"),
        _kernel_type(n),
        kernel_side,
        _kernel_vjp(n),
        attrs=(
            Attr("kernel_size", "ints", required=True),
            Attr("stride", "ints", 1),
            Attr("padding", "ints", 0),
            Attr("dilation", "ints", 1),
            Attr("groups", "int", 1),
        ),
        prepare=_kernel_ready(n),
        rows=_kernel_rows(n),
        cases=(
            Case(small, {"kernel_size": 3 if n == 1 else (2, 3)}),
            Case(one, {"kernel_size": 2, "stride": 2 if n == 1 else (2, 1), "groups": 2}),
        ),
        derivatives=("g, transposed", "x at the windows"),
        public=False,
        shown="correlate",
    )


CONV = {n: _conv(n) for n in (1, 2)}
TRANSPOSED = {n: _conv_transpose(n) for n in (1, 2)}
KERNEL = {n: _conv_kernel(n) for n in (1, 2)}
CONV1D, CONV2D = CONV[1], CONV[2]
CONV_TRANSPOSE1D, CONV_TRANSPOSE2D = TRANSPOSED[1], TRANSPOSED[2]

OPS: tuple[OpDef, ...] = (CONV1D, CONV2D, CONV_TRANSPOSE1D, CONV_TRANSPOSE2D, KERNEL[1], KERNEL[2])
