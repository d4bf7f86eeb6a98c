"""The steps of random specs: each takes a value and gives one made from it, in the language and in torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from graph_draft import LARGE, Draft, Shape, Value, count, meet, numbers, squeezed
from hypothesis import strategies as st

Step = Callable[[Draft, Value], Value]
F = torch.nn.functional

# name in the language, in torch, the bound of the result from that of the operand
SMOOTH: list[tuple[str, Any, Callable[[float], float]]] = [
    ("tanh({})", torch.tanh, lambda b: 1.0),
    ("sigmoid({})", torch.sigmoid, lambda b: 1.0),
    ("sin({})", torch.sin, lambda b: 1.0),
    ("cos({})", torch.cos, lambda b: 1.0),
    ("atan({})", torch.atan, lambda b: 1.6),
    ("erf({})", torch.erf, lambda b: 1.0),
    ("softplus({})", F.softplus, lambda b: b + 1),
    ("gelu({})", F.gelu, lambda b: b),
    ("silu({})", F.silu, lambda b: b),
    ("log_sigmoid({})", F.logsigmoid, lambda b: b + 1),
    ("asinh({})", torch.asinh, lambda b: b),
    ("log(1 + square({}))", lambda x: torch.log(1 + x * x), lambda b: 2 * b),
    ("sqrt(1 + {}^2)", lambda x: torch.sqrt(1 + x**2), lambda b: b + 1),
    ("rsqrt(0.5 + {}^2)", lambda x: torch.rsqrt(0.5 + x**2), lambda b: 1.5),
    ("1 / (2 + cos({}))", lambda x: 1 / (2 + torch.cos(x)), lambda b: 1.0),
    ("2^sin({})", lambda x: 2 ** torch.sin(x), lambda b: 2.0),
    ("expm1(tanh({}))", lambda x: torch.expm1(torch.tanh(x)), lambda b: 2.0),
    ("exp(-abs({}))", lambda x: torch.exp(-torch.abs(x)), lambda b: 1.0),
]
# free of rounding; with a kink where the operand is one of these numbers
KINKED: list[tuple[str, Any, tuple[float, ...]]] = [
    ("-{}", lambda x: -x, ()),
    ("0.5 * {}", lambda x: 0.5 * x, ()),
    ("{} - 1", lambda x: x - 1, ()),
    ("relu({})", torch.relu, (0,)),
    ("abs({})", torch.abs, (0,)),
    ("leaky_relu({}, 0.25)", lambda x: F.leaky_relu(x, 0.25), (0,)),
    ("clip({}, -0.5, 1)", lambda x: torch.clamp(x, -0.5, 1.0), (-0.5, 1)),
    ("relu6(4 * {})", lambda x: F.relu6(4 * x), (0, 1.5)),
    ("where({} > 0, 1, -0.5)", lambda x: torch.where(x > 0, 1.0, -0.5).to(x) + 0 * x, (0,)),
]


def smooth(d: Draft, v: Value) -> Value:
    text, call, bound = d.pick(SMOOTH)
    return Value(text.format(v.within), lambda env: call(v.ask(env)), v.shape, bound(v.bound)) if text != "exp(-abs({}))" else kinked(d, v)


def kinked(d: Draft, v: Value) -> Value:
    text, call, kinks = d.pick(KINKED)

    def ask(env: Any) -> torch.Tensor:
        x = v.ask(env)
        for at in kinks:
            env.kink(x - at, v.exact)
        return call(x)

    return Value(text.format(v.within), ask, v.shape, 4 * v.bound + 1, exact=v.exact)


def power(d: Draft, v: Value) -> Value:
    n = d.pick([2, 3])
    v = Value(f"sin({v.text})", lambda env, w=v: torch.sin(w.ask(env)), v.shape, 1.0) if v.bound > 4 else v
    return Value(f"{v.within}^{n}", lambda env: v.ask(env) ** n, v.shape, v.bound**n)


# -- two operands ---------------------------------------------------------------------------------------------------------


def partner(d: Draft, v: Value) -> tuple[Value, Shape]:
    """Another operand, that broadcasts with v, and the shape of both."""
    shrunk: Shape = tuple(1 if d.chance() and x != "batch" else x for x in v.shape)
    wanted = shrunk[d.draw(st_below(len(shrunk) + 1)) :] if shrunk else ()
    other = d.fits(lambda u: (m := meet(u.shape, v.shape)) is not None and count(m) <= 200, wanted)
    if d.chance(3):
        other = squeezed(smooth(d, other))
    shape = meet(v.shape, other.shape)
    assert shape is not None
    return other, shape


def st_below(n: int) -> Any:
    return st.integers(0, n - 1)


BINARY: list[tuple[str, Any, Callable[[float, float], float], bool]] = [
    ("{} + {}", lambda a, b: a + b, lambda a, b: a + b, True),
    ("{} - {}", lambda a, b: a - b, lambda a, b: a + b, True),
    ("{} * {}", lambda a, b: a * b, lambda a, b: a * b, True),
    ("{} / (2 + tanh({}))", lambda a, b: a / (2 + torch.tanh(b)), lambda a, b: a, False),
    ("(2 + sin({}))^{}", lambda a, b: (2 + torch.sin(a)) ** torch.tanh(b), lambda a, b: 3.0, False),
    ("logaddexp({}, {})", torch.logaddexp, lambda a, b: max(a, b) + 1, False),
    ("atan2({}, 3 + sin({}))", lambda a, b: torch.atan2(a, 3 + torch.sin(b)), lambda a, b: 2.0, False),
]


def binary(d: Draft, v: Value) -> Value:
    text, call, bound, exact = d.pick(BINARY)
    other, shape = partner(d, v)
    a, b = (other, v) if d.chance() else (v, other)
    right = f"tanh({b.text})" if text.startswith("(2 + sin") else b.within
    return Value(
        text.format(a.within, right),
        lambda env: call(a.ask(env), b.ask(env)),
        shape,
        bound(a.bound, b.bound),
        exact and a.exact and b.exact,
    )


def chosen(d: Draft, v: Value) -> Value:
    """`maximum`, `minimum` or `where`."""
    other, shape = partner(d, v)
    name = d.pick(["maximum", "minimum", "where"])
    exact = v.exact and other.exact

    def ask(env: Any) -> torch.Tensor:
        a, b = v.ask(env), other.ask(env)
        env.kink(a - b, exact)
        if name == "where":
            return torch.where(a <= b, a * 2, b)
        return (torch.maximum if name == "maximum" else torch.minimum)(*torch.broadcast_tensors(a, b))

    a, b = v.within, other.within
    text = f"where({a} <= {b}, {a} * 2, {b})" if name == "where" else f"{name}({a}, {b})"
    return Value(text, ask, shape, 2 * max(v.bound, other.bound), exact)


def matrix(d: Draft, v: Value) -> Value:
    """A product with a matrix, a vector, or a stack of matrices."""
    if not v.shape or v.shape[-1] == "batch":
        return smooth(d, v)
    k = v.shape[-1]
    wanted: Shape = (k, d.pick([1, 2, 3])) if d.chance(3) else (k, k) if d.chance() else (k,)
    other = d.fits(lambda u: len(u.shape) in (1, 2) and u.shape[len(u.shape) - 1 if len(u.shape) == 1 else -2] == k, wanted)
    shape = (*v.shape[:-1], *other.shape[1:])
    return Value(f"{v.within} @ {other.within}", lambda env: v.ask(env) @ other.ask(env), shape, v.bound * other.bound * int(k))


def gram(d: Draft, v: Value) -> Value:
    """x @ x.T, or the other way round: one value used twice."""
    if len(v.shape) < 2:
        return binary(d, v)
    x, y = v.shape[-2:]
    first = d.chance()
    shape = (*v.shape[:-2], x, x) if first else (*v.shape[:-2], y, y)
    size = numbers((y if first else x,))[0]

    def ask(env: Any) -> torch.Tensor:
        a = v.ask(env)
        return a @ a.mT if first else a.mT @ a

    return Value(f"{v.within} @ {v.within}.T" if first else f"{v.within}.T @ {v.within}", ask, shape, v.bound**2 * size)


# -- one axis or several --------------------------------------------------------------------------------------------------


def reduced(d: Draft, v: Value) -> Value:
    if not v.shape:
        return kinked(d, v)
    rank = len(v.shape)
    axes = d.pick([list(a) for n in range(1, rank + 1) for a in itertools.combinations(range(rank), n)])
    keep = d.chance()
    size = count(tuple(v.shape[a] for a in axes))
    shape = tuple(1 if k in axes else n for k, n in enumerate(v.shape) if keep or k not in axes)
    name, call, bound = d.pick([
        ("sum", torch.sum, v.bound * size),
        ("mean", torch.mean, v.bound),
        ("max", torch.amax, v.bound),
        ("min", torch.amin, v.bound),
        ("logsumexp", torch.logsumexp, v.bound + 6),
        ("var", lambda x, dim, keepdim: torch.var(x, dim, correction=0, keepdim=keepdim), v.bound**2),
        ("norm", lambda x, dim, keepdim: torch.linalg.vector_norm(x, 2, dim, keepdim), v.bound * size),
    ])  # fmt: skip
    back = [a - rank for a in axes] if d.chance() else list(axes)
    written = str(back[0]) if len(back) == 1 and d.chance() else str(back)
    more = ", correction=0" if name == "var" else ""

    def ask(env: Any) -> torch.Tensor:
        x = v.ask(env)
        if name in ("max", "min"):
            env.kink(gaps(x, axes), v.exact)
        out = call(x, dim=axes, keepdim=keep)
        if name == "norm":
            env.kink(out, exact=False)
        return out

    return Value(
        f"{name}({v.text}, axis={written}, keepdims={str(keep).lower()}{more})", ask, shape, bound, v.exact and name in ("max", "min")
    )


def gaps(x: torch.Tensor, axes: list[int]) -> torch.Tensor:
    """The differences between neighbours in size, over these axes."""
    rest = [k for k in range(x.ndim) if k not in axes]
    flat = x.detach().permute(*rest, *axes).reshape(*(x.shape[k] for k in rest), -1)
    return flat.sort(-1).values.diff(dim=-1)


def along(d: Draft, v: Value) -> Value:
    """What keeps the shape and goes along one axis."""
    if not v.shape:
        return smooth(d, v)
    axis = d.pick(list(range(-len(v.shape), len(v.shape))))
    name, call = d.pick(
        [("softmax", torch.softmax), ("log_softmax", torch.log_softmax), ("cumsum", torch.cumsum), ("flip", None), ("roll", None)]
    )
    if name == "flip":
        return Value(f"flip({v.text}, axis={axis})", lambda env: v.ask(env).flip(axis), v.shape, v.bound, v.exact)
    if name == "roll":
        return Value(f"roll({v.text}, 1, axis={axis})", lambda env: v.ask(env).roll(1, axis), v.shape, v.bound, v.exact)
    bound = {"softmax": 1.0, "log_softmax": 2 * v.bound + 5}.get(name, v.bound * 5)
    return Value(f"{name}({v.text}, axis={axis})", lambda env: call(v.ask(env), axis), v.shape, bound)


# -- places ---------------------------------------------------------------------------------------------------------------


def indexed(d: Draft, v: Value) -> Value:
    """Basic indexing, or rows gathered by a list."""
    axes = [k for k, n in enumerate(v.shape) if n != "batch"]
    if not axes:
        return Value(f"expand_dims({v.text}, 0)", lambda env: v.ask(env).unsqueeze(0), (1, *v.shape), v.bound, v.exact)
    axis = d.pick(axes)
    n = int(v.shape[axis])
    kind, before, after = d.pick(["one", "some", "every", "take"]), v.shape[:axis], v.shape[axis + 1 :]
    start = d.draw(st_below(n))
    if kind == "one":
        at = start - n if d.chance() else start
        text, pick, shape = str(at), at, (*before, *after)
    elif kind == "some":
        text, pick, shape = f"{start}:", slice(start, None), (*before, n - start, *after)
    elif kind == "every":
        text, pick, shape = "::2", slice(None, None, 2), (*before, (n + 1) // 2, *after)
    else:
        at = [start, 0, start]
        shape = (*before, 3, *after)
        return Value(
            f"gather({v.text}, {at}, axis={axis})", lambda env: v.ask(env).index_select(axis, torch.tensor(at)), shape, v.bound, v.exact
        )
    place = (slice(None),) * axis + (pick,)
    return Value(f"{v.within}[{', '.join([':'] * axis + [text])}]", lambda env: v.ask(env)[place], shape, v.bound, v.exact)


def moved(d: Draft, v: Value) -> Value:
    """Other places for the same elements."""
    rank = len(v.shape)
    kind = d.pick(["transpose", "swap", "flat", "wide", "new", "stop"])
    if kind == "stop":
        return Value(f"stop_gradient({v.text})", lambda env: v.ask(env).detach(), v.shape, v.bound, v.exact)
    if kind == "new":
        at = d.draw(st_below(rank + 1))
        return Value(
            f"expand_dims({v.text}, {at})", lambda env: v.ask(env).unsqueeze(at), (*v.shape[:at], 1, *v.shape[at:]), v.bound, v.exact
        )
    if kind == "swap" and rank >= 2:
        return Value(f"{v.within}.T", lambda env: v.ask(env).mT, (*v.shape[:-2], v.shape[-1], v.shape[-2]), v.bound, v.exact)
    if kind == "flat" and rank and "batch" not in v.shape:
        return Value(f"reshape({v.text}, [{count(v.shape)}])", lambda env: v.ask(env).reshape(-1), (count(v.shape),), v.bound, v.exact)
    if kind == "wide":
        shape = (2, *v.shape)
        return Value(
            f"broadcast_to({v.text}, [{', '.join(map(str, shape))}])",
            lambda env: v.ask(env).expand(numbers(shape)),
            shape,
            v.bound,
            v.exact,
        )
    order = d.pick([list(p) for p in itertools.permutations(range(rank))])
    return Value(f"transpose({v.text}, {order})", lambda env: v.ask(env).permute(order), tuple(v.shape[k] for k in order), v.bound, v.exact)


def joined(d: Draft, v: Value) -> Value:
    """`concat` or `stack` of values of one shape; a value may stand there twice."""
    parts = [v, *(d.fits(lambda u: u.shape == v.shape, v.shape) for _ in range(d.draw(st_below(2)) + 1))]
    axes = [k for k, n in enumerate(v.shape) if n != "batch"]
    texts, bound = ", ".join(p.text for p in parts), max(p.bound for p in parts)
    exact = all(p.exact for p in parts)
    if axes and d.chance():
        axis = d.pick(axes)
        shape = (*v.shape[:axis], int(v.shape[axis]) * len(parts), *v.shape[axis + 1 :])
        return Value(f"concat([{texts}], axis={axis})", lambda env: torch.cat([p.ask(env) for p in parts], axis), shape, bound, exact)
    axis = d.draw(st_below(len(v.shape) + 1))
    shape = (*v.shape[:axis], len(parts), *v.shape[axis:])
    return Value(f"stack([{texts}], axis={axis})", lambda env: torch.stack([p.ask(env) for p in parts], axis), shape, bound, exact)


# -- recurrences ----------------------------------------------------------------------------------------------------------


def scanned(d: Draft, v: Value) -> Value:
    """A recurrence along an axis of v, with parameters shared by all positions."""
    axes = [k for k, n in enumerate(v.shape) if n != "batch" and int(n) <= 4]
    if not axes:
        return binary(d, v)
    v = squeezed(v)
    axis = d.pick(axes)
    one = (*v.shape[:axis], *v.shape[axis + 1 :])
    start = d.fits(lambda u: u.shape == one, one) if "batch" in one or d.chance() else d.leaf(one)
    square = bool(one) and one[-1] != "batch" and d.chance()
    weight = d.fits(lambda u: u.shape == (one[-1], one[-1]), (one[-1], one[-1])) if square else d.fits(lambda u: u.shape == (), ())
    two = d.chance(3)
    name = f"cell{len(d.functions)}"
    before, after = ("h[0]", "h[1]") if two else ("h", "h")
    mixed = f"{before} @ {weight.text}" if square else f"{before} * {weight.text}"
    form = d.pick(["tanh({m} + x_t)", "sin({m}) * x_t", "0.5 * {h} + tanh({m} * x_t)"])
    inner = form.format(m=mixed, h=after)
    d.functions[f"{name}(h, x_t)"] = f"[{inner}, tanh({before} - {after})]" if two else inner

    def ask(env: Any) -> torch.Tensor:
        h = c = start.ask(env)
        w, out = weight.ask(env), []
        for x in v.ask(env).unbind(axis):
            m = h @ w if square else h * w
            new = (
                torch.tanh(m + x)
                if form.startswith("tanh")
                else torch.sin(m) * x
                if form.startswith("sin")
                else 0.5 * c + torch.tanh(m * x)
            )
            c = torch.tanh(h - c) if two else new
            h = new
            out.append(h)
        return torch.stack(out, axis)

    carry = f"[{start.text}, {start.text}]" if two else start.text
    axis_text = "" if axis == 0 and d.chance() else f", axis={axis}"
    text = f"scan({v.text}, {name}, {carry}{axis_text})" + ("[0]" if two else "")
    return Value(text, ask, v.shape, LARGE + v.bound + start.bound)


STEPS: list[Step] = [smooth, binary, matrix, reduced, scanned, kinked, joined, indexed, moved, along, chosen, gram, power, binary, reduced]


def loss(d: Draft) -> Value:
    """A scalar from some of the nodes: those drawn last, and others; the rest is used by nothing."""
    made = [v for v in d.pool if v.text.startswith("n")]
    chosen_ones = [v for k, v in enumerate(made) if k == len(made) - 1 or d.chance(3)]
    total: Value | None = None
    for v in map(squeezed, chosen_ones):
        form, call = d.pick(
            [
                ("mean({})", torch.mean),
                ("sum({})", torch.sum),
                ("mean({}^2)", lambda x: (x * x).mean()),
                ("sum(0.5 * {}^2)", lambda x: 0.5 * (x**2).sum()),
            ]
        )
        term = Value(form.format(v.text), lambda env, v=v, call=call: call(v.ask(env)), (), 1.0)
        total = term if total is None else plus(total, term)
    assert total is not None
    return total


def plus(a: Value, b: Value) -> Value:
    """Their sum."""
    return Value(f"{a.text} + {b.text}", lambda env: a.ask(env) + b.ask(env), (), 1.0)
