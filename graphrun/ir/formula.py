"""Formulas as a person writes them: `w · x + b`, `½ · (hat_y - y)²`, `xᵀ · ∂J/∂z`, with no more brackets than needed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, DIMENSION, FED
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import Shape, Sym

__all__ = [
    "ATOM",
    "attribute_text",
    "constant_text",
    "factor",
    "formula_piece",
    "formula_text",
    "index_text",
    "number",
    "operand",
    "product",
    "to_ascii",
]

SUM, PRODUCT, MINUS, POWER, ATOM = 10, 20, 25, 30, 40
LIMIT = 4000
"""A step whose text would be longer than this many characters is written by its name, so that shared steps cannot grow without bound."""

_SUPERSCRIPTS = {k: "⁰¹²³⁴⁵⁶⁷⁸⁹"[k] for k in range(2, 10)}
_ASCII = {
    "|·|": "norm",
    "∂": "d",
    " ⊙ ": " .* ",
    "⊗": "(x)",
    "·": "*",
    "½": "1/2",
    "ᵀ": ".T",
    "→": "->",
    "×": "x",
    "…": "...",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "−": "-",
    **{sign: f"^{k}" for k, sign in _SUPERSCRIPTS.items()},
}
_ROOT = re.compile(r"√([\w.#@]+)")
_NEGATIVE = re.compile(r"-[\d.]+(e[+-]?\d+)?(?![\w.#@^²³⁴⁵⁶⁷⁸⁹])")
_ASCII_PATTERN = re.compile("|".join(re.escape(sign) for sign in _ASCII))


def to_ascii(text: str) -> str:
    """`text` with `d`, `*`, `1/2`, `^2` and `.T` for the signs that some terminals lack; elementwise products of arrays become `.*`."""
    text = _ROOT.sub(r"sqrt(\1)", text).replace("√", "sqrt")
    return _ASCII_PATTERN.sub(lambda m: _ASCII[m.group()], text)


def number(x: float, digits: int = 6) -> str:
    """`x` with as many digits as carry meaning: whole numbers in full, others to six significant digits (or `digits`)."""
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, int):
        return str(x)
    x = float(x)
    if math.isfinite(x) and x == math.floor(x) and abs(x) < 1e15:
        return str(int(x))
    return f"{x:.{digits}g}"


def attribute_text(value: Any) -> str:
    """An attribute as the language writes it: `[0, 1]`, `'same'`, `none`, `1e-05`."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "[" + ", ".join(attribute_text(v) for v in value) + "]"
    if isinstance(value, (bool, int, float)):
        return number(value)
    if isinstance(value, Sym):
        return str(value)
    return f"'{value}'"


def constant_text(value: Any, shape: Shape) -> str:
    """A constant: its number, or an array as nested lists (of over 12 elements as its shape)."""
    if shape == ():
        return number(value)
    texts = [number(v) for v in value]
    if len(texts) > 12:
        return "const[" + "×".join(str(d) for d in shape) + "]"
    for d in reversed(shape[1:]):
        assert isinstance(d, int)
        texts = ["[" + ", ".join(texts[k : k + d]) + "]" for k in range(0, len(texts), max(d, 1))]
    return "[" + ", ".join(texts) + "]"


def operand(text: str) -> str:
    """A number or a name as it stands after an operator: in brackets where it begins with a minus."""
    return f"({text})" if text.startswith("-") else text


def factor(text: str, binding: int) -> str:
    """A formula as it stands right of a product sign."""
    return f"({text})" if binding < PRODUCT else shielded(text) if text.startswith("-") else text


def shielded(text: str) -> str:
    """A formula that begins with a minus as it stands after an operator: `(-3) · x`, `(-x)`; only a number is put in brackets by itself."""
    number_first = _NEGATIVE.match(text)
    if number_first is None:
        return f"({text})"
    end = number_first.end()
    return f"({text[:end]}){text[end:]}"


def product(left: str, right: str) -> str:
    """The product of two numbers or names: `(-1) · 0.5`; only its right factor is put in brackets where it begins with a minus."""
    return f"{left} · {operand(right)}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """The text of a part, how tightly it binds, and the sign at its top where that matters."""

    text: str
    binding: int
    sign: str = ""


def formula_text(graph: Graph, node: int, leaf: Callable[[int], str], stop: Callable[[int], bool], ascii: bool = False) -> str:
    """The formula of `node` in terms of the nodes that `stop` names (and of inputs and parameters), each written by `leaf`.

    `node` itself is always taken apart; constants without a name are written as numbers.
    """
    text = formula_piece(graph, node, leaf, stop)[0]
    return to_ascii(text) if ascii else text


def formula_piece(graph: Graph, node: int, leaf: Callable[[int], str], stop: Callable[[int], bool]) -> tuple[str, int]:
    """The formula as :func:`formula_text` gives it, and how tightly it binds."""
    pieces: dict[int, _Piece] = {}
    for i in _steps_under(graph, node, stop):
        op = graph.op(i)
        plain = op is DIMENSION or (op is CONST and graph.owner(i) is None)
        if not plain and (op in (*FED, CONST) or (i != node and stop(i))):
            pieces[i] = _atom(leaf(i))
            continue
        piece = _write(graph, i, pieces)
        pieces[i] = _atom(leaf(i)) if len(piece.text) > LIMIT and i != node else piece
    return pieces[node].text, pieces[node].binding


def _steps_under(graph: Graph, node: int, stop: Callable[[int], bool]) -> list[int]:
    """`node` and the nodes that its formula is made of, down to those that `stop` names, in topological order."""
    seen = {node}
    stack = [node]
    while stack:
        i = stack.pop()
        if i != node and stop(i):
            continue
        for j in graph.inputs(i):
            if j not in seen:
                seen.add(j)
                stack.append(j)
    return sorted(seen)


def _atom(text: str) -> _Piece:
    return _Piece(text, MINUS if text.startswith("-") else ATOM)


def _write(graph: Graph, i: int, pieces: Mapping[int, _Piece]) -> _Piece:
    op, attrs, inputs = graph.op(i), graph.attrs(i), graph.inputs(i)
    if op is CONST:
        return _atom(constant_text(attrs["value"], graph.shape(i)))
    if op is DIMENSION:
        return _atom(str(attrs["dim"]))
    special = _SPECIAL.get(op.name)
    if special is not None:
        piece = special(graph, i, [pieces[j] for j in inputs])
        if piece is not None:
            return piece
    parts = [pieces[j] for j in inputs]
    if op.notation is not None:
        return _fill(op.notation.template, op.notation.binding, op.notation.operands, parts, attrs)
    return _call(graph, i, parts)


def _fill(template: str, binding: int, needs: Sequence[int], parts: Sequence[_Piece], attrs: Mapping[str, Any]) -> _Piece:
    out = ""
    for text, name in _fields(template):
        out += text
        if name is None:
            continue
        if not name.isdigit():
            out += attribute_text(attrs[name])
            continue
        k = int(name)
        need = needs[k] if k < len(needs) else binding
        part = parts[k]
        minus = part.text.startswith("-") and bool(out.rstrip()) and _opens_operand(out)
        if part.binding < need and not _inside_call(out):
            out += f"({part.text})"
        else:
            out += shielded(part.text) if minus else part.text
    return _Piece(out, binding)


def _opens_operand(text: str) -> bool:
    """Whether what comes next stands behind an operator, not behind an opening bracket or a comma."""
    return text.rstrip()[-1] not in "([,=<>≤≥≠"


def _inside_call(text: str) -> bool:
    return text.rstrip()[-1:] in ("(", ",")


@lru_cache(maxsize=512)
def _fields(template: str) -> tuple[tuple[str, str | None], ...]:
    parts = re.split(r"\{(\w+)\}", template)
    return tuple((parts[k], parts[k + 1] if k + 1 < len(parts) else None) for k in range(0, len(parts), 2))


def _call(graph: Graph, i: int, parts: Sequence[_Piece]) -> _Piece:
    op = graph.op(i)
    texts = [part.text for part in (parts[: op.arrays.index("step")] if op.draws else parts)]
    given = ["[" + ", ".join(texts) + "]"] if op.variadic else texts
    return _Piece(f"{op.word}({', '.join([*given, *_attributes(graph, i, op)])})", ATOM)


def _attributes(graph: Graph, i: int, op: OpDef) -> Iterable[str]:
    """The attributes that are not at their default; an axis is at its default where it says the same as the default."""
    attrs, inputs = graph.attrs(i), graph.inputs(i)
    rank = len(graph.shape(inputs[0])) if len(inputs) else 0
    for attr in op.attrs:
        if attr.kind == "any" and attr.name in ("dtype", "key", "seed", "offset"):  # what the build says, not the formula
            continue
        if attr.name == "negative":  # says what is refused, not what is computed
            continue
        if attr.kind == "shape" and not op.public:  # said by what it is the gradient of
            continue
        value = attrs.get(attr.name, attr.default)
        if attr.kind in ("axis", "axes"):
            if attr.default is None and value in (tuple(range(rank)), *([0] if rank == 1 else [])):
                continue
            if isinstance(attr.default, int) and value in (attr.default + rank, (attr.default + rank,)):
                continue
            if isinstance(value, tuple) and len(value) == 1:
                value = value[0]
        if attr.required or value != attr.default or type(value) is not type(attr.default):
            yield f"{attr.name}={attribute_text(value)}"


# -- operations whose sign depends on their operands -------------------------------------------------------------------


def _is_number(graph: Graph, i: int) -> bool:
    return graph.op(i) is CONST and graph.owner(i) is None and graph.shape(i) == ()


def _mul(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    inputs = graph.inputs(i)
    arrays = all(graph.shape(_spread(graph, j)) != () for j in inputs)
    sign = "⊙" if arrays else "·"
    texts = []
    for k, (j, part) in enumerate(zip(inputs, parts, strict=True)):
        text = part.text
        if _is_number(graph, j) and graph.attrs(j)["value"] == 0.5:
            text = "½"
        elif part.binding < PRODUCT or (arrays and part.sign in ("@", "⊗")):
            text = f"({text})"
        elif k and text.startswith("-"):
            text = shielded(text)
        texts.append(text)
    return _Piece(f"{texts[0]} {sign} {texts[1]}", PRODUCT, sign)


def _spread(graph: Graph, i: int) -> int:
    """The node whose value node i only repeats, or holds in another shape."""
    while graph.op(i).name == "identity":
        i = graph.inputs(i)[0]
    return i


def _matmul(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    texts = []
    for k, part in enumerate(parts):
        loose = part.binding < PRODUCT or part.sign in ("⊙", "⊗") or (k and part.text.startswith("-"))
        texts.append(f"({part.text})" if loose else part.text)
    return _Piece(f"{texts[0]} · {texts[1]}", PRODUCT, "@")


def _outer(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    loose = [part.binding <= PRODUCT or (k > 0 and part.text.startswith("-")) for k, part in enumerate(parts)]
    texts = [f"({part.text})" if wrap else part.text for wrap, part in zip(loose, parts, strict=True)]
    return _Piece(f"{texts[0]} ⊗ {texts[1]}", PRODUCT, "⊗")


def _raised(part: _Piece, sign: str) -> _Piece:
    return _Piece((f"({part.text})" if part.binding <= POWER else part.text) + sign, POWER)


def _power(graph: Graph, i: int, parts: list[_Piece]) -> _Piece | None:
    exponent = graph.inputs(i)[1]
    if not _is_number(graph, exponent) or graph.attrs(exponent)["value"] not in _SUPERSCRIPTS:
        base = f"({parts[0].text})" if parts[0].binding <= POWER else parts[0].text
        over = f"({parts[1].text})" if parts[1].binding < ATOM else parts[1].text
        return _Piece(f"{base}^{over}", POWER)
    return _raised(parts[0], _SUPERSCRIPTS[int(graph.attrs(exponent)["value"])])


def _square(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    return _raised(parts[0], "²")


def _neg(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    part = parts[0]
    return _Piece(f"-({part.text})" if part.binding < PRODUCT or part.text.startswith("-") else f"-{part.text}", min(MINUS, part.binding))


def _identity(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    return parts[0]


def _transpose(graph: Graph, i: int, parts: list[_Piece]) -> _Piece | None:
    """`xᵀ` where the last two axes are swapped and the others stay."""
    rank = len(graph.shape(graph.inputs(i)[0]))
    order = next((v for v in graph.attrs(i).values() if isinstance(v, tuple)), None)
    swapped = (*range(rank - 2), rank - 1, rank - 2)
    if rank < 2 or (order is None and rank != 2) or (order is not None and tuple(order) != swapped):
        return None
    return _raised(parts[0], "ᵀ")


def _swap_last(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    return _raised(parts[0], "ᵀ")


def _slice(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    """`x[0, 1:3]`."""
    base = parts[0]
    index = index_text(graph.attrs(i)["index"], graph.attrs(i).get("squeeze", ()))
    return _Piece((f"({base.text})" if base.binding < ATOM else base.text) + index, ATOM)


def index_text(index: Sequence[tuple[Any, Any, Any] | None], squeeze: Collection[int] = ()) -> str:
    """`[0, 1:3, :]` from (start, stop, step) or None for each axis; the axes in `squeeze` are single positions."""
    entries = []
    for axis, entry in enumerate(index):
        if entry is None:
            entries.append(":")
        elif axis in squeeze:
            entries.append(str(entry[0]))
        else:
            start, stop, step = ("" if part is None else str(part) for part in entry)
            entries.append(f"{start}:{stop}" + (f":{step}" if step not in ("", "1") else ""))
    return "[" + ", ".join(entries) + "]"


def _placed(text: str, binding: int, index: str) -> _Piece:
    return _Piece(f"{text if binding >= SUM else f'({text})'} {index}", SUM)


def _unslice(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    """`g at [1:3]`: zeros everywhere else."""
    return _placed(parts[0].text, parts[0].binding, f"at {index_text(graph.attrs(i)['index'])}")


def _scatter_rows(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    """`g added at [:, index]`: what several indices name gets the sum."""
    index = ", ".join([":"] * graph.attrs(i)["axis"] + [parts[1].text])
    return _placed(parts[0].text, parts[0].binding, f"added at [{index}]")


def _put_along(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    axis = graph.attrs(i)["axis"]
    return _Piece(f"scatter_add(0, {parts[1].text}, {parts[0].text}{f', axis={axis}' if axis else ''})", ATOM)


def _max_pool_tap(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    return _Piece(f"argmax({parts[0].text})", ATOM)


def _qr_q(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    return _Piece(f"qr({parts[0].text})[0]", ATOM)


def _sum_to(graph: Graph, i: int, parts: list[_Piece]) -> _Piece:
    """What undoes broadcasting: the sum over the axes that the operand does not have."""
    wide, narrow = graph.shape(graph.inputs(i)[0]), graph.shape(i)
    extra = len(wide) - len(narrow)
    axes = [*range(extra), *[k + extra for k, d in enumerate(narrow) if d != wide[k + extra]]]
    if len(axes) == len(wide):
        return _Piece(f"sum({parts[0].text})", ATOM)
    return _Piece(f"sum({parts[0].text}, axis={attribute_text(axes[0] if len(axes) == 1 else tuple(axes))})", ATOM)


_SPECIAL: dict[str, Callable[[Graph, int, list[_Piece]], _Piece | None]] = {
    "mul": _mul,
    "matmul": _matmul,
    "outer": _outer,
    "power": _power,
    "square": _square,
    "neg": _neg,
    "identity": _identity,
    "transpose": _transpose,
    "swap_last": _swap_last,
    "slice": _slice,
    "sum_to": _sum_to,
    "unslice": _unslice,
    "scatter_rows": _scatter_rows,
    "put_along": _put_along,
    "max_pool_tap": _max_pool_tap,
    "qr_q": _qr_q,
}
