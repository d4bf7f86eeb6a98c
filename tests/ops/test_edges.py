"""Unusual input through specs, beside PyTorch: value, shape, dtype and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphrun as gr

torch = pytest.importorskip("torch")
F = torch.nn.functional
inf, nan = float("inf"), float("nan")

X = np.random.default_rng(0).normal(size=(4, 3))
WHOLE = np.array([-7, -3, 0, 2, 5])
TRUTH = np.array([True, False, True, True, False])
FAR = np.array([-inf, -1000.0, -745.5, -6.0, -3.0, -1.0, -1e-300, -0.0, 0.0, 1e-17, 1.0, 3.0, 6.0, 19.99, 20.0, 20.01, 709.9, 1000.0, inf])
GRID = np.array([-inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, inf])
PAIRS = tuple(v.ravel() for v in np.meshgrid(GRID, GRID, indexing="ij"))


def spec_of(formula: str, feeds: dict[str, Any], dtype: str, r: Any = None) -> str:
    given = {**feeds, **({} if r is None else {"r": r})}
    lines = ["graphrun: 1", f"dtype: {dtype}", "inputs:" if given else "inputs: {}"]
    lines += [f"  {name}: {{shape: {list(v.shape)}, dtype: {v.dtype.name}}}" for name, v in given.items()]
    lines += ["nodes:", f'  out: "{formula}"', *(["  J: sum(out * r)", "loss: J"] if r is not None else [])]
    return "\n".join(lines) + "\n"


def beside(formula: str, feeds: dict[str, Any], theirs: Callable[..., Any], dtype: str = "float64", rtol: float = 1e-9) -> None:
    """Holds a formula over `feeds` against a function of torch's over the same tensors."""
    feeds = {name: np.asarray(v, dtype if np.asarray(v).dtype.kind == "f" else None) for name, v in feeds.items()}
    tensors = [torch.tensor(v, requires_grad=v.dtype.kind == "f") for v in feeds.values()]
    wanted = theirs(*tensors)
    found = gr.loads(spec_of(formula, feeds, dtype)).run(feeds=feeds)["out"]
    expected = wanted.detach().numpy()
    assert (np.shape(found), found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-12)
    if not wanted.requires_grad:
        return
    r = np.random.default_rng(1).uniform(0.5, 1.5, expected.shape).astype(expected.dtype)
    g = gr.loads(spec_of(formula, feeds, dtype, r)).grad(feeds={**feeds, "r": r})
    real = [(name, t) for name, t in zip(feeds, tensors, strict=True) if t.requires_grad]
    slopes = torch.autograd.grad((wanted * torch.tensor(r)).sum(), [t for _, t in real], allow_unused=True)
    for (name, t), slope in zip(real, slopes, strict=True):
        exact = torch.zeros_like(t) if slope is None else slope
        np.testing.assert_allclose(g[name], exact.numpy(), rtol=rtol, atol=1e-12, err_msg=name)


UNARY = {
    "abs": torch.abs, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round, "relu": torch.relu,
    "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "log": torch.log,
    "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "reciprocal": torch.reciprocal, "square": torch.square,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh, "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh,
    "sigmoid": torch.sigmoid, "log_sigmoid": F.logsigmoid, "softplus": F.softplus, "silu": F.silu, "mish": F.mish, "relu6": F.relu6,
    "hard_tanh": F.hardtanh, "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish, "leaky_relu": F.leaky_relu, "elu": F.elu,
    "selu": F.selu, "celu": F.celu, "erf": torch.erf, "erfinv": torch.erfinv, "gelu": F.gelu,
}  # fmt: skip
KEEPS = {"abs", "sign", "floor", "ceil", "round", "relu", "square"}  # whole numbers stay whole


@pytest.mark.parametrize("name", UNARY)
def test_far_out_and_at_kinks(name: str) -> None:
    rtol = 1e-6 if name == "hard_sigmoid" else 1e-9  # PyTorch keeps the slope of 1/6 in single precision
    beside(f"{name}(x)", {"x": FAR}, UNARY[name], rtol=rtol)
    beside(f"{name}(x)", {"x": np.zeros((0, 2))}, UNARY[name])
    beside(f"{name}(x)", {"x": np.array(0.7)}, UNARY[name], rtol=rtol)
    beside(f"{name}(x)", {"x": [-0.9, 0.0, 0.8]}, UNARY[name], "float32", 1e-5)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("given", [WHOLE, TRUTH], ids=["int64", "bool"])
def test_whole_numbers_and_truth(name: str, given: Any) -> None:
    beside(f"{name}(x)", {"x": given}, lambda x: UNARY[name](x.long() if name in KEEPS else x.double()), rtol=1e-6)


BINARY = {
    "a + b": torch.add, "a - b": torch.sub, "a * b": torch.mul, "a / b": torch.div, "a ^ b": torch.pow, "maximum(a, b)": torch.maximum,
    "minimum(a, b)": torch.minimum, "logaddexp(a, b)": torch.logaddexp, "atan2(a, b)": torch.atan2,
    "where(a > b, a, b)": lambda a, b: torch.where(a > b, a, b), "a < b": torch.lt, "a >= b": torch.ge, "a == b": torch.eq,
    "a != b": torch.ne,
    "logical_and(a, b)": torch.logical_and, "logical_or(a, b)": torch.logical_or,
}  # fmt: skip
SHAPES: list[tuple[Any, Any]] = [((), ()), ((3,), ()), ((2, 1), (1, 3)), ((0, 3), (1,)), ((1,), (0,)), ((2, 1, 3), (4, 1)), ((3, 1), (0,))]
REAL = {"a / b", "logaddexp(a, b)", "atan2(a, b)"}


@pytest.mark.parametrize("formula", BINARY)
def test_two_operands(formula: str) -> None:
    beside(formula, dict(zip("ab", PAIRS, strict=True)), BINARY[formula])
    rng = np.random.default_rng(0)
    for p, q in SHAPES:
        beside(formula, {"a": rng.uniform(0.3, 2, p), "b": rng.uniform(0.3, 2, q)}, BINARY[formula])


@pytest.mark.parametrize("formula", BINARY)
def test_two_operands_of_several_dtypes(formula: str) -> None:
    def fit(x: Any) -> Any:
        lifted = x.long() if x.dtype == torch.bool and not formula.startswith(("where", "logical")) else x
        return lifted if lifted.is_floating_point() or formula not in REAL else lifted.double()

    for a in (WHOLE, TRUTH, np.array([0.5, 1.5, 2.0, 3.0, 0.25])):
        for b in (np.array([2, 2, 3, 1, 3]), TRUTH):
            beside(formula, {"a": a, "b": b}, lambda p, q: BINARY[formula](fit(p), fit(q)))


COUNTS, FLAGS, REALS = {"a": WHOLE}, {"a": TRUTH}, {"a": np.array([-2.0, 0, 0.5, 1, 2, 3])}
LIMITS = {"low": np.array([1.0, 0, 0.5, 1, 3, 3]), "high": np.array([0.0, 0, 1, 1, 2, 4])}
CHOICE = {"c": np.array([True, False]), "a": [1.0, 2.0]}
NUMBERS: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {
    "a ^ 2": (COUNTS, lambda a: a**2),
    "a ^ -1": (COUNTS, lambda a: a.double() ** -1),
    "power(a, -2)": (COUNTS, lambda a: a.double() ** -2),
    "a ^ 0.5": ({"a": abs(WHOLE)}, lambda a: a.double() ** 0.5),
    "2 ^ a": ({"a": abs(WHOLE)}, lambda a: 2**a),
    "a ^ 0": (REALS, lambda a: a**0),
    "a / 2": (COUNTS, lambda a: a.double() / 2),
    "a + 2.0": (COUNTS, lambda a: a.double() + 2),
    "-a": (FLAGS, lambda a: -a.long()),
    "a * 1.5": (FLAGS, lambda a: a.double() * 1.5),
    "maximum(a, 1)": (COUNTS, lambda a: a.clamp(min=1)),
    "mod(a, -3)": (COUNTS, lambda a: a % -3),
    "mod(a, 2.5)": (COUNTS, lambda a: a.double() % 2.5),
    "mod(a, -0.75)": (REALS, lambda a: a % -0.75),
    "mod(7, a)": ({"a": np.array([2, -2, 3])}, lambda a: torch.remainder(7, a)),
    "clip(a, 0, 3)": (COUNTS, lambda a: a.clamp(0, 3)),
    "clip(a, min=-2)": (COUNTS, lambda a: a.clamp(min=-2)),
    "clip(a, 0, 2.5)": (COUNTS, lambda a: a.double().clamp(0, 2.5)),
    "clip(a, 0.0, 3)": (COUNTS, lambda a: a.double().clamp(0, 3)),
    "clip(a, 1, 0)": (REALS, lambda a: a.clamp(1, 0)),
    "clip(a, none, 1)": (REALS, lambda a: a.clamp(max=1)),
    "clip(a, max=1, min=-1)": (REALS, lambda a: a.clamp(-1, 1)),
    "clip(a, low, high)": ({**REALS, **LIMITS}, lambda a, low, high: a.clamp(low, high)),
    "clip(a, low)": ({**REALS, "low": LIMITS["low"]}, lambda a, low: a.clamp(low)),
    "clip(a, max=high)": ({**REALS, "high": LIMITS["high"]}, lambda a, high: a.clamp(max=high)),
    "where(c, a, log(z))": ({**CHOICE, "z": [-1.0, 2.0]}, lambda c, a, z: torch.where(c, a, z.log())),
    "where(c, a, z)": ({**CHOICE, "z": [nan, 2.0]}, torch.where),
    "where(c, 1, a)": ({"c": CHOICE["c"], "a": np.array([4, 5])}, lambda c, a: torch.where(c, 1, a)),
    "where(c, 0.5, a)": ({"c": CHOICE["c"], "a": np.array([4, 5])}, lambda c, a: torch.where(c, 0.5, a.double()).double()),
    "split(a, 2)[0]": ({"a": np.zeros((0, 3))}, lambda a: a.split(2)[0]),
    "split(a, 4)[-1]": (REALS, lambda a: a.split(4)[-1]),
    "sum(a)": (FLAGS, lambda a: a.sum()),
    "prod(a)": (FLAGS, lambda a: a.prod()),
    "cumsum(a, 0)": (FLAGS, lambda a: a.cumsum(0)),
    "max(a)": (FLAGS, lambda a: a.amax()),
    "mean(a)": (COUNTS, lambda a: a.double().mean()),
    "var(a, correction=0.5)": (COUNTS, lambda a: a.double().var(correction=0.5)),
    "argmax(a)": (FLAGS, lambda a: a.long().argmax()),
    "pad(a, [1, 1])": (COUNTS, lambda a: F.pad(a, [1, 1])),
    "concat([a, b])": ({"a": WHOLE, "b": TRUTH}, lambda a, b: torch.cat([a, b])),
    "stack([a, b])": ({"a": WHOLE, "b": np.full(5, 0.5)}, lambda a, b: torch.stack([a.double(), b])),
    "a @ b": ({"a": WHOLE, "b": np.full(5, 0.5)}, lambda a, b: a.double() @ b),
    "einsum('i,i->', a, a)": (FLAGS, lambda a: a.long() @ a.long()),
}


@pytest.mark.parametrize("formula", NUMBERS)
def test_numbers_of_a_formula(formula: str) -> None:
    beside(formula, *NUMBERS[formula])


ROWS = [[-inf, -inf], [-inf, 0.0], [inf, 0.0], [1000.0, 999.0], [0.0, 0.0], [2.0, -1.0]]
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "logsumexp(x, 1)": lambda x: x.logsumexp(1),
    "softmax(x)": lambda x: x.softmax(-1),
    "log_softmax(x)": lambda x: x.log_softmax(-1),
    "softmax(x, axis=0)": lambda x: x.softmax(0),
    "max(x, 1)": lambda x: x.amax(1),
    "min(x, [0, 1], true)": lambda x: x.amin((0, 1), keepdim=True),
    "norm(x[3:], axis=-1)": lambda x: torch.linalg.vector_norm(x[3:], dim=-1),
    "norm(x[3:], 0.5, -1)": lambda x: torch.linalg.vector_norm(x[3:], dim=-1, ord=0.5),
    "norm(x[3:], 3, axis=-1)": lambda x: torch.linalg.vector_norm(x[3:], dim=-1, ord=3),
    "norm(x[4:], inf)": lambda x: torch.linalg.vector_norm(x[4:], ord=inf),
    "prod(x[3:], 1)": lambda x: x[3:].prod(1),
    "cumprod(x[3:], 0)": lambda x: x[3:].cumprod(0),
    "std(x[3:], 1)": lambda x: x[3:].std(1),
    "var(x[3:], 1, true)": lambda x: x[3:].var(1, keepdim=True),
    "argmax(x, 1)": lambda x: x.argmax(1),
    "argmin(x)": lambda x: x.argmin(),
    "sort(x, 0, true)[0]": lambda x: x.sort(dim=0, descending=True, stable=True)[0],
    "sort(x, 0)[1]": lambda x: x.sort(dim=0, stable=True)[1],
    "topk(x, 2, 0, false)[0]": lambda x: x.sort(dim=0, stable=True)[0][:2],
    "max_pool1d(x, 2)": lambda x: F.max_pool1d(x, 2),
}


@pytest.mark.parametrize("formula", REDUCTIONS)
def test_infinities_zeros_and_ties(formula: str) -> None:
    beside(formula, {"x": ROWS}, REDUCTIONS[formula])


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "norm", "logsumexp"])
@pytest.mark.parametrize("axis", [None, 1, -1, [0, -1], [2, 0, 1]])
@pytest.mark.parametrize("keep", [False, True])
def test_axes(name: str, axis: Any, keep: bool) -> None:
    axes = tuple(range(3)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)

    def theirs(x: Any) -> Any:
        if name == "prod":
            for k in sorted((a % 3 for a in axes), reverse=True):
                x = x.prod(k, keepdim=keep)
            return x
        function = {"max": torch.amax, "min": torch.amin, "norm": lambda x, **more: torch.linalg.vector_norm(x, **more)}
        return function.get(name, getattr(torch, name, None))(x, dim=axes, keepdim=keep)

    text = "none" if axis is None else str(axis)
    beside(f"{name}(x, axis={text}, keepdims={str(keep).lower()})", {"x": np.random.default_rng(2).normal(size=(2, 3, 2))}, theirs)


INDICES = [np.array(i, dtype="int64") for i in ([0, 0, 3], [-1, -4, 2], [[0, 1], [3, 3]], [], 2, -1)]


@pytest.mark.parametrize("index", INDICES, ids=lambda i: str(i.tolist()))
def test_indices_that_are_values(index: Any) -> None:
    beside("x[i]", {"x": X, "i": index}, lambda x, i: x[i])
    beside("gather(x, i, axis=-1)", {"x": X.T, "i": index}, lambda x, i: x[:, i])
    if index.ndim == 1:
        beside("take_along(x, expand_dims(i, 1), 0)", {"x": X, "i": index}, lambda x, i: x[i])
        source = np.arange(1.0, 1 + len(index))
        beside("scatter_add(x, i, s)", {"x": X[:, 0], "i": index, "s": source}, lambda x, i, s: x.scatter_add(0, i % 4, s))


SLICES = {
    "::-1": np.s_[::-1], "1:-1": np.s_[1:-1], "5:": np.s_[5:], "::-2": np.s_[::-2], "3:0:-1": np.s_[3:0:-1], "2:2": np.s_[2:2],
    "-1": np.s_[-1], "1:100": np.s_[1:100], "none": np.s_[None], "0, ::-1": np.s_[0, ::-1], "..., 0": np.s_[..., 0],
    ":, none, 1": np.s_[:, None, 1], "::3, 1:": np.s_[::3, 1:], "-100:2": np.s_[-100:2],
}  # fmt: skip


@pytest.mark.parametrize("item", SLICES)
def test_slices(item: str) -> None:
    places = np.ascontiguousarray(np.arange(X.size).reshape(X.shape)[SLICES[item]])
    beside(f"x[{item}]", {"x": X}, lambda x: x.reshape(-1)[torch.tensor(places)])


EQUATIONS: dict[str, list[tuple[int, ...]]] = {
    "ii": [(3, 3)], "ii->i": [(3, 3)], "ij": [(2, 3)], "ba": [(2, 3)], "...ij,...jk->...ik": [(2, 1, 3, 4), (5, 4, 2)],
    "...,...": [(2, 3), (3,)], "iij->j": [(2, 2, 3)], "ab,cd->dacb": [(2, 1), (1, 3)], " i , i -> i": [(3,), (3,)], ",i->i": [(), (3,)],
    "ij,j->ij": [(2, 3), (1,)], "ij,jk->ik": [(2, 0), (0, 4)], "i...,i...->...": [(2, 3), (2, 3)], "ij,kj,kl->il": [(2, 3), (4, 3), (4, 2)],
}  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str) -> None:
    operands = {f"x{k}": np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(EQUATIONS[equation])}
    beside(f"einsum('{equation}', {', '.join(operands)})", operands, lambda *xs: torch.einsum(equation, *xs))


@pytest.mark.parametrize(
    ("kernel", "options"),
    [(3, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}), (4, {"padding": "valid"}), (3, {"padding": "same"}), (1, {"stride": 3})],
)
@pytest.mark.parametrize("n", [1, 2])
def test_convolutions(n: int, kernel: int, options: dict[str, Any]) -> None:
    text = "".join(f", {k}={v!r}" for k, v in options.items())
    rng = np.random.default_rng(3)
    feeds = {"x": rng.normal(size=(2, 4, *(7, 6)[:n])), "w": rng.normal(size=(6, 4 // options.get("groups", 1), *(kernel,) * n))}
    function = getattr(F, f"conv{n}d")
    beside(f"conv{n}d(x, w, b{text})", {**feeds, "b": np.arange(6.0)}, lambda x, w, b: function(x, w, b, **options))


def test_padding_same_of_an_even_kernel_puts_the_odd_element_behind() -> None:
    x, w = np.random.default_rng(3).normal(size=(2, 4, 7)), np.random.default_rng(4).normal(size=(6, 4, 4))
    beside("conv1d(x, w, padding='same')", {"x": x, "w": w}, lambda x, w: F.conv1d(F.pad(x, (1, 2)), w))
    beside("conv1d(x, w, padding='same', dilation=3)", {"x": x, "w": w}, lambda x, w: F.conv1d(F.pad(x, (4, 5)), w, dilation=3))
