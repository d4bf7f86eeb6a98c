"""`graphrun test --update` writes found values in place; `--format junit` is a report."""

from pathlib import Path
from xml.etree import ElementTree as Xml

from graphrun.cli.main import main

SPEC = """\
graphrun: 1
inputs: {x: -2, y: 2}
params: {w: 2, v: [1, 2]}   # kept
nodes:
  a: w * x
  J: (a - y)^2 + sum(v)
loss: J
metrics: {far: abs(a)}
expect:
  - values: {a: -5, J: 67}   # beside
    gradients:
      w: 32.5
      v:
        - 1   # this comment is not lost
        - 3   # nor this
    shapes: {v: [3]}
    parameters: 4
  - metrics: {far: "< 3"}
"""
RIGHT = (
    SPEC.replace("a: -5", "a: -4")
    .replace("J: 67", "J: 39")
    .replace("w: 32.5", "w: 24")
    .replace("- 3   # nor this", "- 1   # nor this")
    .replace("v: [3]}", "v: [2]}")
    .replace("parameters: 4", "parameters: 3")
)


def test_found_values_are_written_in_place(tmp_path, capsys):
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    assert main(["test", str(path)]) == 1
    assert path.read_text() == SPEC
    assert main(["test", str(path), "--update"]) == 1  # the bound is left, and does not hold
    out, err = capsys.readouterr()
    assert err == f"wrote 6 values into {path}\n"
    assert path.read_text() == RIGHT
    assert 'line 18: metrics far: expected < 3, found 4' in out
    assert main(["test", str(path), "--update"]) == 1
    assert path.read_text() == RIGHT


def test_junit(tmp_path, capsys):
    path, broken = tmp_path / "net.yaml", Path(tmp_path / "b<r>.yaml")
    path.write_text(SPEC)
    broken.write_text("graphrun: 1\nnodes: {J: x}\nloss: J\n")
    assert main(["test", str(path), str(broken), "--format", "junit"]) == 1
    root = Xml.fromstring(capsys.readouterr().out)
    assert (root.get("tests"), root.get("failures")) == ("8", "8")
    assert [s.get("name").rpartition("/")[2] for s in root] == ["net.yaml", "b<r>.yaml"]
    assert "there is no value called `x`" in root[1][0][0].text
    assert root[0][0].get("name") == "expect 1: parameters"


def test_a_report_goes_to_a_file(tmp_path, capsys):
    assert main(["test", "specs/neuron.yaml", "--format", "junit", "-o", str(tmp_path / "found.xml")]) == 0
    assert capsys.readouterr().out == ""
    assert Xml.parse(tmp_path / "found.xml").getroot().get("failures") == "0"


def test_numbers_of_float32_are_written_short_and_nested_lists_keep_their_layout(tmp_path, capsys):
    path = tmp_path / "net.yaml"
    path.write_text(
        "graphrun: 1\ndtype: float32\ninputs: {x: {shape: [2, 2], default: [[1, 2], [3, 4]]}}\nnodes:\n  y: x * 0.1\n  z: sum(y)\n"
        "expect:\n  - values:\n      y: [[0, 0],   # the first row\n          [0.3, 0]]\n      z: 7\n"
    )
    assert main(["test", str(path), "--update"]) == 0
    assert capsys.readouterr().err == f"wrote 2 values into {path}\n"
    assert path.read_text().partition("expect:\n")[2] == (
        "  - values:\n      y: [[0.1, 0.2],   # the first row\n          [0.3, 0.4]]\n      z: 1\n"
    )
