"""Specs of a few lines that ask for more than any machine has are refused at their place, and soon."""

from __future__ import annotations

import os
from collections.abc import ItemsView

import pytest

import graphrun as gr
from graphrun.build import lower, special, steps
from graphrun.build.build import build
from graphrun.build.init import judge_initial_values
from graphrun.errors import Reporter
from graphrun.ir.builder import Builder
from graphrun.model.opening import open_text
from graphrun.ops.registry import OPS

HEAD = "graphrun: 1\ninputs: {x: 1, v: {shape: [3000000]}}\n"
FUNCTIONS = "functions:\n  f0(x): x + x\n" + "".join(f"  f{k}(x): f{k - 1}(x) + f{k - 1}(x)\n" for k in range(1, 40))


def faults(text: str) -> list[gr.Diagnostic]:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(HEAD + text)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("nodes:\n  h: x -> repeat(tanh, 1000000000)\n", 4, 6),
        ("functions: {'f(c, a)': c + a}\nnodes:\n  h: scan(v, f, 0)\n", 5, 6),
    ],
)
def test_copies_beyond_the_limit(text: str, line: int, column: int) -> None:
    (found,) = faults(text)
    assert (found.code, found.message) == ("too-many-steps", "the graph has more than 2,000,000 steps here")
    assert found.place is not None
    assert (found.place.line, found.place.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        FUNCTIONS + "nodes:\n  y: f39(x)\n",
        FUNCTIONS.replace("x + x", "x") + "nodes:\n  y: f39(x)\n",
        "nodes:\n  y0: sin(x)^2\n" + "".join(f"  y{k}: grad(y{k - 1}, x) * x\n" for k in range(1, 30)),
        "functions:\n  same(x): x\n  many(x): x -> repeat(same, 900)\nnodes:\n  y: x -> repeat(many, 900)\n",
    ],
)
def test_growth_beyond_the_limit(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LIMIT", 1000)
    monkeypatch.setattr(special, "LIMIT", 1000)
    assert [d.code for d in faults(text)] == ["too-many-steps"]


@pytest.mark.parametrize(
    ("formula", "shape"),
    [
        ("zeros([1e30])", "[1000000000000000019884624838656]"),
        ("sum(zeros([1e10, 1e10]))", "[10000000000, 10000000000]"),
        ("tile(v, 1e30)", "[3000000000000000059653874515968000000]"),
        ("expand_dims(x, 0) -> dense(1e20)", "[1, 100000000000000000000]"),
    ],
)
def test_an_array_that_no_machine_holds(formula: str, shape: str) -> None:
    (found,) = faults(f"nodes:\n  h: {formula}\n")
    assert (found.code, found.place.line if found.place else 0) == ("memory", 4)
    assert found.message.endswith(f"an array of shape {shape} is more than any machine holds")


def test_an_input_that_no_machine_holds() -> None:
    (found,) = faults("dims: [t]\nparams: {w: {shape: [1000000000000, 100000], init: 0}}\nnodes:\n  h: w * x\n")
    assert (found.code, found.place and (found.place.line, found.place.column)) == ("memory", (4, 21))


def test_a_scan_of_more_positions_than_sixteen_bits_count() -> None:
    b = Builder()
    for t in range(66_000):
        b.tag = b.tag_id("", f"@{t}")
    x = b.node(OPS["exp"], [b.const(1.0, "float64")])
    assert b.graph.tags[b.graph._tag[x]] == ("", "@65999")


def test_thousands_of_unknown_names_take_no_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lower, "COMPARED", 1000)
    found = faults("nodes:\n" + "".join(f"  y{k}: q{k} + x\n" for k in range(200)))
    assert len(found) == 200
    assert found[0].help is not None
    assert found[-1].help is None


def test_a_long_cycle_names_its_ends_alone() -> None:
    (found,) = faults("nodes:\n" + "".join(f"  n{k}: n{k - 1} + x\n" for k in range(1, 500)) + "  n0: n499\n")
    assert found.message.startswith("these 500 nodes depend on each other: ")
    assert len(found.message) < 140
    assert len(found.notes) == 9


def test_a_device_is_no_file(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.yaml")
    os.mkfifo("pipe.csv")
    (used,) = faults("use: [pipe.yaml]\nnodes: {y: x}\n")
    assert (used.code, used.message) == ("missing-file", "`pipe.yaml` is a device, not a spec file")
    text = "graphrun: 1\ninputs: {x: {}}\nparams: {w: 1}\nnodes: {J: (w * x)^2}\nloss: J\ndata: {source: pipe.csv}\ntrain: {steps: 1}\n"
    with pytest.raises(gr.GraphrunError, match=r"missing-data-file: `pipe.csv` is a device, not a file"):
        gr.loads(text).train()


@pytest.mark.parametrize("stage", ["tanh", "half", "half(k=2)", "share(h)"])
def test_a_chain_of_thousands_of_calls(stage: str) -> None:
    text = "functions:\n  half(x, k=2): {params: {w: 1}, returns: w * x / k}\nnodes:\n  h: x -> half\n  y: 3" + f" -> {stage}" * 2000 + "\n"
    model = gr.loads("graphrun: 1\ninputs: {x: 1}\n" + text)
    assert 0 <= float(model.run()["y"]) < 0.03


def test_a_list_of_more_parts_than_the_limit() -> None:
    (found,) = faults("nodes:\n  p: split(v, 1)\n")
    assert found.code == "too-many-steps"
    assert found.place is not None
    assert (found.place.line, found.place.column) == (4, 6)


def test_the_names_of_a_spec_are_looked_through_once_for_all_initial_values() -> None:
    class Counted(dict[str, object]):
        looked_through = 0

        def items(self) -> ItemsView[str, object]:
            self.looked_through += 1
            return super().items()

    text = HEAD + "config: {s: 0.5}\nparams:\n" + "".join(f"  w{k}: {{shape: [2], init: 'normal(0, s)'}}\n" for k in range(20))
    reporter = Reporter()
    built = build(open_text(text, ".", {}, "spec")[0], reporter)
    assert built is not None
    built.assembly.scope.values = values = Counted(built.assembly.scope.values)
    judge_initial_values(built, reporter)
    assert values.looked_through == 1
    assert not reporter.errors
