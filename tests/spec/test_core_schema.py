"""Plain scalars are those of YAML 1.2's core schema."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun.errors import Reporter, Source
from graphrun.spec.scalars import MalformedNumberError, is_plain, resolve
from graphrun.spec.yaml import read_yaml

TABLE = [
    *[(t, True) for t in ("true", "True", "TRUE")],
    *[(t, False) for t in ("false", "False", "FALSE")],
    *[(t, None) for t in ("", "~", "null", "Null", "NULL")],
    *[(t, t) for t in ("y", "n", "Y", "yes", "no", "Yes", "NO", "on", "off", "On", "none", "tRUE", "nULL")],
    *[("0", 0), ("12", 12), ("-3", -3), ("+4", 4), ("017", 17), ("0o17", 15), ("0x1F", 31), ("00", 0), ("-0", 0)],
    *[("1e-3", 0.001), ("1e3", 1000.0), ("1E3", 1000.0), ("-.5", -0.5), (".5", 0.5), ("5.", 5.0), ("+1.5e+2", 150.0), ("012.5", 12.5)],
    *[(".inf", math.inf), ("-.inf", -math.inf), ("+.INF", math.inf), (".Inf", math.inf)],
    *[
        (t, t)
        for t in ("1:30", "1_000", "0b11", "0o8", "0xg", "1e", "e3", "1.2.3", "-", "+", ".", "..", "-.", "2001-12-14", "=", "inf", "nan")
    ],
    *[(t, t) for t in ("- x", "a b", "1 2", "-x", "+x", "0x", "-0x1F", "x[0]", ".x", "٣", "1\u0660")],
    ("1" * 40, int("1" * 40)),
]


@pytest.mark.parametrize(("text", "value"), TABLE)
def test_a_plain_scalar_is_this_value(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan_is_a_number(text):
    found = resolve(text)
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("text", "why"), [("1e999", "too large"), ("-1e999", "too large"), ("1e-999", "too small"), ("9" * 400, "too large")]
)
def test_a_number_that_no_float_can_tell_is_refused(text, why):
    with pytest.raises(MalformedNumberError, match=why):
        resolve(text)


@pytest.mark.parametrize("text", ["y", "n", "yes", "no", "on", "off", "1:30", "1_000", "<", "="])
def test_the_parser_takes_nothing_for_more_than_it_is(text):
    reporter = Reporter()
    document = read_yaml(Source("a.yaml", f"k: {text}\n"), reporter)
    assert document is not None
    assert document.value == {"k": text}
    assert not reporter.diagnostics


@pytest.mark.parametrize("text", ["'true'", '"true"', "'12'", '"~"', "''"])
def test_quoted_scalars_are_text(text):
    document = read_yaml(Source("a.yaml", f"k: {text}\n"), Reporter())
    assert document is not None
    assert document.value == {"k": text[1:-1]}


@given(st.text(max_size=12), st.booleans())
def test_a_text_that_may_be_plain_is_read_as_itself(text, flow):
    if is_plain(text, flow=flow):
        written = f"k: [{text}, 1]\n" if flow else f"k: {text}\n"
        document = read_yaml(Source("a.yaml", written), Reporter())
        assert document is not None
        assert document.value == {"k": [text, 1] if flow else text}
