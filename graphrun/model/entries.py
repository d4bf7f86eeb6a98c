"""Paths, single entries, and one derivative at a time: the questions that open a graph to single numbers, answered as views."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.errors import UsageError, nearest
from graphrun.ir.formula import factor, number, operand
from graphrun.ir.types import is_real
from graphrun.ledger.json import json_value
from graphrun.ledger.text import HEADING
from graphrun.ledger.views import Block, Equation, View
from graphrun.ledger.web import Edge, Path, Vertex, Web, largest_paths, open_web
from graphrun.model.explain import Gathered, Question, gather
from graphrun.model.opened import Opened

__all__ = ["explain_entry", "explain_paths"]

ALL_PATHS = 40  # up to so many are listed
LARGEST = 10  # of more, so many
MOST_VERTICES = 20_000  # numbers of arrays that a value is opened to
MOST_SCALARS = 2_000_000  # numbers where every node is one
MOST_LINES = 40
MOST_TERMS = 8
MOST_NODES = 12  # of a path that is written out

_ENTRY = re.compile(r"(.+?)\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\]")


def _vertex(question: Question, found: Gathered, text: str, flag: str) -> Vertex:
    """Reads `w1` or `W[0, 1]`. Raises UsageError."""
    m = _ENTRY.fullmatch(text.strip())
    name, index = (m[1].strip(), [int(k) for k in m[2].split(",")]) if m else (text.strip(), [])
    built, facts = question.built, found.facts
    node = built.find(name)
    node = found.nodes.get(node) if node is not None else None
    if node is None or facts.values[node] is None:
        if built.find(name) is not None:
            raise UsageError(f"{flag}: `{facts.name(facts.of)}` does not depend on `{name}`")
        near = nearest(name, built.index)
        raise UsageError(f"{flag}: there is no value called `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    if not is_real(facts.graph.dtype(node)):
        raise UsageError(f"{flag}: `{name}` is {facts.graph.dtype(node)} and has no derivatives")
    shape = np.shape(facts.values[node])
    if len(index) != len(shape) or any(not -d <= k < d for k, d in zip(index, shape, strict=True)):
        size = "×".join(map(str, shape))
        if not shape:
            raise UsageError(f"{flag}: `{name}` is a single number and has no entries")
        raise UsageError(f'{flag}: `{name}` has shape [{size}]; name one entry of it, such as "{name}[{", ".join("0" for _ in shape)}]"')
    return (node, int(np.ravel_multi_index([k % d for k, d in zip(index, shape, strict=True)], shape)) if shape else 0)


def _opened_web(opened: Opened, start: Vertex, flag: str) -> Web:
    facts = opened.facts
    most = MOST_SCALARS if all(step.scalar for step in opened.steps) else MOST_VERTICES
    web = open_web(start, (facts.of, 0), opened.uses, most)
    if web is None:
        raise UsageError(f"{flag}: more than {most:,} numbers lie between `{opened.name(start)}` and `{facts.name(facts.of)}`")
    return web


# -- paths -----------------------------------------------------------------------------------------------------------------


def explain_paths(question: Question, start: str, *, expand: bool) -> View:
    """Every path from a number to the end with the product along it, and their sum; of very many the largest."""
    found = gather(question)
    facts = found.facts
    v = _vertex(question, found, start, "--paths")
    opened = Opened(facts, expand=expand, asked=[v[0]])
    web = _opened_web(opened, v, "--paths")
    count, total = web.count(), web.total()
    shown = list(largest_paths(web, count if count <= ALL_PATHS else LARGEST))
    of, name = facts.name(facts.of), opened.name(v)
    said = "1 path" if count == 1 else f"{_many(count)} paths"
    cut = "" if len(shown) == count else f"; the {len(shown)} with the largest products"
    gradient = f"∂{of}/∂{name}"
    blocks = [Block(f"PATHS from {name} to {of}: {said}{cut}")]
    blocks += [_path_block(opened, path, k) for k, path in enumerate(shown, 1)]
    rest = total - sum(p.product for p in shown)
    rows = [Equation(gradient, (_sum([p.product for p in shown]),) if 1 < len(shown) == count <= MOST_NODES else (), total)]
    notes = [] if len(shown) == count else [f"all other paths together: {number(rest)}"]
    if not count:
        notes = [f"{of} does not depend on {name}"]
    blocks.append(Block("SUM over all paths", tuple(rows), tuple(notes)))
    document = {
        "of": of,
        "from": name,
        "paths": count,
        "sum": json_value(total),
        "shown": [
            {
                "nodes": [name, *(opened.name(e.end) for e in p.edges)],
                "factors": [{"symbol": _symbol(opened, e), "formula": e.text, "value": json_value(e.weight)} for e in p.edges],
                "product": json_value(p.product),
            }
            for p in shown
        ],
    }
    return View(facts, tuple(blocks), document)


def _many(count: int) -> str:
    """A count, exactly where it fits into a line; the document always has it so."""
    return f"{count:,}" if count < 10**45 else f"about 10^{len(str(count)) - 1}"


def _symbol(opened: Opened, e: Edge) -> str:
    return f"∂{opened.name(e.end)}/∂{opened.name(e.start)}"


def _path_block(opened: Opened, path: Path, k: int) -> Block:
    names = [*(opened.name(e.start) for e in path.edges), opened.name((opened.facts.of, 0))]
    factors = list(reversed(path.edges))
    symbols = " · ".join(_cut([_symbol(opened, e) for e in factors])) or "1"
    numbers = " · ".join(_cut([number(e.weight) if j == 0 else operand(number(e.weight)) for j, e in enumerate(factors)]))
    return Block(f"{k}   {' → '.join(_cut(names))}", (Equation("", (symbols, numbers) if len(factors) > 1 else (symbols,), path.product),))


def _cut(texts: Sequence[str]) -> list[str]:
    """Of very many the first and the last."""
    if len(texts) <= MOST_NODES:
        return list(texts)
    half = MOST_NODES // 2
    return [*texts[:half], f"… {len(texts) - 2 * half:,} more …", *texts[-half:]]


def _sum(values: Sequence[float]) -> str:
    return " + ".join(number(v) if k == 0 else operand(number(v)) for k, v in enumerate(values))


# -- one entry -----------------------------------------------------------------------------------------------------------


def explain_entry(question: Question, entry: str) -> View:
    """The chain rule of one number, opened to scalars: its own gradient as a sum, then those of the numbers that it is made of."""
    found = gather(question)
    facts = found.facts
    v = _vertex(question, found, entry, "--entry")
    opened = Opened(facts, asked=[v[0]])
    web = _opened_web(opened, v, "--entry")
    gradients = web.gradients()
    of, name = facts.name(facts.of), opened.name(v)
    first = _entry_equation(opened, web, gradients, v)
    others = [u for u in reversed(web.order) if u not in (v, web.end)]
    # the numbers whose gradients weigh most in what comes out at the entry
    weight = _shares(web, gradients)
    kept = set(sorted(others, key=lambda u: -weight.get(u, 0.0))[:MOST_LINES])
    rows = [_entry_equation(opened, web, gradients, u) for u in others if u in kept]
    notes = [f"… and {len(others) - len(kept):,} more numbers between, with smaller shares"] if len(others) > len(kept) else []
    total = gradients.get(v, 0.0)
    whole = facts.gradients.get(v[0])
    asked = Block(f"ENTRY {name}: {_ways(len(web.out.get(v, ())), of, name)}", (first,), heading=HEADING)
    blocks = [asked]
    if rows:
        blocks.append(Block("what arrives there, from right to left", tuple(rows), tuple(notes)))
    if whole is not None and np.ndim(whole):
        blocks.append(Block(f"∂{of}/∂{facts.name(v[0])} as a whole", (Equation(f"∂{of}/∂{facts.name(v[0])}", (), whole),)))
    document = {
        "of": of,
        "entry": name,
        "gradient": json_value(total),
        "paths": web.count(),
        "numbers": [_entry_json(opened, web, gradients, u) for u in [v, *others]],
    }
    return View(facts, tuple(blocks), document)


def _ways(count: int, of: str, name: str) -> str:
    if not count:
        return f"{of} does not move with it"
    return "it is used once" if count == 1 else f"it is used {count:,} times"


def _shares(web: Web, gradients: dict[Vertex, float]) -> dict[Vertex, float]:
    """How much of the entry's gradient goes through each number."""
    reach = {web.start: 1.0}
    for v in web.order:
        for e in web.out[v]:
            reach[e.end] = reach.get(e.end, 0.0) + reach.get(v, 0.0) * e.weight
    return {v: abs(reach.get(v, 0.0) * gradients.get(v, 0.0)) for v in web.order}


def _entry_equation(opened: Opened, web: Web, gradients: dict[Vertex, float], v: Vertex) -> Equation:
    of = opened.facts.name(opened.facts.of)
    edges = sorted(web.out.get(v, []), key=lambda e: -abs(e.weight * gradients[e.end]))
    shown = sorted(edges[:MOST_TERMS], key=lambda e: e.end)
    more = f" + … ({len(edges):,} terms)" if len(edges) > len(shown) else ""
    name = f"∂{of}/∂{opened.name(v)}"
    if not edges:
        return Equation(name, (), 0.0)
    if len(edges) == 1 and edges[0].end == web.end:  # what goes straight into the end is its own derivative
        text = edges[0].text
        return Equation(name, (text,) if text is not None and text != number(edges[0].weight) else (), gradients[v])
    parts = [" + ".join(_chain(opened, web, e, of) for e in shown) + more]
    if any(e.text is not None and e.text != number(e.weight) for e in shown):
        parts.append(" + ".join(_product(web, gradients, e, e.text or number(e.weight), k) for k, e in enumerate(shown)) + more)
    parts.append(" + ".join(_product(web, gradients, e, number(e.weight), k) for k, e in enumerate(shown)) + more)
    return Equation(name, tuple(parts), gradients[v])


def _chain(opened: Opened, web: Web, e: Edge, of: str) -> str:
    local = f"∂{opened.name(e.end)}/∂{opened.name(e.start)}"
    return local if e.end == web.end else f"∂{of}/∂{opened.name(e.end)} · {local}"


def _product(web: Web, gradients: dict[Vertex, float], e: Edge, local: str, k: int) -> str:
    if e.end == web.end:
        return operand(local) if k else local
    arriving = number(gradients[e.end])
    return f"{operand(arriving) if k else arriving} · {factor(local, _binding(local))}"


def _binding(text: str) -> int:
    """Whether a local derivative needs brackets as a factor: a sum does."""
    depth = 0
    for k, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if not depth and k and text[k - 1] == " " and sign in "+-><=":
            return 10
    return 40


def _entry_json(opened: Opened, web: Web, gradients: dict[Vertex, float], v: Vertex) -> dict[str, Any]:
    of = opened.facts.name(opened.facts.of)
    terms = [
        {
            "upstream": {"symbol": f"∂{of}/∂{opened.name(e.end)}", "value": json_value(gradients[e.end]), "pass": "backward"},
            "local": {"symbol": _symbol(opened, e), "formula": e.text, "value": json_value(e.weight), "pass": "forward"},
            "product": json_value(gradients[e.end] * e.weight),
        }
        for e in web.out.get(v, ())
    ]
    return {"name": opened.name(v), "symbol": f"∂{of}/∂{opened.name(v)}", "gradient": json_value(gradients.get(v, 0.0)), "terms": terms}


