"""The traps that YAML sets for formulas (language.md §3): each is met by one message, whose help is the line as it should be written."""

from __future__ import annotations

import pytest
import yaml
from spec_helpers import golden, yaml_messages

from graphrun.errors import Reporter, Source
from graphrun.spec.yaml import read_yaml

# Name → what stands after `h:` in `nodes`, whose next entry is `k: 3`.
VALUES = {
    "comma in a call inside {}": "{init: normal(0, 0.02)}",
    "comma in a call inside {}, twice": "{init: normal(0, 0.02), shape: [2], update: f(a, b)}",
    "comma in a call inside []": "[x, dense(32, relu)]",
    "commas in calls inside [], balanced by chance": "[f(a, b), g(c, d)]",
    "comma in a key inside {}": "{f(x, y): x * y}",
    "index inside {}": "{y: x[0]}",
    "index inside []": "[x[0], y]",
    "slice inside {}": "{y: x[1: 3]}",
    "list inside a call inside {}": "{y: 'a', z: concat([a, b], axis=1)}",
    "colon inside {}": "{a: b ? c : d}",
    "list and more inside []": "[[a, b] @ w, c]",
    "begins with [": "[a, b] @ w",
    "begins with {": "{a} + 1",
    "begins with *, then more": "*x + b",
    "begins with *": "*x",
    "begins with &": "&x + b",
    "begins with @": "@w",
    "begins with %": "%x",
    "begins with !": "!x",
    "begins with >": "> 3",
    "begins with |": "|x|",
    "begins with a back quote": "`x`",
    "begins with a quote": "'a' + b",
    "begins with a double quote": '"a" + b',
    "begins with - and a blank": "- x",
    "begins with ?": "? x",
    "colon": "a ? b : c",
    "colon in a slice": "x[0 : 2]",
    "colon in a slice on the next line": "\n    x[0: 2] @ y",
    "comment in a call": "relu(x # the activation)",
    "comment after an operator, the formula goes on": "a +  # the bias\n     b",
    "comment between the lines of a formula": "a  # the bias\n     + b",
    "comment on a line inside of a formula": "a\n     # the bias\n     + b",
    "colon in a folded formula": "a @ b\n    -> f(x[0: 1])",
    "tag of YAML": "!!float 3",
}


def text_of(value: str) -> str:
    return f"nodes:\n  h: {value}\n  k: 3\n"


def test_each_trap_has_its_message():
    found = {name: yaml_messages(text_of(value)) for name, value in VALUES.items()}
    assert found == golden("traps.txt", found)


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_the_line_of_the_help_is_read_without_fault(value):
    reporter = Reporter()
    read_yaml(Source("s.yaml", text_of(value)), reporter)
    (*_, last) = reporter.diagnostics
    assert last.help is not None
    line = last.help.partition(": `")[2].rpartition("`")[0]
    if line.count("\n"):
        line = line.split("\n")[0].rpartition("`")[0]
    whole = line if line.startswith("h:") else f"h: {line}"
    again = Reporter()
    document = read_yaml(Source("s.yaml", f"nodes:\n  {whole}\n  k: 3\n"), again)
    assert not again.diagnostics
    assert document is not None
    assert document.value["nodes"]["k"] == 3


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_one_fault_makes_one_message_and_the_rest_is_read(value):
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", text_of(value) + "  k: 4\n"), reporter)
    codes = [d.code for d in reporter.diagnostics]
    assert codes.count("duplicate-key") == 1
    assert len(codes) == 2 + value.count(", g(c") + value.count(", update")
    assert document is not None
    assert not document.whole
    assert document.value["nodes"]["k"] == 3


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_the_parser_in_python_says_the_same(value):
    found = []
    for loader in (None, yaml.SafeLoader):
        reporter = Reporter()
        read_yaml(Source("s.yaml", text_of(value)), reporter, loader=loader)
        found.append([d.to_text() for d in reporter.diagnostics])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("written", "formula"),
    [
        ("x[:, 1:3]", "x[:, 1:3]"),
        ("-x^2", "-x^2"),
        ("a == b", "a == b"),
        ("x -> dense(3)\n    -> relu\n    - b", "x -> dense(3) -> relu - b"),
        ("x * w  # a comment", "x * w"),
        ("f(x,\n    y)", "f(x, y)"),
        ("\n    a + b", "a + b"),
        (">-\n    a\n    + b", "a + b"),
        ('"normal(0, 0.02)"', "normal(0, 0.02)"),
        ("'it''s'", "it's"),
    ],
)
def test_what_needs_no_quotes_is_read_as_it_stands(written, formula):
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", text_of(written)), reporter)
    assert not reporter.diagnostics
    assert document is not None
    assert document.value == {"nodes": {"h": formula, "k": 3}}


def test_heads_of_functions_need_no_quotes():
    document = read_yaml(Source("s.yaml", "functions:\n  f(x1, x2): x1 * x2\n  g(x, y=[1, 2]):\n    returns: x\n"), Reporter())
    assert document is not None
    assert document.value == {"functions": {"f(x1, x2)": "x1 * x2", "g(x, y=[1, 2])": {"returns": "x"}}}


def test_all_traps_of_a_file_are_told_at_once():
    text = "nodes:\n" + "".join(
        f"  n{k}: {value}\n" for k, value in enumerate(("@x", "{a: f(1, 2)}", "`x`", "a ? b : c", "*q + 1", "relu(x # c)"))
    )
    assert [line.split(" ")[0] for line in yaml_messages(text).split("\n") if line.startswith("s.yaml")] == [
        "s.yaml:2:7",
        "s.yaml:3:11",
        "s.yaml:4:7",
        "s.yaml:5:13",
        "s.yaml:6:7",
        "s.yaml:7:7",
    ]
