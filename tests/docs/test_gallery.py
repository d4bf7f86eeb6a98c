"""The pictures of the gallery are as the commands on its page make them now; `make gallery` makes them again."""

import importlib.util
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphrun.cli.main import main
from graphrun.diagram.draw import draw
from graphrun.diagram.notes import read_note, without_note
from graphrun.errors import RunError

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "outputs" / "gallery"


def _module():
    spec = importlib.util.spec_from_file_location("docs_gallery", ROOT / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PICTURES = _module().pictures()


def _can_draw() -> bool:
    try:
        draw("digraph {}", "svg")
    except RunError:
        return False
    return True


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which the page's commands were run."""
    if not _can_draw():
        pytest.skip("needs Graphviz")
    folder = tmp_path_factory.mktemp("gallery")
    shutil.copytree(ROOT / "specs", folder / "specs")
    before = os.getcwd()
    os.chdir(folder)
    try:
        for line in _module().commands():
            assert main(line) == 0, line
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize("path", PICTURES)
def test_fresh(path, made):
    """The same bytes, or, where another Graphviz drew, drawn from the same text."""
    kept, now = (ROOT / path).read_bytes(), (made / path).read_bytes()
    old, new = (read_note(data, "svg") for data in (kept, now))
    assert old["made"] == new["made"], "run `make gallery`"
    assert old["drawn"]["from"] == new["drawn"]["from"], "run `make gallery`"
    if old["drawn"]["by"] == new["drawn"]["by"]:
        assert without_note(kept, "svg") == without_note(now, "svg"), "run `make gallery`"


def test_the_page_shows_each_picture_once_and_there_are_no_others():
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(\.\./(outputs/gallery/[^)]*)\)", page) == PICTURES
    assert sorted(f"outputs/gallery/{p.name}" for p in GALLERY.iterdir()) == sorted(PICTURES)
    for other in ("README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))):
        shown = re.findall(r"outputs/gallery/[\w.]+\.svg", (ROOT / other).read_text(encoding="utf-8"))
        assert set(shown) <= set(PICTURES), other


@pytest.mark.parametrize("path", PICTURES)
def test_readable(path):
    """Well-formed, not wider than it can be read at 800 pixels, and no text smaller than 11 points."""
    root = ElementTree.fromstring((ROOT / path).read_bytes())
    width = float(root.get("width").removesuffix("pt"))
    sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
    assert width <= 800
    assert min(sizes) >= 11


def test_the_readme_shows_the_gallery():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/gallery.md" in page
    assert "outputs/gallery/" in page
