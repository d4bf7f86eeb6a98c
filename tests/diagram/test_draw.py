"""Drawing: well-formed, not blank, the same bytes everywhere, and a clear word where nothing can draw."""

from __future__ import annotations

import os
import re
import stat
import struct
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import pytest
from diagram_cases import shipped, view_of

from graphrun.diagram import draw as drawing
from graphrun.diagram.dot import MOST_DRAWN, drawn, to_dot
from graphrun.diagram.draw import draw
from graphrun.diagram.notes import without_note
from graphrun.diagram.palette import DARK, FILLS, LIGHT
from graphrun.diagram.text import FONT_FOLDER
from graphrun.diagram.view import Arrow, Box, View
from graphrun.errors import RunError

SVG = "{http://www.w3.org/2000/svg}"
SPECS = ["neuron", "ann", "functions", "larger", "xor", "iris"]


@pytest.fixture(scope="module")
def neuron() -> str:
    return to_dot(view_of(shipped("neuron")))


@pytest.mark.parametrize("name", SPECS)
def test_svg(name):
    view = view_of(shipped(name))
    data = without_note(draw(to_dot(view), "svg"), "svg")
    root = ElementTree.fromstring(data)
    titles = {g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g") if g.get("class", "").startswith("node")}
    assert {box.tooltip for box in view.boxes} <= titles
    assert b"/home" not in data
    assert str(FONT_FOLDER).encode() not in data
    assert b"xlink" not in data
    assert b"<!--" not in data
    width, height = (float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))
    assert width <= 900  # points: 1200 pixels
    for text in root.iter(f"{SVG}text"):  # nothing cut off
        assert 0 <= -float(text.get("y", "nan")) <= height
    assert {t.get("class") for t in root.iter(f"{SVG}text")} <= {f"f-{role}" for role in TEXTS}


def test_svg_has_a_dark_scheme(neuron):
    text = draw(neuron, "svg").decode()
    assert "@media (prefers-color-scheme:dark)" in text
    for role in ("input", "parameter", "loss", "node", "background"):
        assert f'class="f-{role}' in text
        assert f".f-{role}{{fill:{DARK[role]}}}" in text


def contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(("#ffffff" if colour == "white" else colour)[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXTS = ("ink", "muted", "value", "gradient", "count", "changed")


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("surface", FILLS)
def test_text_can_be_read_on_every_surface(palette, surface):
    assert {text: contrast(palette[text], palette[surface]) >= 4.5 for text in TEXTS} == dict.fromkeys(TEXTS, True)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_lit_box_is_read_in_ink_and_lines_can_be_seen(palette):
    assert contrast(palette["ink"], palette["lit"]) >= 4.5
    for line in ("lit-line", "muted", "gradient", "value", "changed", "count", *(f"heat-line{k}" for k in range(1, 5))):
        assert contrast(palette[line], palette["background"]) >= 3.0, line


def test_every_role_has_a_colour_of_its_own_in_both_schemes():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)


def pixels(png: bytes) -> tuple[int, int, set[bytes]]:
    """Width, height and the colours of a PNG of 8 bits in RGBA or RGB."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        header = body if kind == b"IHDR" else header
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    assert depth == 8
    size = {2: 3, 6: 4}[colour]
    raw, row = zlib.decompress(data), bytes(width * size)
    found = set()
    for y in range(height):
        kind, line = raw[y * (width * size + 1)], bytearray(raw[y * (width * size + 1) + 1 : (y + 1) * (width * size + 1)])
        for k in range(len(line)):
            a, b, c = (line[k - size] if k >= size else 0), row[k], (row[k - size] if k >= size else 0)
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[k] = (line[k] + (0, a, b, (a + b) // 2, near)[kind]) & 255
        row = bytes(line)
        found.update(row[k : k + 3] for k in range(0, len(row), size))
    return width, height, found


def test_png_is_not_blank(neuron):
    width, height, colours = pixels(draw(neuron, "png"))
    assert (width, height) == (900, pytest.approx(370, abs=30))
    for role in ("input", "parameter", "loss", "value", "gradient", "ink", "muted"):
        assert bytes.fromhex(LIGHT[role][1:]) in colours, role


def test_pdf(neuron, monkeypatch):
    data = draw(neuron, "pdf")
    assert data.startswith(b"%PDF-")
    assert b"/CreationDate (D:19700101000000" in data


def test_a_placed_picture_of_many_lines_is_not_too_large():
    names = [f"n{k}" for k in range(100)]
    arrows = tuple(Arrow(names[j], names[k]) for k in range(1, 100) for j in range(max(0, k - 3), k))
    dot = to_dot(View("many", tuple(Box(n, "step", n) for n in names), arrows))
    assert "layout=neato" in dot
    assert drawn(dot)[0] == 100
    assert draw(dot, "png")


def test_the_same_bytes_whatever_fonts_a_machine_has(neuron, tmp_path, monkeypatch):
    before = draw(neuron, "svg"), draw(neuron, "png")
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    for name in ("FONTCONFIG_PATH", "FONTCONFIG_SYSROOT", "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "GDFONTPATH", "DOTFONTPATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    assert (draw(neuron, "svg"), draw(neuron, "png")) == before


def test_the_same_text_in_another_process(neuron):
    code = "import sys, diagram_cases as c; print(c.to_dot(c.view_of(c.shipped('neuron'))), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={
            **os.environ,
            "PYTHONHASHSEED": "7",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path]),
        },
    )
    assert done.stdout.decode() == neuron


# -- where there is no Graphviz ----------------------------------------------------------------------------------------

MISSING = """\
error no-graphviz: drawing a picture needs Graphviz, and none was found that works
   help: pip install pygraphviz (which brings Graphviz), or install Graphviz so that `dot` is on the PATH; \
-o x.dot, x.mmd, x.tex and x.txt are written without"""


def test_without_graphviz(neuron, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_pygraphviz", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunError) as caught:
        draw(neuron, "svg")
    assert str(caught.value) == MISSING


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a script")
@pytest.mark.parametrize("broken", [False, True])
def test_a_dot_on_the_path_serves(neuron, tmp_path, monkeypatch, broken):
    program = tmp_path / "dot"
    (tmp_path / "pygraphviz").mkdir()
    (tmp_path / "pygraphviz" / "__init__.py").write_text("raise ImportError('no wheel for this machine')")
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ['-Tsvg'] and b'digraph' in sys.stdin.buffer.read()\n"
        'print(\'<svg xmlns="http://www.w3.org/2000/svg"><g class="graph"><title>by dot</title></g></svg>\')\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    if broken:
        monkeypatch.setattr(drawing, "_CHILD", "raise ImportError('no wheel for this machine')")
    else:
        monkeypatch.setattr(drawing, "_pygraphviz", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert b'aria-label="by dot"' in draw(neuron, "svg")


def test_a_graphviz_that_fails_says_why(neuron, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_CHILD", "import sys; sys.exit('it is broken')")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunError) as caught:
        draw(neuron, "svg")
    assert "   the last one tried said: it is broken" in str(caught.value)


# -- too large ---------------------------------------------------------------------------------------------------------


def chain(n: int) -> View:
    boxes = tuple(Box(f"n{k}", "step", f"n{k}") for k in range(n))
    return View("chain", boxes, tuple(Arrow(f"n{k}", f"n{k + 1}") for k in range(n - 1)))


def test_too_large_to_draw_but_not_to_write():
    dot = to_dot(chain(MOST_DRAWN + 1))
    assert dot.count(" -> ") == MOST_DRAWN
    with pytest.raises(RunError) as caught:
        draw(dot, "svg")
    assert (
        str(caught.value)
        == """\
error too-large-to-draw: a picture of 1,501 boxes would take too long to lay out (at most 1,500)
   help: write it as text instead, of any size: -o x.dot"""
    )


def test_a_layout_that_takes_too_long_is_ended(neuron, monkeypatch):
    monkeypatch.setattr(drawing, "_CHILD", "import time; time.sleep(30)")
    monkeypatch.setattr(drawing, "SECONDS", 0.2)
    with pytest.raises(RunError) as caught:
        draw(neuron, "svg")
    assert (
        str(caught.value)
        == """\
error too-large-to-draw: Graphviz did not finish the picture within 0.2 seconds
   help: write it as text instead, of any size: -o x.dot"""
    )


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_a_picture_that_is_too_wide_to_be_looked_at(neuron, format, monkeypatch):
    monkeypatch.setattr(drawing, "MOST_PIXELS", 500)
    with pytest.raises(RunError) as caught:
        draw(neuron, format)
    first, help_ = str(caught.value).split("\n")
    assert re.fullmatch(
        r"error too-large-to-draw: the picture would be \d[\d,]+ by \d+ pixels, more than can be looked at \(at most 500\)", first
    )
    assert help_ == (
        "   help: fold it: --view layers, with --depth N to open it; draw a part: --focus NODE; or write it as text, of any size: -o x.dot"
    )
