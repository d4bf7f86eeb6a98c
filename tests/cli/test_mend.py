"""`validate --fix` mends what is certain, and leaves everything else as it is."""

from pathlib import Path

import pytest

from graphrun.cli.main import main

HEAD = "graphrun: 1\ninputs: {x: {shape: [4]}, y: 2}\n"
TAIL = "loss: J\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("params: {w: 2}\nnodes:\n  J: w * y  # note\nlos: J\n", "params: {w: 2}\nnodes:\n  J: w * y  # note\nloss: J\n"),
        ("params:\n  w: {shape: [4], init: 0, trainable: yes}\nnodes: {J: sum(w * x)}\n" + TAIL, None),
        ("params:\n  w: {shape: [4], init: normal(0, 0.02)}\nnodes:\n  J: sum(w * x)\n" + TAIL, None),
        ("params: {w: 2}\nnodes: {J: x[0] * w}\n" + TAIL, None),
        ("params: {w: 2}\nnodes:\n  k: [1, 2] * y\n  J: sum(k) * w\n" + TAIL, None),
        ("params: {w: 2}\nnodes:\n  J: sum(x[1: 3]) * w\n" + TAIL, None),
        ("params: {w: 2}\nnodes:\n  J: sum(x) * w\n" + TAIL + "train: {stesp: 3, optimiser: sgd(lr=0.1)}\n", None),
        ("params: {w: 2}\nnodes:\n  J: sum(x) * w\n" + TAIL + "dtype: flaot32\n", None),
    ],
)
def test_a_mended_spec_is_valid(wrong, right, tmp_path, capsys):
    path = tmp_path / "net.yaml"
    path.write_bytes((HEAD + "# kept\n\n" + wrong).replace("\n", "\r\n").encode())
    assert main(["validate", str(path)]) == 1
    assert main(["validate", str(path), "--fix"]) == 0
    assert capsys.readouterr().err.startswith("mended ")
    mended = path.read_bytes().decode()
    assert "\r\n# kept\r\n" in mended
    assert mended.count("\r\n") == mended.count("\n")
    if right is not None:
        assert mended == (HEAD + "# kept\n\n" + right).replace("\n", "\r\n")


def test_what_is_not_certain_is_left(tmp_path, capsys):
    path = tmp_path / "net.yaml"
    text = HEAD + "nodes: {J: v * y}\nloss: J\nzzz: 3\n"
    path.write_text(text)
    assert main(["validate", str(path), "--fix"]) == 1
    assert path.read_text() == text


def test_a_file_that_is_no_text_is_left(tmp_path, capsys):
    path = Path(tmp_path / "net.yaml")
    path.write_bytes(b"graphrun: 1\n\xff\n")
    assert main(["validate", str(path), "--fix"]) == 1
    assert path.read_bytes() == b"graphrun: 1\n\xff\n"
