"""The page's own evaluator beside graphrun: every operation on single numbers, forward and backward, to 1e-12."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from page_browser import Browser

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import is_real
from graphrun.ledger.facts import Facts
from graphrun.ledger.html import program as program_module
from graphrun.ledger.html.program import program
from graphrun.ops.registry import OPS

RANDOM = {"key", "seed"}
SCALAR = {
    name: op
    for name, op in OPS.items()
    if (op.elementwise or op.scalar is not None) and not op.variadic and not RANDOM.intersection(attr.name for attr in op.attrs)
}
SHAPES = {**{name: {"shape": ()} for name in ("reshape", "broadcast_to", "sum_to")}, "transpose": {"axes": ()}, "squeeze": {"axis": ()}}
SPECIAL = (0.0, 1.0, -1.0, 0.5, 2.0, -0.25, 3.0, 6.0, 21.0)


def attributes(op: OpDef) -> list[dict[str, Any]]:
    """The attributes to try an operation with: the default ones and those of its gradient table."""
    found = [dict(case.attrs) for case in op.cases if op.elementwise or case.shapes[0] == ()] or [{}]
    found = [SHAPES[op.name]] if op.name in SHAPES else found
    if op.name == "cast":
        found = [{"dtype": dtype} for dtype in ("float64", "float32", "int64", "bool")]
    return [attrs for k, attrs in enumerate(found) if attrs not in found[:k]]


def operands(op: OpDef, draw: np.random.Generator) -> list[list[Any]]:
    """Operands from where the operation is defined, and special ones."""
    low, high = next((case.domain for case in op.cases), (-3.0, 3.0))
    count = len(op.arrays)
    rows = [[float(x) for x in draw.uniform(low, high, count)] for _ in range(5)]
    rows += [[float(x) for x in draw.uniform(low / 30, high / 30, count)] for _ in range(2)]
    rows += [[x] * count for x in SPECIAL if low <= x <= high or op.elementwise]
    if op.name == "where":
        rows = [[k % 2 == 0, *row[1:]] for k, row in enumerate(rows)]
    return rows


def programs() -> Iterator[tuple[str, dict[str, Any], list[float]]]:
    """(what, program, the values that graphrun finds for its nodes)."""
    draw = np.random.default_rng(3)
    for op in SCALAR.values():
        for attrs in attributes(op):
            for row in operands(op, draw):
                yield one(op, attrs, row)


def one(op: OpDef, attrs: dict[str, Any], row: list[Any]) -> tuple[str, dict[str, Any], list[float]]:
    b = Builder()
    leaves = [b.param(f"p{k}", (), "bool" if isinstance(x, bool) else "float64") for k, x in enumerate(row)]
    out = op(b, *leaves, **attrs)
    real = [i for i in leaves if is_real(b.dtype(i))]
    both, gradients = backward(b.graph, out, real) if is_real(b.dtype(out)) else (b.graph, {})
    with np.errstate(all="ignore"):
        values = evaluate(both, {i: np.asarray(x, dtype=b.dtype(i)) for i, x in zip(leaves, row, strict=True)})
    places = {i: k for k, i in enumerate([*leaves, out])}
    facts = Facts(
        spec="", about="", path="", graph=b.graph, of=out, entries={}, inputs={}, params={f"p{k}": i for k, i in enumerate(leaves)},
        values=values[: len(b.graph)], gradients={}, nodes=0, parameters=0, both=both, backward=gradients,
    )  # fmt: skip
    made = program(facts, places)
    nodes = [out, *[gradients[i] for i in real if i in gradients]]
    made["asked"] = [made["of"], *[node for box, node in made["gradients"] if box != places[out]]]
    return f"{op.name} {attrs} at {row}", made, [float(values[i]) for i in nodes]


def test_every_operation_on_single_numbers_is_that_of_graphrun(browser: Browser, tmp_path: Path) -> None:
    folder = Path(program_module.__file__).parent
    page = tmp_path / "ops.html"
    text = (folder / "ops.js").read_text(encoding="utf-8") + (folder / "evaluate.js").read_text(encoding="utf-8")
    page.write_text(f"<!doctype html><meta charset=utf-8><script>{text}</script>", encoding="utf-8")
    browser.open(page)
    found = list(programs())
    assert len({what.split()[0] for what, _, _ in found}) == len(SCALAR) > 70
    sent = json.dumps([made for _, made, _ in found])
    unknown = browser.js(f"window.programs = {sent}; [...new Set(programs.flatMap(unknownOps))]")
    assert unknown == []
    answers = browser.js("programs.map((p) => { const values = evaluate(p); return p.asked.map((node) => String(values[node])); })")
    wrong = []
    for (what, _, expected), answer in zip(found, answers, strict=True):
        for a, b in zip(map(float, (x.replace("Infinity", "inf") for x in answer)), expected, strict=True):
            same = (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= 1e-12 * max(1.0, abs(b))
            if not same:
                wrong.append(f"{what}: the page has {a!r}, graphrun {b!r}")
    assert wrong == []
    assert browser.complaints == []

