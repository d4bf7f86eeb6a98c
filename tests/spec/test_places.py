"""Offsets in a formula's text lead to the characters in the file, however YAML has it written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrun.errors import Reporter, Source
from graphrun.spec.places import PlaceTable
from graphrun.spec.yaml import read_yaml


def read(text: str) -> tuple[object, PlaceTable]:
    document = read_yaml(Source("s.yaml", text), Reporter())
    assert document is not None
    return document.value, document.places


def under(places: PlaceTable, path: tuple[str | int, ...], start: int, end: int, *, key: bool = False) -> str:
    """The characters of the file at a place of one line."""
    place = (places.within_key if key else places.within)(path, start, end)
    assert place.line == place.end_line
    return place.source.line(place.line)[place.column - 1 : place.end_column - 1]


@pytest.mark.parametrize(
    "text",
    [
        "h: alpha + beta\n",
        "h:   alpha + beta   # a comment\n",
        "h: alpha\n  + beta\n",
        "h: alpha +\n\n   beta\n",
        "h:\n  alpha\n    + beta\n",
        "h: 'alpha + beta'\n",
        'h: "alpha + beta"\n',
        "h: 'alpha\n   + beta'\n",
        'h: "alpha \\\n   + beta"\n',
        'h: "alpha\\x20+\\u0020beta"\n',
        "h: &k alpha + beta\ni: *k\n",
        "h: &k 'alpha + beta'\ni: *k\n",
        "h: >-\n  alpha\n  + beta\n",
        "h: >  # folded\n    alpha\n    + beta\n",
        "h: |\n  alpha\n  + beta\n",
        "h: |-\n\n  alpha\n\n  + beta\n",
        "{h: alpha + beta}\n",
        "h: alpha + beta\r\ni: 3\r\n",
        "h: alpha\r\n  + beta\r\n",
        "ä: 1\nh: alpha + beta\n",
        '"h": alpha + beta\n',
    ],
)
def test_parts_of_a_formula_are_found(text):
    value, places = read(text)
    assert isinstance(value, dict)
    formula = value["h"]
    for word in ("alpha", "+", "beta"):
        at = formula.index(word)
        assert under(places, ("h",), at, at + len(word)) == word
    whole = places.within(("h",), 0, len(formula))
    assert places.value(("h",)).line <= whole.line


def test_doubled_quotes_and_escapes_count_as_they_are_written():
    value, places = read("a: 'f(''same'') + x'\nb: \"f(\\\"same\\\") + \\u03b1 + x\"\nc: 'it''s ''x'''\n")
    assert isinstance(value, dict)
    for name in ("a", "b"):
        at = value[name].index("same")
        assert under(places, (name,), at, at + 4) == "same"
        assert under(places, (name,), len(value[name]) - 1, len(value[name])) == "x"
    assert under(places, ("a",), value["a"].index("'"), value["a"].index("'") + 1) == "''"
    assert under(places, ("b",), value["b"].index("α"), value["b"].index("α") + 1) == "\\u03b1"
    assert under(places, ("c",), 5, 6) == "''"


def test_parts_of_a_key_are_found():
    value, places = read("functions:\n  f(x, units=8): x\n  'g(a, b)': a\n")
    assert isinstance(value, dict)
    assert under(places, ("functions", "f(x, units=8)"), 5, 10, key=True) == "units"
    assert under(places, ("functions", "g(a, b)"), 5, 6, key=True) == "b"


def test_a_number_is_underlined_as_a_whole():
    _, places = read("a: 1e3\nb: 0x1F\nc: true\n")
    assert under(places, ("a",), 0, 6) == "1e3"
    assert under(places, ("a",), 3, 4) == "1e3"
    assert under(places, ("b",), 0, 2) == "0x1F"


def test_a_part_that_is_not_there_is_told_at_the_nearest_that_is():
    _, places = read("graphrun: 1\nparams:\n  w: {init: 3}\n  v: 2\ntrain: {}\nlist: [1, 2]\n")
    assert str(places.value(("params", "w", "shape"))) == "s.yaml:3:3"
    assert str(places.value(("params", "v", "init"))) == "s.yaml:4:6"
    assert str(places.within(("params", "v", "init"), 0, 1)) == "s.yaml:4:6"
    assert str(places.value(("train", "steps"))) == "s.yaml:5:1"
    assert str(places.key(("train", "steps"))) == "s.yaml:5:1"
    assert str(places.value(("nodes", "x"))) == "s.yaml:1:1"
    assert str(places.value(("list", 5))) == "s.yaml:6:7"
    assert str(places.value(())) == "s.yaml:1:1"


def test_offsets_past_the_end_stay_inside():
    _, places = read("a: x + y\nb: 'x'\n")
    for start, end in ((0, 99), (5, 99), (99, 99), (5, 5), (0, 0)):
        for name in ("a", "b"):
            place = places.within((name,), start, end)
            assert place.line == place.end_line == (1 if name == "a" else 2)
            assert place.column < place.end_column <= 10


def test_entries_of_lists_and_of_rows():
    _, places = read("rows:\n  - [1, two]\n  - - 3\n    - {a: 4}\n")
    assert str(places.value(("rows", 0, 1))) == "s.yaml:2:9"
    assert str(places.value(("rows", 1, 1, "a"))) == "s.yaml:4:11"
    assert str(places.key(("rows", 1))) == "s.yaml:3:5"
    whole = places.value(("rows", 1))
    assert (whole.line, whole.column, whole.end_line, whole.end_column) == (3, 5, 4, 13)


WORDS = st.lists(st.sampled_from(["a", "bc", "+", "f(x)", "it's", '"q"', "\\", "é", "-", "->", "x[0]"]), min_size=1, max_size=6)


def _styles(words: list[str]) -> list[str]:
    """A text of these words written in every style, over one line and over several."""
    double = [json.dumps(w, ensure_ascii=False)[1:-1] for w in words]
    single = [w.replace("'", "''") for w in words]
    out = []
    for gap in (" ", "\n    ", "\n\n    "):
        out.append("'" + gap.join(single) + "'")
        out.append('"' + gap.join(double) + '"')
        out.append("zz " + gap.join(words))
        out.append(">-\n    " + gap.join(words))
        out.append("|\n    " + gap.join(words))
    out.append('"' + "\\\n    ".join(double) + '"')
    out.append('"' + "\\u0020".join(double) + '"')
    return out


@settings(max_examples=60, deadline=None)
@given(WORDS, st.integers(0, 16))
def test_every_character_is_found_in_every_style(words, style):
    written = _styles(words)[style]
    reporter = Reporter()
    document = read_yaml(Source("s.yaml", f"k: {written}\nl: 1\n"), reporter)
    if reporter.diagnostics or document is None:
        return
    value = document.value["k"]
    for at, char in enumerate(value):
        if char.isspace():
            continue
        found = under(document.places, ("k",), at, at + 1)
        assert found in {char, {"'": "''", '"': '\\"', "\\": "\\\\"}.get(char)}
