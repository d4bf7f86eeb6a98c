"""One sample of PyTorch's operation database against the language: values, and every entry of every gradient."""

from __future__ import annotations

import ast
import math
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, UnaryUfuncInfo

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.errors import SpecError
from graphrun.ir.builder import Builder
from graphrun.model.opening import build_both, open_text
from graphrun.ops.arithmetic import ADD, MUL
from graphrun.ops.sums import SUM

VALUES, GRADIENTS = 1e-9, 1e-8
TINY = 1e-12  # of the largest entry: what is left of numbers that cancel


class Text(str):
    """A piece of a formula, put in as it is."""

    __slots__ = ()


class OutsideError(Exception):
    """The sample uses what the language does not have; the text says what."""


@dataclass(frozen=True)
class Entry:
    """How an operation of the database is written in the language.

    formula   `sum({input}, axis={dim})`: the arguments of the signature, arrays as names, all else as the language writes it
    signature of the PyTorch function: `input dim=None keepdim=False *dtype=None`
    outside   argument → why a value other than the default is outside the language
    axes      arguments that name axes: those of a scalar are outside
    prepare   changes the bound arguments, or raises OutsideError
    results   which of PyTorch's results are compared, in the order of the language's; all where not given
    of        the operation of the language that is meant, where it is not the one that the formula begins with
    fixed     arguments by name for which PyTorch has no gradient
    exact     the relative tolerance of gradients; another one than ours only where PyTorch itself is less exact
    """

    formula: str
    signature: str = "input"
    outside: Mapping[str, str] = field(default_factory=dict)
    axes: tuple[str, ...] = ("dim", "dims")
    prepare: Callable[[dict[str, Any]], None] | None = None
    results: Callable[[Any], Any] | None = None
    of: str | None = None
    fixed: tuple[str, ...] = ()
    exact: float = GRADIENTS


@dataclass
class Tally:
    """What came of the samples of one operation."""

    name: str
    compared: int = 0
    entries: int = 0  # of gradients
    skipped: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


# -- arguments ------------------------------------------------------------------------------------------------------------


def parameters(signature: str) -> dict[str, Any]:
    """Argument → default (`...` where it is required)."""
    out: dict[str, Any] = {}
    for word in signature.replace("*", " ").split():
        name, given, default = word.partition("=")
        out[name] = ast.literal_eval(default) if given else ...
    return out


def bound(entry: Entry, sample: Any) -> dict[str, Any]:
    """The arguments of a sample by name."""
    out = parameters(entry.signature)
    given = dict(zip(out, (sample.input, *sample.args), strict=False))
    if len(sample.args) + 1 > len(out):
        raise OutsideError("more arguments than the language has")
    for name, value in {**given, **sample.kwargs}.items():
        if name not in out:
            raise OutsideError(f"`{name}`")
        out[name] = value
    return out


def check(entry: Entry, args: dict[str, Any]) -> None:
    """Raises OutsideError for what the language does not have."""
    defaults = parameters(entry.signature)
    for name, reason in entry.outside.items():
        value, default = args[name], defaults[name]
        if isinstance(value, torch.Tensor) or (value is not default and value != default):
            raise OutsideError(reason)
    first = next((v for v in args.values() if isinstance(v, torch.Tensor)), None)
    if first is not None and first.ndim == 0:
        for name in entry.axes:
            if args.get(name) is not None and args[name] != ():
                raise OutsideError("an axis of a scalar")
    for v in args.values():
        for t in v if isinstance(v, list | tuple) else (v,):
            if isinstance(t, torch.Tensor) and t.dtype in (torch.complex128, torch.complex64):
                raise OutsideError("complex numbers")
            if isinstance(t, torch.Tensor) and t.is_floating_point() and t.isnan().any():
                raise OutsideError("inputs that are nan")


def literal(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, Text):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, float) and math.isnan(value):
        raise OutsideError("nan as a number in a formula")
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, int | float):
        return repr(value)
    raise OutsideError(f"an argument of type {type(value).__name__}")


DTYPES = {torch.float64: "float64", torch.float32: "float32", torch.int64: "int64", torch.bool: "bool"}
WHOLE = (torch.int32, torch.int16, torch.int8, torch.uint8)


class Arrays:
    """The arrays of a sample, each under a name."""

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []

    def text(self, value: Any) -> str:
        """An argument as it stands in the formula."""
        if isinstance(value, torch.Tensor):
            if value.dtype not in DTYPES and value.dtype not in WHOLE:
                raise OutsideError(f"the dtype {str(value.dtype).removeprefix('torch.')}")
            self.tensors.append(value)
            return f"x{len(self.tensors) - 1}"
        if isinstance(value, list | tuple) and any(isinstance(v, torch.Tensor) for v in value):
            return "[" + ", ".join(map(self.text, value)) + "]"
        return literal(value)

    def inputs(self) -> str:
        """The section `inputs` of the spec."""
        lines = [f"  x{k}: {{shape: {list(t.shape)}, dtype: {DTYPES.get(t.dtype, 'int64')}}}" for k, t in enumerate(self.tensors)]
        return "inputs:\n" + "\n".join(lines) + "\n" if lines else ""


# -- comparing ------------------------------------------------------------------------------------------------------------


def written(entry: Entry, sample: Any) -> tuple[str, Arrays]:
    """A sample as a formula over arrays. Raises OutsideError."""
    args = bound(entry, sample)
    check(entry, args)
    if entry.prepare is not None:
        entry.prepare(args)
    arrays = Arrays()
    fields = {name: arrays.text(v) for name, v in args.items() if "{" + name + "}" in entry.formula}
    if entry.formula.startswith("{"):  # an operator: `(-2) ^ x` is not `-2 ^ x`
        fields = {k: f"({text})" if text.startswith("-") and not isinstance(args[k], Text) else text for k, text in fields.items()}
        if not arrays.tensors:
            raise OutsideError("numbers alone, which PyTorch takes in single precision")
    return entry.formula.format(**fields), arrays


def compare(entry: Entry, op: Any, sample: Any, tally: Tally) -> None:
    """Compares one sample; adds to the tally."""
    try:
        formula, arrays = written(entry, sample)
    except OutsideError as outside:
        tally.skipped[str(outside)] += 1
        return
    try:
        tensors, results, weights, theirs = reference(entry, op, sample, arrays.tensors)
    except (RuntimeError, NotImplementedError) as error:
        if "is not implemented" not in str(error):
            raise
        tally.skipped["a derivative that PyTorch does not have"] += 1
        return
    where = f"{formula} with {', '.join(str(list(t.shape)) for t in tensors)}"
    try:
        found, ours = computed(formula, arrays, tensors, results, weights)
    except SpecError as error:
        tally.wrong.append(f"{where}: {error.diagnostics[0].message}")
        return
    faults = []
    for k, (a, b) in enumerate(zip(found, results, strict=True)):
        faults += differ(f"result {k}", a, b.detach().numpy(), VALUES)
    for k, t in theirs.items():
        faults += differ(f"gradient of x{k}", ours[k], t.numpy(), entry.exact)
        tally.entries += t.numel()
    tally.compared += 1
    tally.wrong += [f"{where}: {fault}" for fault in faults[:1]]


def differ(what: str, found: Any, expected: np.ndarray[Any, Any], tolerance: float) -> list[str]:
    """What is wrong with a value, if anything."""
    found = np.asarray(found)
    if found.shape != expected.shape:
        return [f"{what} has shape {found.shape}, not {expected.shape}"]
    if expected.dtype.kind in "bi":
        bad = found.astype(np.float64) != expected.astype(np.float64)
    else:
        finite = np.abs(expected[np.isfinite(expected)])
        largest = float(finite.max()) if finite.size else 1.0
        bad = ~np.isclose(found, expected, rtol=tolerance, atol=TINY * max(largest, 1.0), equal_nan=True)
    if not bad.any():
        return []
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    return [f"{what} is {found[at]!r} at {list(at)}, not {expected[at]!r} ({int(bad.sum())} of {bad.size})"]


def called(entry: Entry, op: Any, sample: Any, used: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The sample's tensors, made anew, and PyTorch's results from them."""
    fresh: dict[int, torch.Tensor] = {}
    fixed = [id(sample.kwargs[name]) for name in entry.fixed if name in sample.kwargs]

    def renewed(v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            if id(v) not in fresh:
                fresh[id(v)] = v.detach().clone().requires_grad_(
                    op.supports_autograd and v.is_floating_point() and id(v) not in fixed
                )
            return fresh[id(v)]
        if isinstance(v, list | tuple) and any(isinstance(x, torch.Tensor) for x in v):
            return type(v)(renewed(x) for x in v)
        return v

    out = op(renewed(sample.input), *map(renewed, sample.args), **{k: renewed(v) for k, v in sample.kwargs.items()})
    if entry.results is not None:
        out = entry.results(out)
    return [fresh.get(id(t), t) for t in used], list(out) if isinstance(out, list | tuple) else [out]


def reference(entry: Entry, op: Any, sample: Any, used: list[torch.Tensor]) -> Any:
    """The sample's tensors, PyTorch's results, a weight for each real one, and the gradients of Σ weight · result."""
    tensors, results = called(entry, op, sample, used)
    weights = [torch.randn(r.shape, dtype=r.dtype) if r.is_floating_point() else None for r in results]
    real = [(r, w) for r, w in zip(results, weights, strict=True) if w is not None and r.requires_grad]
    wanted = [k for k, t in enumerate(tensors) if t.requires_grad]
    theirs: dict[int, torch.Tensor] = {}
    if real and wanted:
        found = torch.autograd.grad(
            [r for r, _ in real], [tensors[k] for k in wanted], [w for _, w in real], allow_unused=True, materialize_grads=True
        )
        theirs = dict(zip(wanted, found, strict=True))
    return tensors, results, weights, theirs


def computed(formula: str, arrays: Arrays, tensors: Any, results: Any, weights: Any) -> tuple[list[Any], dict[int, Any]]:
    """The values of the formula, and the gradients of Σ weight · value by each real array."""
    spec, reporter = open_text(f"graphrun: 1\n{arrays.inputs()}nodes:\n  y: {quoted(formula)}\n", ".", {}, "sample")
    built, _ = build_both(spec, reporter)
    names = ["y"] if built.find("y") is not None else [f"y.{k}" for k in range(len(results))]
    nodes = [built.find(name) for name in names]
    inputs = [built.find(f"x{k}") for k in range(len(tensors))]
    feeds = {i: t.detach().numpy() for i, t in zip(inputs, tensors, strict=True) if i is not None}
    b = Builder(built.graph)
    total = None
    for node, w in zip(nodes, weights, strict=True):
        if w is not None and b.dtype(node) == "float64":
            weight = b.input(f"w{node}", b.shape(node), "float64")
            feeds[weight] = w.numpy()
            term = SUM(b, MUL(b, node, weight))
            total = term if total is None else ADD(b, total, term)
    wanted = {k: i for k, (i, t) in enumerate(zip(inputs, tensors, strict=True)) if t.requires_grad}
    if total is None or not wanted:
        values = evaluate(b.graph, feeds, nodes)
        return [values[n] for n in nodes], {}
    graph, gradients = backward(b.graph, total, list(wanted.values()))
    values = evaluate(graph, feeds, [*nodes, *(gradients[i] for i in wanted.values())])
    return [values[n] for n in nodes], {k: values[gradients[i]] for k, i in wanted.items()}


def quoted(formula: str) -> str:
    """A formula as a YAML string."""
    return '"' + formula.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- all samples ----------------------------------------------------------------------------------------------------------


def samples(op: Any, *, more: bool = False) -> Iterator[Any]:
    """The sample inputs of an operation, the same in every run, in float64 where it has that; with `more` those of an
    elementwise operation are its reference inputs, which are the samples and many more: large, small and infinite numbers, scalars, all
    ways to broadcast."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    supported = op.supported_dtypes("cpu")
    dtype = next(d for d in (torch.float64, torch.int64, torch.bool) if d in supported)
    wide = more and isinstance(op, UnaryUfuncInfo | BinaryUfuncInfo) and op.name not in UNMADE
    make = op.reference_inputs if wide else op.sample_inputs
    yield from make("cpu", dtype, requires_grad=op.supports_autograd and dtype == torch.float64)


UNMADE = ("__rsub__",)  # its reference inputs are not ones that PyTorch can compute


def run(name: str, entry: Entry, op: Any, most: int | None = None) -> Tally:
    """Compares all samples of an operation, or the first `most` of its sample inputs that the language has."""
    tally = Tally(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's own: deprecations, copies
        for sample in samples(op, more=most is None):
            compare(entry, op, sample, tally)
            if tally.compared == most:
                break
    return tally
