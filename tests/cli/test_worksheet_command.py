"""`graphrun worksheet`: the files it writes, whole outputs of marking, exit status, files of answers with faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from graphrun.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")


def said(capsys: Any, *argv: str, status: int = 0) -> str:
    assert main(["worksheet", *argv]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err  # type: ignore[no-any-return]


def _filled(sheet: str, **answers: str) -> str:
    """A file of answers with some of its blanks filled in: `forward_c="-4"`."""
    part, out = "", []
    for line in sheet.splitlines():
        if line and not line.startswith((" ", "#")):
            part = line.partition(":")[0]
        name = line.strip().removesuffix(":")
        out.append(f"{line} {answers.pop(f'{part}_{name}', '')}" if line.startswith("  ") else line)
    assert not answers
    return "\n".join(out) + "\n"


NEURON = {
    **{f"forward_{k}": v for k, v in {"c": "-4", "a": "4", "d": "2", "J": "2"}.items()},
    **{f"backward_{k}": v for k, v in {"J": "1", "d": "2", "a": "2", "c": "2", "b": "2", "w": "-4"}.items()},
    **{f"update_{k}": v for k, v in {"w": "2.4", "b": "7.8"}.items()},
}


def test_a_sheet_is_printed_and_its_key(capsys: Any) -> None:
    sheet = said(capsys, "specs/neuron.yaml")
    assert "10. `∂J/∂w = ∂J/∂c · ∂c/∂w` = ________ · ________ = ________\n" in sheet
    assert "-4" not in sheet
    assert "10. `∂J/∂w = ∂J/∂c · ∂c/∂w` = `2 · (-2)` = **-4**\n" in said(capsys, "specs/neuron.yaml", "--key")


def test_sheet_key_and_answers_are_written(capsys: Any) -> None:
    out = said(capsys, "specs/neuron.yaml", "-o", "a.b.md")
    assert out == "wrote a.b.md, beside each a file of answers to fill in (.yaml), and the key a.b-key.md\n"
    assert sorted(p.name for p in Path().glob("a*")) == ["a.b-key.md", "a.b.md", "a.b.yaml"]
    assert said(capsys, "specs/neuron.yaml", "-o", "a.md", "--quiet") == ""


def test_variants_are_written_and_can_be_marked(capsys: Any) -> None:
    out = said(capsys, "specs/ann.yaml", "-o", "s.md", "--variants", "3", "--seed", "1")
    assert out == "wrote s-1.md to s-3.md, beside each a file of answers to fill in (.yaml), and the key s-key.md\n"
    sheets = [Path(f"s-{k}.md").read_text() for k in (1, 2, 3)]
    assert len(set(sheets)) == 3
    key = Path("s-key.md").read_text()
    assert all(f"# ann, sheet {k}: key\n" in key for k in (1, 2, 3))
    first = sheets[0].partition("Inputs: ")[2].partition("\n")[0]
    assert first in key
    u1 = key.partition("`u1 = w1 · x1 + w2 · x2` = ")[2].partition("**")[2].partition("**")[0]
    Path("s-1.yaml").write_text(_filled(Path("s-1.yaml").read_text(), forward_u1=u1))
    out = said(capsys, "specs/ann.yaml", "--check", "s-1.yaml", "--quiet", status=1)
    assert out.endswith("1 of 22 right\n")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_all_right_is_status_0(capsys: Any, ends: str) -> None:
    said(capsys, "specs/neuron.yaml", "-o", "n.md")
    text = _filled(Path("n.yaml").read_text(), **NEURON)
    Path("n.yaml").write_bytes(("\ufeff" + text).replace("\n", ends).encode())
    assert said(capsys, "specs/neuron.yaml", "--check", "n.yaml") == (
        "FORWARD\n"
        "  c     = -4    right\n"
        "  a     = 4     right\n"
        "  d     = 2     right\n"
        "  J     = 2     right\n"
        "\n"
        "BACKWARD\n"
        "  ∂J/∂J = 1     right\n"
        "  ∂J/∂d = 2     right\n"
        "  ∂J/∂a = 2     right\n"
        "  ∂J/∂c = 2     right\n"
        "  ∂J/∂b = 2     right\n"
        "  ∂J/∂w = -4    right\n"
        "\n"
        "UPDATE\n"
        "  w     = 2.4   right\n"
        "  b     = 7.8   right\n"
        "\n"
        "12 of 12 right\n"
    )
    assert said(capsys, "specs/neuron.yaml", "--check", "n.yaml", "--quiet") == "12 of 12 right\n"


def test_mistakes_are_told_in_eighty_columns(capsys: Any) -> None:
    said(capsys, "specs/neuron.yaml", "-o", "n.md")
    answers = {**NEURON, "forward_c": "4", "forward_a": "12", "backward_a": "-2", "backward_c": "", "backward_w": "4/1", "update_w": "1.6"}
    Path("n.yaml").write_text(_filled(Path("n.yaml").read_text(), **answers))
    assert said(capsys, "specs/neuron.yaml", "--check", "n.yaml", "--quiet", status=1) == (
        "FORWARD\n"
        "  c     = 4     the sign is wrong; it is -4\n"
        "  a     = 12    right by your c, which is wrong above; it is 4\n"
        "\n"
        "BACKWARD\n"
        "  ∂J/∂a = -2    the sign is wrong; it is 2\n"
        "  ∂J/∂c         not answered\n"
        "  ∂J/∂w = 4     right by your ∂J/∂a, which is wrong above; it is -4\n"
        "\n"
        "UPDATE\n"
        "  w     = 1.6   right by your ∂J/∂w, which is wrong above; it is 2.4\n"
        "\n"
        "6 of 12 right, 3 more right by wrong answers above them\n"
    )


def test_json(capsys: Any) -> None:
    Path("n.yaml").write_text("forward: {c: 4}\n")
    found = json.loads(said(capsys, "specs/neuron.yaml", "--check", "n.yaml", "--format", "json", status=1))
    assert {k: found[k] for k in ("spec", "sheet", "right", "follows", "of")} == {
        "spec": "neuron",
        "sheet": 0,
        "right": 0,
        "follows": 0,
        "of": 12,
    }
    assert found["marks"][0] == {
        "part": "forward",
        "name": "c",
        "answer": 4,
        "expected": -4,
        "right": False,
        "follows": False,
        "mistake": "the sign is wrong",
    }


def test_row_and_values_by_hand_are_in_the_file_of_answers(capsys: Any) -> None:
    said(capsys, "specs/ann.yaml", "-o", "r.md", "--row", "2", "--at", "w1=3")
    assert "\nspec: ann\nrow: 2\nat: {\"w1\": 3}\n" in Path("r.yaml").read_text()
    assert "Row 2 of 8.\n" in Path("r.md").read_text()
    Path("r.yaml").write_text(_filled(Path("r.yaml").read_text(), forward_u1="4"))  # 3 · 2 + 2 · (-1)
    assert "  u1        = 4   right\n" in said(capsys, "specs/ann.yaml", "--check", "r.yaml", status=1)


def test_names_of_steps_are_kept(capsys: Any) -> None:
    said(capsys, "specs/larger.yaml", "-o", "l.md")
    Path("l.yaml").write_text(_filled(Path("l.yaml").read_text(), **{"forward_a1#1": "2", "backward_a2#2": "-2"}))
    out = said(capsys, "specs/larger.yaml", "--check", "l.yaml", status=1)
    assert "  a1#1     = 2    right\n" in out
    assert "  ∂J/∂a2#2 = -2   the sign is wrong; it is 2\n" in out


def test_all_faults_of_a_file_of_answers_are_told(capsys: Any) -> None:
    Path("bad.yaml").write_text('spec: 3\nsheet: -1\nforwards: {}\nforward: 4\nbackward: {d: abc, a: "2,5", b: .nan, J: 1/0}\n')
    assert said(capsys, "specs/neuron.yaml", "--check", "bad.yaml", status=1) == (
        "bad.yaml:1:7 error wrong-type: `spec` is the name of a spec\n"
        "    1 | spec: 3\n"
        "      |       ^\n"
        "\n"
        "bad.yaml:2:8 error wrong-type: `sheet` is a whole number\n"
        "    2 | sheet: -1\n"
        "      |        ^^\n"
        "\n"
        "bad.yaml:3:1 error unknown-key: `forwards` is not a key of a file of answers\n"
        "    3 | forwards: {}\n"
        "      | ^^^^^^^^\n"
        "   help: did you mean `forward`?\n"
        "\n"
        "bad.yaml:4:10 error wrong-type: `forward` is a mapping name → number\n"
        "    4 | forward: 4\n"
        "      |          ^\n"
        "\n"
        "bad.yaml:5:15 error wrong-type: the answer for `d` is not a number\n"
        '    5 | backward: {d: abc, a: "2,5", b: .nan, J: 1/0}\n'
        "      |               ^^^\n"
        "   help: write a number, such as -4, 0.5 or 1/2\n"
        "\n"
        "bad.yaml:5:23 error wrong-type: the answer for `a` is not a number\n"
        '    5 | backward: {d: abc, a: "2,5", b: .nan, J: 1/0}\n'
        "      |                       ^^^^^\n"
        "   help: write it with a point: 2.5\n"
        "\n"
        "bad.yaml:5:33 error wrong-type: the answer for `b` is not a number\n"
        '    5 | backward: {d: abc, a: "2,5", b: .nan, J: 1/0}\n'
        "      |                                 ^^^^\n"
        "   help: write a number, such as -4, 0.5 or 1/2\n"
        "\n"
        "bad.yaml:5:42 error wrong-type: the answer for `J` is not a number\n"
        '    5 | backward: {d: abc, a: "2,5", b: .nan, J: 1/0}\n'
        "      |                                          ^^^\n"
        "   help: write a number, such as -4, 0.5 or 1/2\n"
    )


def test_a_name_that_the_sheet_does_not_have(capsys: Any) -> None:
    Path("bad.yaml").write_text("forward: {q: 1, cc: 2}\nupdate: {x: 3}\n")
    out = said(capsys, "specs/neuron.yaml", "--check", "bad.yaml", status=1)
    assert "error unknown-name: the sheet asks for no `q` in `forward`" in out
    assert "help: its names are c, a, d, J\n" in out
    assert "help: did you mean `c`?\n" in out
    assert "the sheet asks for no `x` in `update`" in out


@pytest.mark.parametrize(
    ("argv", "status", "text"),
    [
        (["specs/ann.yaml", "--variants", "3"], 2, "--variants writes many sheets"),
        (["specs/ann.yaml", "-o", "s.pdf"], 2, "cannot tell the format"),
        (["specs/ann.yaml", "--format", "json"], 2, "nothing is marked"),
        (["specs/xor.yaml"], 2, "no-worksheet"),
        (["specs/neuron.yaml", "--check", "none.yaml"], 2, "none.yaml cannot be read"),
        (["specs/neuron.yaml", "--check", "specs"], 2, "specs cannot be read"),
        (["specs/neuron.yaml", "--check", "empty.yaml"], 1, "empty.yaml is not a file of answers"),
        (["specs/neuron.yaml", "--check", "latin.yaml"], 1, "latin.yaml is not a text in UTF-8"),
        (["specs/neuron.yaml", "--check", "other.yaml"], 2, "answers a sheet of `ann`"),
        (["specs/neuron.yaml", "--check", "other.yaml", "-o", "s.md"], 2, "--check marks answers"),
    ],
)
def test_usage(capsys: Any, argv: list[str], status: int, text: str) -> None:
    Path("empty.yaml").write_text("")
    Path("latin.yaml").write_bytes("spec: gr\xf6\xdfe\n".encode("latin-1"))
    Path("other.yaml").write_text("spec: ann\n")
    assert text in said(capsys, *argv, status=status)
