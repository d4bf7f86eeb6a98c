"""What reaches a terminal that lacks signs, a closed pipe, and a reader of JSON."""

import io
import json
import math
import sys

import pytest

from graphrun.cli import printing
from graphrun.errors import Diagnostic


class Stream(io.TextIOWrapper):
    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    @property
    def text(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize(
    ("encoding", "text", "found"),
    [
        ("utf-8", "∂J/∂w = ½ · d²", "∂J/∂w = ½ · d²"),
        ("ascii", "∂J/∂w = ½ · d²", "dJ/dw = 1/2 * d^2"),
        ("latin-1", "∂J/∂w · 2", "dJ/dw * 2"),
        ("ascii", "w 2 → 2.4  ▇▅▁", "w 2 -> 2.4  *=_"),
        ("ascii", "naïve 深", "na?ve ?"),
        (None, "a · b", "a * b"),
    ],
)
def test_plain(encoding, text, found):
    assert printing.plain(text, encoding) == found


def test_say_falls_back_to_ascii(monkeypatch):
    stream = Stream("ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    printing.say("∂L/∂w = -4")
    assert stream.text == "dL/dw = -4\n"
    assert not printing.has_signs()


def test_json_is_json_in_any_encoding(monkeypatch):
    for encoding in ("ascii", "utf-8"):
        stream = Stream(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        printing.say_json({"formula": "∂J/∂w", "value": -4})
        assert json.loads(stream.text) == {"formula": "∂J/∂w", "value": -4}


def test_numbers_that_json_lacks_become_strings(monkeypatch):
    stream = Stream("utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    printing.say_json({"a": [math.inf, -math.inf, 1.5], "b": math.nan})
    assert json.loads(stream.text, parse_constant=lambda _: pytest.fail("not JSON")) == {"a": ["inf", "-inf", 1.5], "b": "nan"}


def test_diagnostics_json_counts():
    found = printing.diagnostics_json([Diagnostic("a", "b"), Diagnostic("c", "d", severity="warning")], 3)
    assert (found["files"], found["errors"], found["warnings"]) == (3, 1, 1)
    assert [d["code"] for d in found["diagnostics"]] == ["a", "c"]


@pytest.mark.parametrize(("n", "text"), [(0, "0 files"), (1, "1 file"), (1200, "1,200 files")])
def test_count(n, text):
    assert printing.count(n, "file") == text


def test_width_is_80_where_nobody_watches(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream("utf-8"))
    assert printing.width() == 80
