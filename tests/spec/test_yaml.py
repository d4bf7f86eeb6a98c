"""Malformed YAML and what the language takes from YAML: whole messages, in our words."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_helpers import golden, yaml_messages

from graphrun.errors import Reporter, Source
from graphrun.spec.yaml import BROKEN, read_yaml

CASES = {
    "duplicate keys": "a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n",
    "tags": "a: !!int 3\nb: !mine {x: 1}\nc: !!set [1]\n",
    "merge key": "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n",
    "keys that are no text": "? [a]\n: 3\n? {b: 1}\n: 4\nc: 5\n",
    "alias as a key": "a: &a 1\n*a : 2\n",
    "key is missing": "a: 1\n: 2\n",
    "no value": "a:\nb: ~\nc: null\nd: {x: , y: 1}\ne: {x:1}\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "directive": "%YAML 1.1\n---\na: 1\n",
    "unknown alias": "a: *b\n",
    "alias inside of itself": "a: &a [1, *a]\n",
    "aliases without end": "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join(['*' + chr(97 + k)] * 10)}]\n" for k in range(8)),
    "nested too deep": "a: " + "[" * 100 + "]" * 100 + "\n",
    "control characters": "a: x\x84y\nb: \x85 1\nc: \u2028\n",
    "tabs": "a:\n\tx: 1\n\ty: 2\nb: 1\n",
    "tab before a continuation": "a: x\n\t+ y\n",
    "too deep": "a:\n  x: 1\n    y: 2\n",
    "too shallow": "a:\n    x: 1\n  y: 2\n",
    "colon is missing": "a:\n  x 3\n  y: 2\n",
    "colon is missing at the end": "a:\n  x: 3\n  y\n",
    "blank after the colon is missing": "a:\n  x:3\n  y: 2\n",
    "bracket is never closed": "a: {x: 1, y: 2\nb: 3\n",
    "square bracket is never closed": "a:\n  b: [1,\n    2\nc: 3\n",
    "bracket of a call is never closed": "a: {x: f(1, 2, y: 3}\n",
    "bracket is never opened": "a: 1]\nb: x: 3\n",
    "quote is never closed": "a: 'x\nb: 2\n",
    "quote is never closed, with another below": "a: 'x\nb: 'y'\n",
    "double quote is never closed": 'a: {x: "y}\nb: 1\n',
    "unknown escape": 'a: "\\q"\nb: 2\n',
    "numbers": "a: 1e999\nb: [1, -1e999]\n",
    "several faults": "a: @x\nb: {y: f(1, 2)}\na: 2\nc:\nd: !x 3\ne: *n\n",
    "anchor given to a whole formula": "a: &x 3\nb: 4\n",
}


def test_each_fault_has_its_message():
    found = {name: yaml_messages(text) for name, text in CASES.items()}
    assert found == golden("yaml.txt", found)


@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
def test_the_parser_in_python_finds_the_same_faults(text):
    codes = []
    for loader in (None, yaml.SafeLoader):
        reporter = Reporter()
        read_yaml(Source("s.yaml", text), reporter, loader=loader)
        codes.append({(d.code, d.place.line if d.place else 0) for d in reporter.diagnostics})
    assert codes[0] == codes[1]


def test_an_alias_repeats_a_value():
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", "a: &a {x: [1, 2]}\nb: *a\nc: &c 3\nd: [*c, *c]\n"), reporter)
    assert document is not None
    assert not reporter.diagnostics
    assert document.value == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": 3, "d": [3, 3]}
    assert document.whole
    assert str(document.places.value(("b",))) == "s.yaml:2:4"
    assert str(document.places.value(("b", "x", 1))) == "s.yaml:1:15"


def test_windows_line_ends_and_a_document_start_are_fine():
    document = read_yaml(Source("s.yaml", "---\r\na: 1\r\nb: x +\r\n  y\r\n"), Reporter())
    assert document is not None
    assert document.value == {"a": 1, "b": "x + y"}


def test_keys_given_twice_are_told_with_the_line_of_the_first_however_many_there_are():
    size = 5000
    text = "".join(f"k{k}: 1\nk{k}: 2\n" for k in range(size)) + "k7: 3\n"
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", text), reporter)
    assert [d.notes for d in reporter.diagnostics] == [*((f"first on line {2 * k + 1}",) for k in range(size)), ("first on line 15",)]
    assert document is not None
    assert document.value == {f"k{k}": 1 for k in range(size)}
    assert document.places.key(("k4999",)).line == 2 * size - 1


def test_a_value_that_cannot_be_read_is_marked():
    document = read_yaml(Source("s.yaml", "a: @x\nb: 1\n"), Reporter())
    assert document is not None
    assert document.value == {"a": BROKEN, "b": 1}
    assert not document.whole


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:,-[]{}()'\"#&*!|>@%` \n\t\\1.~?x", max_size=40))
def test_no_text_raises_and_every_fault_has_a_place_inside(text):
    reporter = Reporter()
    source = Source("s.yaml", text)
    document = read_yaml(source, reporter)
    assert (
        document is not None or reporter.diagnostics or not text.strip() or text.strip().startswith("#") or "---" in text or "..." in text
    )
    for d in reporter.diagnostics:
        assert d.place is not None
        assert 1 <= d.place.line <= d.place.end_line <= len(source.lines)
        assert d.place.column <= len(source.line(d.place.line)) + 1
        assert "yaml." not in d.to_text()
        assert "expected <" not in d.to_text()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:,-[]{}()'\"#&*!|>@%` \n\t\\1.~?x", max_size=30), st.integers(0, 60))
def test_a_spec_with_a_stretch_of_anything_in_it_raises_nothing(text, at):
    base = "graphrun: 1\ninputs: {x: 1}\nnodes:\n  a: f(x, 2)\n  b: [a, relu]\n"
    at = min(at, len(base))
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", base[:at] + text + base[at:]), reporter)
    assert document is not None or reporter.diagnostics
