"""Mermaid: the graphs of the reference texts, golden texts, and nothing that a name could break."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from diagram_cases import GOLDEN, HOSTILE, functions_of, golden, neurons_of, shipped, view_of

from graphrun.diagram.mermaid import to_mermaid
from graphrun.diagram.view import Arrow, Back, Box, Panel, View

MODULES = os.environ.get("GRAPHRUN_NODE_MODULES", "")
needs_mermaid = pytest.mark.skipif(
    not (shutil.which("node") and MODULES and (Path(MODULES) / "mermaid").is_dir() and (Path(MODULES) / "jsdom").is_dir()),
    reason="needs node, and GRAPHRUN_NODE_MODULES with the packages mermaid and jsdom",
)

# -- the four graphs of the reference text, as they stand there ---------------------------------------------------------

FUNCTIONS = "graph LR x[x1,x2]--f-->u[u]--g-->z[z]--h-->y[y]"
NET = """graph LR x1[x1]--w1-->node1([u1]) x2[x2]--w2-->node1 x1[x1]--w3-->node2([u2]) x2[x2]--w4-->node2
node1--w5-->node3([hat_y]) node2--w6-->node3"""
FORWARD = """graph LR x1[x1]--w1-->node1([u1]) x2[x2]--w2-->node1 x1[x1]--w3-->node2([u2]) x2[x2]--w4-->node2
node1--w5-->node3([u3]) node2--w6-->node3-->y((y)) style node1 fill:#f9f,stroke:#333,stroke-width:4px
style node3 fill:#f9f,stroke:#333,stroke-width:4px style y fill:#f9f,stroke:#333,stroke-width:4px"""
BACKWARD = """graph LR x1[x1]--w1-->node1([u1]) x2[x2]--w2-->node1 x1[x1]--w3-->node2([u2]) x2[x2]--w4-->node2
node1--w5-->node3([u3]) node2--w6-->node3-->y((Y)) style node3 fill:#f9f,stroke:#333,stroke-width:4px
style y fill:#f9f,stroke:#333,stroke-width:4px"""

TOKEN = re.compile(
    r"\s*(?:(?P<graph>graph \w+)|(?P<style>style \w+ \S+)|(?P<arrow>--(?P<text>\w*?)-->|-->)"
    r"|(?P<node>\w+)(?P<shape>\(\(\([^()]*\)\)\)|\(\([^()]*\)\)|\(\[[^\]]*\]\)|\[[^\]]*\])?)"
)


def parsed(text: str):
    """Direction, label with shape of each node in order of appearance, arrows with their texts, styles: over the nodes' numbers."""
    shapes: dict[str, str] = {}
    arrows, styles, direction = [], [], ""
    at, before, pending = 0, None, None
    while at < len(text.rstrip()):
        m = TOKEN.match(text, at)
        assert m is not None, text[at:]
        at = m.end()
        if m["graph"]:
            direction = m["graph"]
        elif m["style"]:
            styles.append(tuple(m["style"].split()[1:]))
            before = None
        elif m["arrow"]:
            pending = m["text"] or ""
        else:
            shapes.setdefault(m["node"], m["shape"] or "")
            if pending is not None:
                arrows.append((before, m["node"], pending))
            before, pending = m["node"], None
    number = {name: k for k, name in enumerate(shapes)}
    return (
        direction,
        list(shapes.values()),
        sorted((number[a], number[b], text) for a, b, text in arrows),
        sorted((number[a], style) for a, style in styles),
    )


def same_up_to_the_last_label(found: str, expected: str):
    (way, shapes, arrows, styles), (a, b, c, d) = parsed(found), parsed(expected)
    assert (way, arrows, styles) == (a, c, d)
    assert shapes[:-1] == b[:-1]
    assert re.sub(r"\w+", "", shapes[-1]) == re.sub(r"\w+", "", b[-1])


def test_the_graph_of_functions():
    found = to_mermaid(functions_of(shipped("functions")))
    assert parsed(found) == parsed(FUNCTIONS)


def test_the_net():
    same_up_to_the_last_label(to_mermaid(neurons_of(shipped("ann"), to="u3")), NET)


def test_the_forward_pass():
    same_up_to_the_last_label(to_mermaid(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5")), FORWARD)


def test_the_backward_pass():
    same_up_to_the_last_label(to_mermaid(neurons_of(shipped("ann"), to="hat_y", highlight="backward:u3")), BACKWARD)


def test_the_comparison_sees_a_difference():
    right = to_mermaid(neurons_of(shipped("ann"), to="u3"))
    changed = right.replace("w3", "w4"), right.replace("u1([u1])", "u1[u1]"), right + "    style u1 fill:#f9f\n", right.replace("LR", "TB")
    for wrong in changed:
        with pytest.raises(AssertionError):
            same_up_to_the_last_label(wrong, NET)


# -- golden ------------------------------------------------------------------------------------------------------------

VIEWS = {
    "ann_forward_w5": lambda: to_mermaid(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5")),
    "ann_neurons": lambda: to_mermaid(neurons_of(shipped("ann"))),
    "ann_numbers": lambda: to_mermaid(neurons_of(shipped("ann")), numbers=True),
    "functions": lambda: to_mermaid(functions_of(shipped("functions"))),
    "neuron_steps": lambda: to_mermaid(view_of(shipped("neuron"))),
    "neuron_steps_numbers": lambda: to_mermaid(view_of(shipped("neuron")), numbers=True),
    "larger_neurons": lambda: to_mermaid(neurons_of(shipped("larger"))),
}


@pytest.mark.parametrize("name", VIEWS)
def test_golden(name):
    golden(GOLDEN / f"{name}.mmd", VIEWS[name]())


# -- whatever names hold -----------------------------------------------------------------------------------------------


def everything(texts=HOSTILE) -> View:
    """A view with each of the texts everywhere, every outline and mark, panels, and gradients that flow back."""
    outlines = ("box", "square", "circle", "double circle", "stadium", "small circle")
    marks = ("", "+", "-", "~", "follows")
    boxes = tuple(
        Box(
            t or f"empty {k}",
            ("input", "parameter", "step", "loss", "optimizer")[k % 5],
            t,
            t,
            t,
            t,
            t,
            stacked=k % 3 == 0,
            outline=outlines[k % 6],
            rows=((("count", t), ("muted", t)),),
            lit=k % 4 == 1,
            heat=k / len(texts) if k % 4 == 2 else None,
            mark=marks[k % 5] if k % 4 == 3 else "",
            mark_text=t if k % 8 == 3 else "",
            panel="one" if k % 7 == 2 else "two" if k % 7 == 4 else "",
            href=t,
            below=((("ink", t),),) if k % 2 else (),
        )
        for k, t in enumerate(texts)
    )
    ids = [box.id for box in boxes]
    arrows = tuple(
        Arrow(a, b, ((("ink", t), ("value", t)),), weight=t if k % 2 else "", mark=marks[k % 5], tooltip=t, lit=k % 3 == 0)
        for k, ((a, b), t) in enumerate(zip(pairwise(ids), texts, strict=False))
    )
    backs = tuple(Back(a.head, a.tail, t, t) for a, t in zip(arrows, texts, strict=False))
    panels = (Panel("one", (("ink", texts[0]),)), Panel("two", (("muted", texts[-1]),), parent="one"))
    rows = tuple((("value", t), ("ink", t)) for t in texts)
    return View(texts[0], boxes, arrows, backs, " ".join(texts), tuple(("ink", t) for t in texts), "LR", panels, rows)


LINE = re.compile(
    r"    (?:(?:\w+(?:[\[(]+(?:\"[^\"`<>]*(?:<br/>[^\"`<>]*)*\"|[\w ,]+)[\])]+)?)"
    r"(?: (?:-->|-\.->|==>|--\w+-->)(?:\|\"[^\"|<>]*\"\|)? \w+(?:[\[(]+(?:\"[^\"`<>]*(?:<br/>[^\"`<>]*)*\"|[\w ,]+)[\])]+)?)?"
    r"|style \w+ [\w:#,. -]+|subgraph panel\d+\[\"[^\"<>]*\"\]|end|click \w+ href \"https?://[^\"<>\s]*\")"
)


@pytest.mark.parametrize("numbers", [False, True])
def test_hostile_texts_stay_within_their_quotes(numbers):
    lines = to_mermaid(everything(), numbers=numbers).splitlines()
    assert lines[0] == "graph LR"
    for line in lines[1:]:
        assert LINE.fullmatch(line), line


def test_identifiers_are_never_keywords_and_never_alike():
    names = ["end", "End", "graph", "x", "o", "style_1", "default", "a-b", "a b", "a_b", "1a", "é", "", "classy", "LR"]
    view = View("v", tuple(Box(n, "step", n) for n in names), tuple(Arrow(a, b) for a, b in pairwise(names)))
    ids = re.findall(r"^    (\w+) -->", re.sub(r"\(\".*?\"\)|\(\w+\)", "", to_mermaid(view)), re.MULTILINE)
    assert len(set(ids)) == len(names) - 1
    assert not {"end", "End", "graph", "default", "LR", "style_1", "classy"} & set(ids)


def accepted(texts: list[str]):
    node = shutil.which("node")
    assert node is not None
    command = [node, str(Path(__file__).parent / "accepts.mjs"), MODULES]
    done = subprocess.run(command, input=json.dumps(texts).encode(), capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)


@needs_mermaid
def test_mermaid_accepts_what_is_written():
    texts = [make() for make in VIEWS.values()]
    texts += [to_mermaid(everything(), numbers=numbers) for numbers in (False, True)]
    found = accepted(texts)
    assert [entry["error"] for entry in found] == [None] * len(texts)
    net = found[list(VIEWS).index("ann_forward_w5")]
    assert net["labels"] == ["x1", "u1", "x2", "u2", "u3", "hat_y"]
    assert ["u1", "u3", "w5"] in net["edges"]
    for entry in found[-2:]:
        assert len(entry["labels"]) == len(HOSTILE)
        assert entry["subgraphs"] == 2
    assert len(found[-2]["edges"]) == len(HOSTILE) - 1
    assert len(found[-1]["edges"]) == 2 * (len(HOSTILE) - 1)
