"""How the values of flags are read."""

import math

import pytest

from graphrun.cli.options import assignments, row, suffix
from graphrun.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=3", 3),
        ("x=-2.5", -2.5),
        ("x=1e-3", 1e-3),
        ("x=.5", 0.5),
        ("x=-.5", -0.5),
        ("x=5.", 5.0),
        ("x=1_000", 1000),
        ("x=017", 17),
        ("x=0", 0),
        ("x=+3", 3),
        ("x=10.05", 10.05),
        ("x=100", 100),
        ("x=1.003", 1.003),
        ("x=true", True),
        ("x=inf", math.inf),
        ("x=-inf", -math.inf),
        ("x=[1, 2.5]", [1, 2.5]),
        ("x=[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        (" x = 3 ", 3),
    ],
)
def test_a_value_is_a_number_or_a_list_of_them(text, value):
    assert assignments("--feed", [text]) == {"x": value}


def test_names_may_have_dots():
    assert assignments("--at", ["h.0.weight=1"]) == {"h.0.weight": 1}


@pytest.mark.parametrize("text", ["x", "=3", "x=", "x=abc", 'x="3"', 'x={"a": 1}', "x=[1, null]", "1x=3", "x=1 2", "x=__import__('os')"])
def test_anything_else_is_an_error(text):
    with pytest.raises(UsageError) as caught:
        assignments("--feed", [text])
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message.startswith("--feed: ")
    assert diagnostic.help.startswith("write it as `--feed ")


def test_a_name_given_twice_is_an_error():
    with pytest.raises(UsageError, match="`x` is given twice"):
        assignments("--at", ["x=1", "x=2"])


@pytest.mark.parametrize(("text", "value"), [(None, None), ("all", "all"), ("1", 1), ("12", 12)])
def test_row(text, value):
    assert row(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "first", "1.5", ""])
def test_a_row_counts_from_one(text):
    with pytest.raises(UsageError, match="is not a row"):
        row(text)


def test_the_suffix_of_an_output_file_says_its_format():
    assert suffix("-o", "a/b.SVG", (".svg", ".png")) == ".svg"
    with pytest.raises(UsageError, match=r"cannot tell the format from `a`") as caught:
        suffix("-o", "a", (".svg", ".png"))
    assert caught.value.diagnostics[0].help == "end the name in one of .svg, .png"
    with pytest.raises(UsageError, match=r"\.tex files are not there yet"):
        suffix("-o", "a.tex", (".md",), later=(".tex",))
