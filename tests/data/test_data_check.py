"""The check of data without NumPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from data_helpers import checked
from test_data_messages import CASES, C, X, golden


def test_a_missing_file_is_a_warning(tmp_path: Path) -> None:
    assert checked(X + "data: {source: no.csv}", tmp_path) == (
        "s.yaml:3:16 warning missing-data-file: there is no file `no.csv`\n"
        "    3 | data: {source: no.csv}\n"
        "      |                ^^^^^^\n"
        "   looked for no.csv, as paths are relative to the spec's folder\n"
        "   help: put the file there, or correct `data.source`"
    )


def test_good_data_are_good(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(C, encoding="utf-8")
    assert checked(X + "data: {source: a.csv, split: {valid: 1}, transform: {x: standardize(x)}}", tmp_path) == ""
    assert checked("inputs: {x: 1}", tmp_path) == ""


def test_transforms_are_built(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(C, encoding="utf-8")
    assert checked(X + "data: {source: a.csv, transform: {x: x / sd(x), y: mean(y)}}", tmp_path) == (
        "s.yaml:3:42 error unknown-function: there is no function called `sd`\n"
        "    3 | data: {source: a.csv, transform: {x: x / sd(x), y: mean(y)}}\n"
        "      |                                          ^^\n"
        "   help: did you mean `std`?\n\n"
        "s.yaml:3:52 error transform-result: the transform of `y` gives an array of shape [], and [batch] is wanted, with the rows first\n"
        "    3 | data: {source: a.csv, transform: {x: x / sd(x), y: mean(y)}}\n"
        "      |                                                    ^^^^^^^"
    )


LATER = {name for name in CASES if name.startswith(("transform ", "class of", "missing", "glob", "folder", "split files without"))}


@pytest.mark.parametrize("name", [name for name in CASES if name not in LATER or name.startswith("missing column")])
def test_the_check_says_what_loading_says(name: str, tmp_path: Path) -> None:
    text, files = CASES[name]
    for file, content in files.items():
        (tmp_path / file.replace("_", ".", 1)).write_text(content, encoding="utf-8", newline="")
    assert checked(text, tmp_path) == golden()[name]


def test_the_check_loads_no_numpy() -> None:
    code = "import sys, graphrun.data.check; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
