"""Files say how they were made, and `--check` finds those that are stale."""

import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphrun.cli.main import main
from graphrun.diagram.notes import put_note, read_note, without_note

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    for name in ("neuron", "larger"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", tmp_path / "specs")


@pytest.fixture
def call(capsys):
    def run(*argv, status=0):
        assert main(list(argv)) == status
        found = capsys.readouterr()
        return found.out + found.err

    return run


def edited(path, old, new):
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("suffix", ["svg", "png", "dot", "pdf"])
def test_a_picture_is_fresh_until_its_spec_changes(call, suffix):
    out = f"pictures/neuron.{suffix}"
    call("render", "specs/neuron.yaml", "--direction", "TB", "--set", "train.steps=7", "-o", out)
    assert call("render", "--check", out) == "the file is as it would be made now\n"
    edited("specs/neuron.yaml", "a: c + b", "a: c - b")
    told = call("render", "--check", out, status=1)
    assert f"{out}: stale: make it again with `graphrun render" in told
    assert "--direction=TB" in told
    assert told.endswith("1 file of 1 not as made now\n")


def test_what_does_not_show_makes_nothing_stale(call):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    edited("specs/neuron.yaml", "# one step each", "# one step for each")
    call("render", "--check", "a.dot")


def test_checked_from_another_folder(call, monkeypatch, tmp_path):
    call("render", "specs/neuron.yaml", "-o", "pictures/a.dot")
    call("diff", "specs/neuron.yaml", "specs/larger.yaml", "-o", "pictures/b.md")
    monkeypatch.chdir(tmp_path / "pictures")
    assert call("render", "--check", "a.dot", "b.md") == "all 2 files are as they would be made now\n"
    edited("../specs/larger.yaml", "lr=0.01", "lr=0.02")
    assert "b.md: stale: make it again with `graphrun diff -o b.md ../specs/neuron.yaml ../specs/larger.yaml`" in call(
        "render", "--check", "a.dot", "b.md", status=1
    )


def test_both_can_move_together(call, monkeypatch, tmp_path):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    (tmp_path / "elsewhere").mkdir()
    for name in ("specs", "a.dot"):
        shutil.move(tmp_path / name, tmp_path / "elsewhere")
    call("render", "--check", "elsewhere/a.dot")


def test_a_changed_picture_is_stale(call):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    edited("a.dot", "digraph", "strict digraph")
    call("render", "--check", "a.dot", status=1)


def test_another_graphviz_is_no_fault_of_the_picture(call, tmp_path):
    call("render", "specs/neuron.yaml", "-o", "a.svg")
    data = (tmp_path / "a.svg").read_bytes()
    note = read_note(data, "svg")
    moved = without_note(data, "svg").replace(b"</svg>", b"<g/></svg>")
    other = {**note["drawn"], "by": "dot 1.0 elsewhere"}
    (tmp_path / "a.svg").write_bytes(put_note(moved, "svg", {**note, "drawn": other}))
    call("render", "--check", "a.svg")
    (tmp_path / "a.svg").write_bytes(put_note(moved, "svg", {**note, "drawn": {**other, "from": "0" * 16}}))
    call("render", "--check", "a.svg", status=1)
    (tmp_path / "a.svg").write_bytes(put_note(moved, "svg", note))
    call("render", "--check", "a.svg", status=1)


def test_json(call, capsys):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    assert main(["render", "--check", "a.dot", "specs/neuron.yaml", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "files": 2,
        "stale": [{"file": "specs/neuron.yaml", "why": "it does not say how it was made; make it again with `-o`"}],
    }


def test_what_cannot_be_made_again(call, tmp_path):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    os.rename("specs/neuron.yaml", "specs/gone.yaml")
    assert "a.dot: it cannot be made again: there is no file specs/neuron.yaml" in call("render", "--check", "a.dot", status=1)
    assert "there is no file b.dot" in call("render", "--check", "a.dot", "b.dot", status=2)


@pytest.mark.parametrize(
    "made",
    [
        {"command": "train", "given": {"spec": "specs/neuron.yaml"}},
        {"command": "render", "given": {"specs": ["specs/neuron.yaml"], "out": "evil.svg"}},
        {"command": "render", "given": {"specs": ["specs/neuron.yaml"], "out_dir": "evil"}},
        {"command": "render", "given": {"specs": ["specs/neuron.yaml", "specs/larger.yaml"]}},
        {"command": "render", "given": {"specs": ["specs/neuron.yaml"], "view": "-o=evil.svg"}},
        {"command": "render", "given": {"specs": ["-oevil.svg"]}},
        {"command": "render", "given": {"nothing": 3}},
        {"command": "render", "given": []},
        "render",
    ],
)
def test_a_note_can_ask_for_nothing_else(call, made, tmp_path):
    call("render", "specs/neuron.yaml", "-o", "a.dot")
    data = (tmp_path / "a.dot").read_bytes()
    (tmp_path / "a.dot").write_bytes(put_note(data, "dot", {"made": made}))
    call("render", "--check", "a.dot", status=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dot", "specs"]


def test_two_specs_without_check_are_too_many(call):
    assert "one spec is wanted, and 2 are given" in call("render", "specs/neuron.yaml", "specs/larger.yaml", status=2)


# -- the notes themselves ----------------------------------------------------------------------------------------------

NOTE = {"made": {"given": {"about": "--> <!-- ]]> -- \\ \n % // é 🙂"}}}


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "mmd", "md", "txt", "tex", "html"])
def test_a_note_goes_in_and_out(call, suffix):
    if suffix in ("svg", "png", "pdf", "dot"):
        call("render", "specs/neuron.yaml", "-o", f"a.{suffix}")
        data = without_note(Path(f"a.{suffix}").read_bytes(), suffix)
    else:
        data = b"some text\n"
    noted = put_note(data, suffix, NOTE)
    assert read_note(noted, suffix) == NOTE
    assert without_note(noted, suffix) == data
    assert put_note(put_note(data, suffix, {"other": 1}), suffix, NOTE) == noted
    if suffix in ("svg", "html", "md"):
        assert noted.count(b"-->") == 1
        ElementTree.fromstring(noted if suffix == "svg" else b"<a>" + noted + b"</a>")


def test_a_note_in_json_is_its_last_key():
    data = b'{\n  "a": 1\n}\n'
    noted = put_note(data, "json", NOTE)
    assert list(json.loads(noted)) == ["a", "graphrun"]
    assert (read_note(noted, "json"), without_note(noted, "json")) == (NOTE, data)


BROKEN = [b"", b"<!-- graphrun: {", b"<!-- graphrun: [1] -->\n", b"<!-- graphrun: {x} -->\n", b"\x89PNG\r\n\x1a\n\0\0"]


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "json", "gif"])
def test_a_broken_note_is_none(data, suffix):
    assert read_note(data, suffix) == {}
