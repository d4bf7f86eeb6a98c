"""Every command and snippet of the README and of the pages in docs/ is run, and prints what the page says.

GRAPHRUN_REGENERATE=1 writes what the commands print now into the pages (blocks with a line `…` are left as they are). Read the difference.
"""

import os
import shutil
from pathlib import Path

import pytest
from snippets import Block, blocks, run_command, same, sessions, write

from graphrun.model import loads

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]
PAGES.remove("docs/gallery.md")  # its commands are run by test_gallery
REGENERATE = bool(os.environ.get("GRAPHRUN_REGENERATE"))
KINDS = {"sh", "console", "yaml", "python", "text", "diff", ""}  # `text` and `diff` of docs/ci.md are held by a test of their own


def _sh(block: Block, name: str) -> None:
    for line in block.text.splitlines():
        if line.strip() and not line.startswith(("#", "make", "git ", "pip ", "cd ")):
            status, text = run_command(line)
            assert status == 0, f"{name}:{block.line}: {line}\n{text}"


def _console(block: Block, name: str) -> str:
    """Runs the commands; returns what the block should hold."""
    wanted = int(block.info.removeprefix("exit=") or 0)
    now = []
    for command, lines in sessions(block.text):
        status, text = run_command(command)
        assert status == wanted, f"{name}:{block.line}: status {status}\n$ {command}\n{text}"
        shown = [line.rstrip() for line in text.strip("\n").split("\n")]
        if not REGENERATE or "…" in lines:
            assert same(lines, shown), f"{name}:{block.line}: prints something else now:\n$ {command}\n{text}"
            shown = lines
        now += [f"$ {command}", *shown]
    return "\n".join(now) + "\n"


def _yaml(block: Block, folder: Path) -> None:
    file, _, wrong = block.info.partition(" ")
    if file:
        write(folder / file, block.text)
    if not wrong:
        loads(block.text, base=folder)


@pytest.mark.parametrize("name", PAGES)
def test_page(name, tmp_path, monkeypatch):
    page = (ROOT / name).read_text(encoding="utf-8")
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    write(tmp_path / "sizes.csv", "length,width,kind\n" + "".join(f"{k},{k / 2},{'large' if k > 4 else 'small'}\n" for k in range(1, 9)))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    changed = page
    assert {b.kind for b in blocks(page)} <= KINDS, "a block of a kind that is not run"
    shift = 0
    for block in blocks(page):
        if block.kind == "sh":
            _sh(block, name)
        elif block.kind == "console":
            text = _console(block, name)
            changed = changed[: block.start + shift] + text + changed[block.end + shift :]
            shift += len(text) - len(block.text)
        elif block.kind == "yaml":
            _yaml(block, tmp_path)
        elif block.kind == "python":
            exec(compile(block.text, f"{name}:{block.line}", "exec"), names)  # noqa: S102
    if REGENERATE:
        (ROOT / name).write_text(changed, encoding="utf-8")


def test_the_readme_has_commands_and_a_picture():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make train" in page
    assert "make test" in page
    assert "docs/images/" in page
    assert any(b.kind == "console" for b in blocks(page))


@pytest.mark.parametrize(
    ("expected", "found", "match"),
    [
        (["a 1.000"], ["a  1.001"], True),
        (["a 1"], ["a 2"], False),
        (["a 1"], ["b 1"], False),
        (["in 3 ms"], ["in 0.2 s"], True),
        (["a", "…", "z"], ["a", "b", "c", "z"], True),
        (["a", "…", "z"], ["a", "b"], False),
        (["a"], ["a", "b"], False),
        (["w5 2"], ["w6 2"], False),
    ],
)
def test_what_counts_as_the_same_output(expected, found, match):
    assert same(expected, found) is match
