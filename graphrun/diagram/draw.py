"""DOT drawn as SVG, PNG or PDF, by the Graphviz that pygraphviz brings along, else by a `dot` on the PATH.

Graphviz runs in a process of its own: a drawing that takes too long can be ended, its warnings stay with it, and the shipped font is the
only one it knows, so that the same text gives the same bytes whatever fonts a machine has.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from graphrun.diagram.dot import MOST_ARROWS, MOST_DRAWN, drawn
from graphrun.diagram.notes import put_note
from graphrun.diagram.svg import finished_svg
from graphrun.diagram.text import FONT, FONT_FOLDER
from graphrun.errors import Diagnostic, RunError

__all__ = ["FOLD", "FORMATS", "draw"]

FORMATS = ("svg", "png", "pdf")
SECONDS = 60.0
"""How long Graphviz may take."""

MOST_PIXELS = 16_000
"""What is wider or higher is more than ten screens long: an unrolled scan is read folded, or a part at a time."""

FOLD = "fold it: --view layers, with --depth N to open it; draw a part: --focus NODE"

_CHILD = """\
import os, sys
out = os.dup(1)
os.dup2(2, 1)
sys.path.append(sys.argv[2])
import pygraphviz
data = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode()).draw(format=sys.argv[1], prog="dot")
with os.fdopen(out, "wb") as file:
    file.write(data)
"""

_DATE = re.compile(rb"/CreationDate \(D:\d{14}")
_SVG_SIZE = re.compile(rb'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_PDF_SIZE = re.compile(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)")
_NO_DATE = b"/CreationDate (D:19700101000000"
"""A PDF says when it was made; the same text is to give the same bytes."""

_CONFIG = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>{fonts}</dir>
<cachedir>{cache}</cachedir>
<match target="pattern"><edit name="family" mode="assign" binding="strong"><string>{family}</string></edit></match>
<match target="font"><test name="weight" compare="less_eq"><const>medium</const></test>
<test target="pattern" name="weight" compare="more_eq"><const>bold</const></test>
<edit name="embolden" mode="assign"><bool>true</bool></edit></match>
</fontconfig>
"""


def draw(dot: str, format: str) -> bytes:
    """The picture of a text made by `to_dot`, as bytes of an `svg`, a `png` or a `pdf`.

    Raises RunError: `no-graphviz` where nothing can draw, `too-large-to-draw` where it would take too long.
    """
    if format not in FORMATS:
        raise ValueError(f"not a picture format: {format}")
    for count, most, what in zip(drawn(dot), (MOST_DRAWN, MOST_ARROWS), ("boxes", "arrows"), strict=True):
        if count > most:
            raise _too_large(f"a picture of {count:,} {what} would take too long to lay out (at most {most:,})")
    said = ""
    with tempfile.TemporaryDirectory(prefix="graphrun-") as folder:
        for command in _commands(format):
            found, said = _run(command, dot, Path(folder))
            if found:
                size = _pixels(found, format)
                if max(size) > MOST_PIXELS:
                    what = f"the picture would be {size[0]:,} by {size[1]:,} pixels, more than can be looked at (at most {MOST_PIXELS:,})"
                    raise _too_large(what, f"{FOLD}; or ")
                finished = finished_svg(found) if format == "svg" else _DATE.sub(_NO_DATE, found) if format == "pdf" else found
                return put_note(finished, format, {"drawn": {"by": _program(command), "from": sha256(dot.encode()).hexdigest()[:16]}})
    raise _no_graphviz(said)


def _commands(format: str) -> list[Sequence[str]]:
    """The ways to draw, best first."""
    out: list[Sequence[str]] = []
    where = _pygraphviz()
    if where is not None and sys.executable:
        out.append((sys.executable, "-I", "-c", _CHILD, format, where))
    program = shutil.which("dot")
    if program is not None:
        out.append((program, f"-T{format}"))
    return out


def _program(command: Sequence[str]) -> str:
    """What draws: its version decides the last digits of places and sizes."""
    if command[0] == sys.executable:
        return f"pygraphviz {version('pygraphviz')} {sys.platform} {platform.machine()}"
    said = subprocess.run([command[0], "-V"], capture_output=True, text=True, check=False)
    return f"{(said.stderr or said.stdout).strip()} {sys.platform} {platform.machine()}"


def _pygraphviz() -> str | None:
    """The folder that holds pygraphviz, or None."""
    spec = find_spec("pygraphviz")
    return str(Path(spec.origin).parent.parent) if spec is not None and spec.origin else None


def _run(command: Sequence[str], dot: str, folder: Path) -> tuple[bytes, str]:
    """What a way to draw gives, or nothing where it does not work; and the last line that it said."""
    config = folder / "fonts.conf"
    fonts = folder / "fonts"  # a copy: Fontconfig leaves a file of its own beside the fonts that it reads
    fonts.mkdir(exist_ok=True)
    shutil.copyfile(FONT_FOLDER / "DejaVuSans.ttf", fonts / "DejaVuSans.ttf")
    config.write_text(_CONFIG.format(fonts=escape(str(fonts)), cache=escape(str(folder / "cache")), family=FONT), encoding="utf-8")
    environment = {**os.environ, "FONTCONFIG_FILE": str(config), "FONTCONFIG_PATH": str(folder)}
    environment.pop("FONTCONFIG_SYSROOT", None)
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=SECONDS, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise _too_large(f"Graphviz did not finish the picture within {SECONDS:g} seconds") from None
    except OSError as error:
        return b"", str(error.strerror)
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return done.stdout if done.returncode == 0 else b"", said


def _pixels(data: bytes, format: str) -> tuple[int, int]:
    """Width and height of a picture as Graphviz made it, at 96 pixels to the inch."""
    if format == "png":
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    found = (_SVG_SIZE if format == "svg" else _PDF_SIZE).search(data)
    return (0, 0) if found is None else (round(float(found[1]) * 96 / 72), round(float(found[2]) * 96 / 72))


def _too_large(message: str, first: str = "") -> RunError:
    text = "write it as text" if first else "write it as text instead"
    return RunError(Diagnostic("too-large-to-draw", message, help=f"{first}{text}, of any size: -o x.dot"))


def _no_graphviz(said: str) -> RunError:
    return RunError(
        Diagnostic(
            "no-graphviz",
            "drawing a picture needs Graphviz, and none was found that works",
            notes=(f"the last one tried said: {said}",) if said else (),
            help="pip install pygraphviz (which brings Graphviz), or install Graphviz so that `dot` is on the PATH;"
            " -o x.dot, x.mmd, x.tex and x.txt are written without",
        )
    )
