"""A graph that would be too large is refused after a count, and what can be built never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphrun as gr
from graphrun.build import build, counting, steps
from graphrun.build.assemble import Assembly
from graphrun.build.build import _Build
from graphrun.build.counting import Counting
from graphrun.build.expand import Expansion
from graphrun.errors import Reporter
from graphrun.ir.printer import print_graph
from graphrun.model.opening import open_spec, open_text
from graphrun.spec.spec import Spec

SPECS = sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))
HEAD = "graphrun: 1\ninputs: {x: 1, s: {shape: [7]}, m: {shape: [6, 4]}, v: {shape: [1900, 1500]}}\n"


def counted(spec: Spec, training: bool) -> tuple[int, int, int, int]:
    """Steps and calls as they are counted, and as they are made."""
    made, found = (_Build(spec, Reporter(), training, kind) for kind in (Assembly, Counting))
    for one in (made, found):
        one.enter()
    a, b = found.assembly, made.assembly.builder
    assert isinstance(a, Counting)
    return a.steps, len(a.builder.graph.calls) + a.more_calls, len(b), len(b.graph.calls)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
@pytest.mark.parametrize("training", [False, True])
def test_no_more_are_counted_than_are_made(path: Path, training: bool) -> None:
    found_steps, found_calls, made_steps, made_calls = counted(open_spec(path, {})[0], training)
    assert found_steps <= made_steps
    assert found_calls <= made_calls


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("functions:\n  f(x): x + x\n  g(x): f(x) * f(x)\nnodes:\n  y: g(x) + g(x)\n", 7),
        ("functions:\n  f(x): x\n  g(x):\n    nodes: {a: f(x), b: f(x)}\n    returns: a + b\nnodes:\n  y: g(x) + g(x)\n", 3),
        ("functions:\n  f(x): tanh(x)\n  g(x): x -> repeat(f, 5)\nnodes:\n  y: x -> repeat(g, 7)\n", 35),
        ("functions:\n  f(c, a): c * a\nnodes:\n  y: scan(s, f, 1)\n", 15),
        ("functions:\n  f(c, a): c * a\n  g(c, r): c + sum(scan(r, f, 0))\nnodes:\n  y: scan(m, g, 0)\n", 6 * (1 + 9 + 2) + 1),
        ("functions:\n  f(x, n): x -> repeat(tanh, n)\nnodes:\n  y: f(x, 3) + f(x, 4) + f(x, 3)\n", 12),
        ("functions:\n  f(x, g): g(g(x))\nnodes:\n  y: f(x, exp) + f(x, sin) + f(s, sin)\n", 8),
        ("functions:\n  f(x): exp(exp(x)) if training else x * x\nnodes:\n  y: f(x) + f(x)\n", 3),
        ("functions:\n  f(x): [x * x, x + x]\nnodes:\n  y: f(x)[0] + f(x)[1]\n", 5),
    ],
)
def test_each_call_is_counted(text: str, wanted: int) -> None:
    found = counted(open_text(HEAD + text, ".", {}, "spec")[0], False)
    assert found[0] == wanted <= found[2]
    assert found[1] == found[3]


def test_what_is_inside_a_call_that_is_only_counted_is_left_open() -> None:
    text = (
        "functions:\n  f(x): {nodes: {a: x * x}, returns: a + x}\n"
        "nodes:\n  h: f(x)\n  g: f(h)\n  y: h.a + 1\n  z: g.a * 2 * x\n  w: z + y\n"
    )
    spec = open_text(HEAD + text, ".", {}, "spec")[0]
    found = _Build(spec, Reporter(), False, Counting)
    found.enter()
    assert found.assembly.steps == 2 + 2 + 1  # type: ignore[attr-defined]
    assert not found.reporter.errors


DOUBLING = "functions:\n  f0(x): x + x\n" + "".join(f"  f{k}(x): f{k - 1}(x) + f{k - 1}(x)\n" for k in range(1, 40))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (DOUBLING + "nodes:\n  y: f39(x)\n", 24),
        (DOUBLING.replace("x + x", "x if rank(x) < 1 else 2 * x") + "nodes:\n  y: f39(x)\n", 24),
        (DOUBLING.replace("x + x", "{params: {w: 1}, returns: w * x}") + "nodes:\n  y: x -> f39\n", 24),
        ("functions:\n  a(x, n): x -> repeat(tanh, n)\n  b(x): x -> repeat(a(1000), 1000)\nnodes:\n  y: x -> repeat(b, 1000)\n", 7),
        ("nodes:\n  y: x -> repeat(repeat(repeat(tanh, 1000), 1000), 1000)\n", 4),
        ("functions:\n  g(c, a): c + a\n  f(c, r): c + sum(scan(r, g, 0))\nnodes:\n  y: scan(v, f, 0)\n", 7),
    ],
)
def test_a_graph_that_is_too_large_is_not_built(text: str, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    expand = Expansion._expand

    def expanded(*args: Any) -> Any:
        nonlocal made
        made += 1
        return expand(*args)

    monkeypatch.setattr(Expansion, "_expand", expanded)
    monkeypatch.setattr(build, "MANY", 100)
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(HEAD + text)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("too-many-steps", "the graph has more than 2,000,000 steps here")
    assert found.place is not None
    assert found.place.line == line
    assert made < 400


def test_where_counting_is_as_much_work_the_graph_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MANY", 100)
    monkeypatch.setattr(counting, "MANY", 100)
    monkeypatch.setattr(steps, "LIMIT", 1000)
    text = "functions:\n  f0(x, n): x + n\n" + "".join(f"  f{k}(x, n): f{k - 1}(x, 2 * n) + f{k - 1}(x, 2 * n + 1)\n" for k in range(1, 40))
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(HEAD + text + "nodes:\n  y: f39(x, 1)\n")
    assert [d.code for d in caught.value.diagnostics] == ["too-many-steps"]


def test_a_build_that_was_interrupted_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "functions:\n  relu(x): maximum(x, 0)\n  f(c, a): dropout(relu(c * a), 0.5)\nnodes:\n  y: scan(s, f, 1)\n  J: sum(y)\nloss: J\n"
    spec, _ = open_text(HEAD + text, ".", {}, "spec")
    graphs, told = [], []
    for many in (steps.MANY, 10):
        monkeypatch.setattr(build, "MANY", many)
        reporter = Reporter()
        built = build.build(spec, reporter, training=True)
        assert built is not None
        graphs.append(print_graph(built.graph))
        told.append([d.message for d in reporter.diagnostics])
    assert graphs[0] == graphs[1]
    assert told[0] == told[1]
    assert len(told[0]) == 1
