"""`graphrun render` with each of its options."""

import json
from pathlib import Path

import pytest

from graphrun.cli.main import main
from graphrun.diagram import draw

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capsys):
    def run(*argv, status=0):
        assert main(["render", *map(str, argv)]) == status
        captured = capsys.readouterr()
        return captured.out if status == 0 else captured.err

    return run


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.dot", "digraph"), ("a.mmd", "graph LR\n"), ("a.tex", "\\documentclass"), ("a.txt", " "), ("a.svg", "<?xml"), ("a.SVG", "<?xml")],
)
def test_formats(call, name, begins):
    assert call(SPECS / "neuron.yaml", "-o", name) == f"wrote {name}\n"
    assert Path(name).read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--view", "functions"],
            "graph LR\n    x1_x2[x1,x2] --f--> u[u]\n    u --g--> z[z]\n    z --h--> y[y]\n",
        ),
    ],
)
def test_printed(call, options, expected):
    assert call(SPECS / "functions.yaml", *options, "-o", "-.mmd") == expected


def test_the_four_mermaid_graphs_of_the_reference_text(call):
    second = call(SPECS / "ann.yaml", "--view", "neurons", "--to", "u3", "-o", "-.mmd")
    assert second == (
        "graph LR\n    x1[x1] --w1--> u1([u1])\n    x2[x2] --w2--> u1\n    x1 --w3--> u2([u2])\n    x2 --w4--> u2\n"
        "    u1 --w5--> u3([u3])\n    u2 --w6--> u3\n"
    )
    third = call(SPECS / "ann.yaml", "--view", "neurons", "--to", "hat_y", "--highlight", "forward:w5", "-o", "-.mmd")
    fourth = call(SPECS / "ann.yaml", "--view", "neurons", "--to", "hat_y", "--highlight", "backward:u3", "-o", "-.mmd")
    styled = [line.split()[1] for line in third.split("\n") if line.startswith("    style")]
    assert styled == ["u1", "u3", "hat_y"]
    assert [line.split()[1] for line in fourth.split("\n") if line.startswith("    style")] == ["u3", "hat_y"]
    assert "style u1 fill:#f9f,stroke:#333,stroke-width:4px" in third


def test_text_is_printed_with_a_dash(call):
    out = call(SPECS / "neuron.yaml", "-o", "-")
    assert "│ 4  ∂ 2 ├" in out
    assert max(map(len, out.split("\n"))) <= 80
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "-.png"], "`-.png` cannot be printed"),
        (["-o", "-", "--format", "json"], "`-o -` prints the picture"),
        (["--show", "value"], "did you mean `values`?"),
        (["--depth", "0"], "`0` is no depth"),
        (["--radius", "-1"], "--radius"),
        (["--to", "JJ"], "there is no node `JJ`"),
        (["--focus", "JJ"], "there is no box `JJ`"),
        (["--highlight", "w"], "write forward:w5, backward:u3 or path:w1->L"),
        (["--row", "0"], "`0` is not a row"),
        (["--view", "layers", "--frames", "f"], "the view `layers` has no steps"),
        (["-o", "a.jpg"], "one of .svg, .png, .pdf, .dot, .mmd, .tex, .txt"),
    ],
)
def test_mistakes(call, options, message):
    said = call(SPECS / "neuron.yaml", *options, status=2)
    assert message in said
    assert "Traceback" not in said


def test_auto_chooses(call):
    def shown(name):
        call(SPECS / name, "-o", "a.txt")
        return Path("a.txt").read_text(encoding="utf-8")

    assert "w · x" in shown("neuron.yaml")  # steps
    assert "─w₁─▶" in shown("ann.yaml")  # neurons
    assert "─f─▶" in shown("functions.yaml")  # functions
    assert "4 → 8, tanh" in shown("iris.yaml")  # layers


def test_row(call):
    assert "│ 0 " in call(SPECS / "ann.yaml", "--view", "neurons", "--row", "2", "-o", "-")


def test_trained_weights(call):
    assert main(["train", str(SPECS / "ann.yaml"), "--out", "run", "--quiet"]) == 0
    call(SPECS / "ann.yaml", "--view", "neurons", "--checkpoint", "run", "-o", "trained.dot")
    call(SPECS / "ann.yaml", "--view", "neurons", "--checkpoint", "run/params.safetensors", "-o", "same.dot")
    call(SPECS / "ann.yaml", "--view", "neurons", "-o", "start.dot")
    texts = [Path(f"{name}.dot").read_text(encoding="utf-8") for name in ("trained", "same", "start")]
    trained, same, start = (text.split("// graphrun")[0] for text in texts)
    assert trained == same != start
    assert 'penwidth="5"' in trained


def test_frames(call):
    assert call(SPECS / "neuron.yaml", "--frames", "slides", "-o", "last.mmd") == "wrote 11 pictures to slides\nwrote last.mmd\n"
    assert sorted(p.name for p in Path("slides").iterdir()) == [f"{k:02d}.mmd" for k in range(11)]


def test_json(capsys):
    assert main(["render", str(SPECS / "neuron.yaml"), "-o", "a.dot", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"spec": "neuron", "out": "a.dot"}


def test_links_and_tooltips(call):
    call(SPECS / "neuron.yaml", "--link-base", "https://example.org/specs", "-o", "a.svg")
    text = Path("a.svg").read_text(encoding="utf-8")
    assert 'href="https://example.org/specs/neuron.yaml#L12"' in text
    assert "a = c + b\nfloat64 []\nvalue 4\ngradient ∂ 2\nneuron.yaml, line 12" in text


def test_without_graphviz_dot_and_mermaid_are_written(call, monkeypatch):
    monkeypatch.setattr(draw, "_commands", lambda _: [])
    said = call(SPECS / "neuron.yaml", "-o", "a.png", status=3)
    assert "wrote a.dot and a.mmd instead" in said
    assert "pip install pygraphviz" in said
    assert Path("a.dot").read_text(encoding="utf-8").startswith("digraph")
    assert Path("a.mmd").read_text(encoding="utf-8").startswith("graph LR")


def test_the_same_bytes_twice(call):
    for name in ("one.svg", "two.svg"):
        call(SPECS / "gallery" / "deep.yaml", "--depth", "2", "-o", name)
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()
