"""`validate` in the forms that other programs read, baselines, allowances, the cache and `--changed-since`."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from graphrun.cli import many
from graphrun.cli.main import main

GOOD = "graphrun: 1\ninputs: {x: 1, y: 2}\nparams: {w: 2}\nnodes:\n  J: (w * x - y)^2\nloss: J\n"
BAD = GOOD.replace("w * x", "v * x")
WARNED = GOOD.replace("{w: 2}", "{w: 2, v: 3}")
GOLDEN = Path(__file__).parent / "golden"
SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHRUN_CACHE", str(tmp_path / "cache"))
    for name, text in {"good": GOOD, "bad": BAD, "warned": WARNED}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def _out(capsys, *argv, status=1):
    assert main(["validate", *argv]) == status
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["github", "sarif", "junit", "gitlab"])
def test_forms_are_golden(form, capsys, folder):
    (folder / "good.yaml").rename(folder / "a,b%20.yaml")
    found = _out(capsys, ".", "--format", form)
    expected = GOLDEN / f"validate.{form}"
    if os.environ.get("GRAPHRUN_REGENERATE"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_auto_is_github_where_github_runs_it(capsys, monkeypatch):
    assert _out(capsys, "bad.yaml").startswith("bad.yaml:5:7 error unknown-name")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert _out(capsys, "bad.yaml").startswith("::error file=bad.yaml,line=5,endLine=5,col=7,endColumn=7,title=unknown-name::")


def test_a_hostile_name_stays_inside_of_each_form(capsys, folder):
    (folder / "bad.yaml").write_text(BAD.replace("  J:", '  "]]><x y=\'1\'>&%0A::error::,\\u0001": x\n  J:'))
    lines = _out(capsys, "bad.yaml", "--format", "github").splitlines()
    assert all(line.startswith("::error file=bad.yaml,line=") for line in lines)
    assert len(lines) == json.loads(_out(capsys, "bad.yaml", "--format", "json"))["errors"]
    suite = Xml.fromstring(_out(capsys, "bad.yaml", "--format", "junit"))
    assert [e.tag for e in suite.iter()] == ["testsuites", "testsuite", "testcase", "failure"]
    assert "]]><x" in suite.findtext("testsuite/testcase/failure")
    for form in ("sarif", "gitlab"):
        assert "]]><x" in json.dumps(json.loads(_out(capsys, "bad.yaml", "--format", form)))


def test_a_report_goes_to_a_file(capsys, folder):
    assert _out(capsys, "bad.yaml", "--format", "sarif", "-o", "found.sarif") == ""
    assert json.loads((folder / "found.sarif").read_text())["version"] == "2.1.0"


def test_strict_takes_warnings_for_errors(capsys):
    assert "1 warning" in _out(capsys, "warned.yaml", status=0)
    assert "1 error" in _out(capsys, "warned.yaml", "--strict")


def test_max_errors_prints_some_and_counts_all(capsys):
    text = _out(capsys, "bad.yaml", "warned.yaml", "--max-errors", "1")
    assert text.count("help:") == 1
    assert "and 1 more (--max-errors 1)" in text
    assert "1 error and 1 warning in 2 of 2 files" in text


# -- baselines ---------------------------------------------------------------------------------------------------------


def test_a_baseline_adopts_what_is_there_and_no_more(capsys, folder):
    assert _out(capsys, ".", "--baseline", "known.json", "--update-baseline", status=0) == "wrote known.json, which adopts 2 faults\n"
    assert "nothing wrong in 3 files, 2 adopted" in _out(capsys, ".", "--baseline", "known.json", status=0)
    (folder / "bad.yaml").write_text("# a line above\n" + BAD.replace("- y", "- u"))
    text = _out(capsys, ".", "--baseline", "known.json")
    assert "no value called `u`" in text
    assert "no value called `v`" not in text


def test_a_fault_that_is_made_twice_is_adopted_once(capsys, folder):
    main(["validate", "bad.yaml", "--baseline", "known.json", "--update-baseline"])
    (folder / "bad.yaml").write_text(BAD.replace("  J:", "  K: v + 1\n  J:"))
    capsys.readouterr()
    assert _out(capsys, "bad.yaml", "--baseline", "known.json").count("error unknown-name") == 1


@pytest.mark.parametrize("text", [None, "{", "[]", '{"adopted": [{}]}'])
def test_a_baseline_that_cannot_be_read_is_a_fault_of_the_command_line(text, capsys, folder):
    if text is not None:
        (folder / "known.json").write_text(text)
    assert main(["validate", "good.yaml", "--baseline", "known.json"]) == 2
    assert "--update-baseline" in capsys.readouterr().err


# -- allowances --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("params: {w: 2, v: 3}  # graphrun: allow unused-parameter: kept for later", []),
        ("# graphrun: allow unused-parameter: kept for later\nparams: {w: 2, v: 3}", []),
        ("params: {w: 2, v: 3}  # graphrun: allow unused-parameter", ["unused-parameter", "wrong-allowance"]),
        ("params: {w: 2, v: 3}  # graphrun: allow unused-paramter: x", ["unused-parameter", "wrong-allowance"]),
        ("params: {w: 2, v: 3}  # graphrun: allow", ["unused-parameter", "wrong-allowance"]),
        ("params: {w: 2}  # graphrun: allow unused-parameter: kept for later", ["unused-allowance"]),
        ("params: {w: 2, v: 3}\n# graphrun: allow unused-parameter: the next line's", ["unused-parameter", "unused-allowance"]),
    ],
)
def test_a_comment_allows_a_warning_for_a_reason(comment, codes, capsys, folder):
    (folder / "warned.yaml").write_text(GOOD.replace("params: {w: 2}", comment))
    document = json.loads(_out(capsys, "warned.yaml", "--format", "json", status=0))
    assert [d["code"] for d in document["diagnostics"]] == codes


def test_a_comment_above_the_first_key_is_for_the_whole_file(capsys, folder):
    (folder / "warned.yaml").write_text("# graphrun: allow unused-parameter: a sketch\n" + WARNED)
    assert "nothing wrong" in _out(capsys, "warned.yaml", status=0)


def test_an_error_cannot_be_allowed(capsys, folder):
    (folder / "bad.yaml").write_text("# graphrun: allow unknown-name: please\n" + BAD)
    assert "error unknown-name" in _out(capsys, "bad.yaml")


# -- many files --------------------------------------------------------------------------------------------------------


def test_what_was_found_is_kept_by_content(capsys, folder, monkeypatch):
    first = _out(capsys, ".")
    monkeypatch.setattr(many, "check", lambda *_: pytest.fail("read again"))
    again = _out(capsys, ".")
    assert again.splitlines()[:-1] == first.splitlines()[:-1]


def test_a_file_that_changed_is_read_again(capsys, folder):
    assert "nothing wrong" in _out(capsys, "good.yaml", status=0)
    (folder / "good.yaml").write_text(BAD)
    assert "unknown-name" in _out(capsys, "good.yaml")


def test_a_used_file_that_changed_is_read_again(capsys, folder):
    (folder / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  f(a): a * 2\n")
    (folder / "good.yaml").write_text(GOOD.replace("inputs:", "use: [blocks.yaml]\ninputs:").replace("w * x", "f(w) * x"))
    assert "nothing wrong" in _out(capsys, "good.yaml", status=0)
    (folder / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  g(a): a * 2\n")
    assert "unknown-function" in _out(capsys, "good.yaml")


def test_data_that_changed_are_read_again(capsys, folder):
    (folder / "rows.csv").write_text("x,y\n1,2\n")
    (folder / "good.yaml").write_text(GOOD.replace("{x: 1, y: 2}", "{x: {}, y: {}}") + "data: {source: rows.csv}\n")
    assert "nothing wrong" in _out(capsys, "good.yaml", status=0)
    (folder / "rows.csv").write_text("x,z\n1,2\n")
    assert "missing-column" in _out(capsys, "good.yaml")


def test_no_cache_reads_and_writes_none(capsys, folder):
    _out(capsys, ".", "--no-cache")
    assert not (folder / "cache").exists()


def test_a_broken_cache_is_made_anew(capsys, folder):
    _out(capsys, ".")
    (file,) = (folder / "cache").iterdir()
    file.write_text("{")
    _out(capsys, ".")
    assert json.loads(file.read_text())


def test_processes_find_what_one_finds(capsys, folder, monkeypatch):
    alone = _out(capsys, ".", "--no-cache")
    monkeypatch.setattr(many, "SHARED_ABOVE", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    shared = _out(capsys, ".", "--no-cache")
    assert shared.splitlines()[:-1] == alone.splitlines()[:-1]


# -- only what changed -------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(folder, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    (folder / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  f(a): a * 2\n")
    (folder / "user.yaml").write_text(GOOD.replace("inputs:", "use: [blocks.yaml]\ninputs:").replace("w * x", "f(w) * x"))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True, cwd=folder)
    return folder


def _files(capsys, *argv):
    status = main(["validate", *argv, "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    return status, document["files"], sorted({d["file"] for d in document["diagnostics"]})


def test_only_what_changed_and_what_uses_it(repository, capsys):
    assert _files(capsys, ".", "--changed-since", "HEAD") == (0, 0, [])
    (repository / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  g(a): a * 2\n")
    (repository / "new.yaml").write_text(WARNED)
    assert _files(capsys, ".", "--changed-since", "HEAD") == (1, 3, ["new.yaml", "user.yaml"])


def test_a_key_in_quotes_a_pattern_and_a_file_behind_another_are_followed(repository, capsys):
    (repository / "quoted.yaml").write_text('graphrun: 1\n"use": [blocks.yaml]\nnodes:\n  a: g(2)\n')
    (repository / "lib").mkdir()
    (repository / "lib" / "inner.yaml").write_text("graphrun: 1\nfunctions:\n  f(x): 2 * x\n")
    (repository / "lib" / "outer.yaml").write_text("graphrun: 1\nuse: [inner.yaml]\nfunctions:\n  h(x): f(x)\n")
    (repository / "deep.yaml").write_text("graphrun: 1\nuse: [lib/outer.yaml]\nnodes:\n  a: h(2)\n")
    (repository / "data").mkdir()
    for name in ("a", "b"):
        (repository / "data" / f"{name}.csv").write_text("x,y\n1,2\n")
    fed = GOOD.replace("{x: 1, y: 2}", "{x: {}, y: {}}") + "data: {source: data/*.csv}\ntrain: {steps: 3}\n"
    (repository / "fed.yaml").write_text(fed)
    for command in (["add", "."], ["commit", "-qm", "more"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *command], check=True)
    specs = [p.name for p in sorted(repository.glob("*.yaml"))]

    def changed():
        main(["validate", *specs, "--changed-since", "HEAD", "--format", "junit"])
        return [case.get("name") for case in Xml.fromstring(capsys.readouterr().out).iter("testcase")]

    assert changed() == []
    (repository / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  g(a): a * 2\n")
    assert "quoted.yaml" in changed()
    (repository / "data" / "b.csv").unlink()
    assert "fed.yaml" in changed()
    assert "deep.yaml" not in changed()
    (repository / "lib" / "inner.yaml").unlink()
    assert "deep.yaml" in changed()


@pytest.mark.parametrize("ref", ["nowhere", "--output=x"])
def test_a_revision_that_is_none(ref, repository, capsys):
    assert main(["validate", ".", f"--changed-since={ref}"]) == 2
    assert "--changed-since" in capsys.readouterr().err
    assert not (repository / "x").exists()
