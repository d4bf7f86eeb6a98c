"""Pages made from the code are as the code is now; `make docs` makes them again."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from graphrun.codes import catalogue
from graphrun.ops.registry import OPS

ROOT = Path(__file__).resolve().parents[2]

LESSONS = ["docs/lesson-backpropagation.md", "docs/lesson-neural-net.md"]
LESSONS += [f"docs/images/{path.name}" for path in sorted((ROOT / "docs" / "images").glob("lesson-*.svg"))]


def _generate():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    return {path.relative_to(ROOT).as_posix(): content for path, content in _generate().pages().items()}


MADE = ["docs/operations.md", "docs/models.md", "docs/diagnostics.md", "docs/graphrun.schema.json", "docs/images/neuron.svg"]


@pytest.mark.parametrize("name", [*MADE, *LESSONS])
def test_fresh(name, pages):
    assert (ROOT / name).read_bytes() == pages[name], "run `make docs`"


def _codes_used():
    """Code → a place that raises it: literals in the calls that make diagnostics and faults."""
    makers = {"Diagnostic", "Fault", "OpFault", "error", "warning", "_fault"}
    for path in sorted((ROOT / "graphrun").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                code = node.args[0].value
                if name in makers and isinstance(code, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|cycle|recursion|disk|usage", code):
                    yield code, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_code_that_is_raised_is_documented():
    used = dict(_codes_used())
    assert len(used) > 50
    assert {code: place for code, place in used.items() if code not in catalogue()} == {}


def test_every_code_and_operation_is_there(pages):
    text = pages["docs/diagnostics.md"].decode()
    assert all(f"\n## {code}\n" in text for code in catalogue())
    text = pages["docs/operations.md"].decode()
    assert all(f"| `{name}(" in text for name, op in OPS.items() if op.public)


def test_lessons_show_all_their_pictures_and_none_is_left_over(pages):
    made = {name for name in pages if name.startswith("docs/images/lesson-")}
    text = "".join(pages[name].decode() for name in LESSONS if name.endswith(".md"))
    shown = {f"docs/{path}" for path in re.findall(r"!\[[^]]+\]\((images/[^)]+)\)", text)}
    assert shown == made
    assert {name for name in LESSONS if name.endswith(".svg")} == made


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "docs/lesson-backpropagation.md",
            [
                "`∂J/∂J = 1`",
                "`∂J/∂d = d = 2`",
                "`∂J/∂a = ∂J/∂d · ∂d/∂a = 2 · 1 = 2`",
                "`∂J/∂c = ∂J/∂a · ∂a/∂c = 2 · 1 = 2`",
                "`∂J/∂b = ∂J/∂a · ∂a/∂b = 2 · 1 = 2`",
                "`∂J/∂w = ∂J/∂c · ∂c/∂w = 2 · x = 2 · (-2) = -4`",
                "| 10,000 | 100,000 | 110,000 | 1,000,000,000 |",
            ],
        ),
        (
            "docs/lesson-neural-net.md",
            [
                "`f(x1, x2) = x1 · x2 · w0 = u`",
                "`∂u3/∂w5 = u1 = 5`",
                "`∂L/∂u3 = ∂L/∂hat_y · ∂hat_y/∂u3 = 2 · 1 = 2`",
                "`∂L/∂w5 = ∂L/∂u3 · ∂u3/∂w5 = 2 · u1 = 2 · 5 = 10`",
            ],
        ),
    ],
)
def test_lessons_tell_the_steps_in_order(name, lines, pages):
    places = [pages[name].decode().index(line) for line in lines]
    assert places == sorted(places)


def test_templates_of_lessons_hold_no_results():
    """No gradient with its number, and no product of numbers, is written by hand."""
    for path in (ROOT / "docs" / "lessons").glob("*.j2"):
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", path.read_text(encoding="utf-8"), flags=re.S)
        assert re.findall(r"= [-\d]|\d · \(?-?\d", text.replace("`x1 = 0`", "")) == [], path.name
