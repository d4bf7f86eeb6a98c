"""The ten mistakes of docs/ci.md: each change is made in specs/iris.yaml, and what is printed there is what is told.

GRAPHRUN_REGENERATE=1 writes the messages anew.
"""

import os
import re
from pathlib import Path

import pytest

from graphrun.model.validation import check_text

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ci.md"
SPEC = "specs/iris.yaml"
BLOCK = re.compile(r"```diff\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def said(change: str) -> str:
    """What is told of the spec where the lines after `-` are those after `+`."""
    before = "\n".join(line[2:] for line in change.splitlines() if line.startswith("-"))
    after = "\n".join(line[2:] for line in change.splitlines() if line.startswith("+"))
    text = (ROOT / SPEC).read_text(encoding="utf-8")
    assert text.count(before) == 1, before
    return "\n\n".join(d.to_text() for d in check_text(text.replace(before, after), SPEC).diagnostics) + "\n"


@pytest.mark.parametrize("k", range(10))
def test_a_mistake_is_told_as_the_page_says(k, monkeypatch):
    monkeypatch.chdir(ROOT)
    change, message = BLOCKS[k]
    if os.environ.get("GRAPHRUN_REGENERATE"):
        between = "```\n\n```text\n"
        page = PAGE.read_text(encoding="utf-8").replace(change + between + message, change + between + said(change))
        PAGE.write_text(page, encoding="utf-8")
        return
    assert said(change) == message


def test_there_are_ten():
    assert len(BLOCKS) == 10
