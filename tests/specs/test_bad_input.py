"""What `graphrun validate` says about each kind of mistake, whole.

Beside tests/fixtures/bad/NAME.yaml stands NAME.txt, the text expected. GRAPHRUN_REGENERATE=1 writes these texts anew; read every
difference: the place must be the fault's own, and the help must mend it.
"""

import json
import os
import re
from pathlib import Path

import pytest

from graphrun.cli.edits import edited
from graphrun.cli.main import main
from graphrun.codes import catalogue
from graphrun.model.validation import check_text

ROOT = Path(__file__).resolve().parents[2]
BAD = Path("tests/fixtures/bad")
NAMES = sorted(p.stem for p in (ROOT / BAD).glob("*.yaml"))
TIME = re.compile(r"\(\d+\.\d\d s\)")


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_message(name, capsys):
    status = main(["validate", str(BAD / f"{name}.yaml")])
    captured = capsys.readouterr()
    found = TIME.sub("(0.00 s)", captured.out)
    expected = ROOT / BAD / f"{name}.txt"
    if os.environ.get("GRAPHRUN_REGENERATE"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    assert captured.err == ""
    assert status == (1 if re.search(r"^\S+:\d+:\d+ error ", found, re.MULTILINE) else 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_has_a_place_inside_the_file_and_a_documented_code(name, capsys):
    main(["validate", str(BAD / f"{name}.yaml"), "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    assert document["diagnostics"]
    for d in document["diagnostics"]:
        assert d["code"] in catalogue(), d["code"]
        lines = Path(d["file"]).read_text(encoding="utf-8").split("\n")
        assert 1 <= d["line"] <= len(lines)
        assert 1 <= d["column"] <= len(lines[d["line"] - 1]) + 1
        assert (d["end_line"], d["end_column"]) > (d["line"], d["column"])


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_mended_in_one_way_is(name):
    path = str(BAD / f"{name}.yaml")
    text = Path(path).read_text(encoding="utf-8")
    found = [d for d in check_text(text, path).diagnostics if d.fix is not None and d.place is not None and d.place.source.name == path]
    for d in found:
        mended, count = edited(text, [(d.fix_at or d.place, d.fix)])
        assert count == 1
        again = check_text(mended, path).diagnostics
        assert (d.code, d.message) not in [(e.code, e.message) for e in again], mended
        assert len(again) <= len(found) + 4


def test_every_code_that_a_spec_can_have_is_raised_by_a_fixture_or_named_in_a_test():
    texts = "".join(p.read_text(encoding="utf-8") for p in [*Path("tests").glob("**/*.txt"), *Path("tests").glob("**/*.py")])
    assert [code for code in catalogue() if not re.search(rf"\b{re.escape(code)}\b", texts)] == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.stepz=10", "did you mean `steps`?"),
        ("widht=3", "widht"),
        ("train.steps", "train.steps"),
    ],
)
def test_a_setting_that_does_not_exist_is_a_fault_of_the_command_line(setting, message, capsys):
    assert main(["validate", "specs/ann.yaml", "--set", setting]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_the_summary_counts_files(capsys):
    assert main(["validate", "specs/ann.yaml", str(BAD / "cycle.yaml"), str(BAD / "unused_parameter.yaml")]) == 1
    last = TIME.sub("", capsys.readouterr().out).splitlines()[-1]
    assert last == "1 error and 1 warning in 2 of 3 files         graphrun explain cycle tells more"


def test_a_path_that_leads_nowhere_is_a_fault_of_the_command_line(capsys):
    assert main(["validate", "specs/none.yaml", "nowhere/"]) == 2
    err = capsys.readouterr().err
    assert "specs/none.yaml does not exist" in err
    assert "nowhere/ does not exist" in err


def test_quiet_prints_errors_alone(capsys):
    assert main(["validate", "--quiet", "specs/ann.yaml", str(BAD / "unused_parameter.yaml")]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing_file", "missing-data-file"),
        ("missing_column", "missing-column"),
        ("text_in_numbers", "cell-not-number"),
        ("text_in_rows", "cell-not-number"),
        ("column_count", "column-count"),
    ],
)
def test_data_that_do_not_fit_fail_a_run_with_status_3(name, code, capsys):
    assert main(["run", str(BAD / f"{name}.yaml")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f" error {code}: " in captured.err
