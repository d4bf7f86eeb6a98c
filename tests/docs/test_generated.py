"""Pages made from the code are as the code is now; `make docs` makes them again."""

import importlib.util
from pathlib import Path

import pytest

from graphrun.codes import catalogue
from graphrun.ops.registry import OPS

ROOT = Path(__file__).resolve().parents[2]


def _generate():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    return {path.relative_to(ROOT).as_posix(): content for path, content in _generate().pages().items()}


@pytest.mark.parametrize("name", ["docs/operations.md", "docs/diagnostics.md", "docs/images/neuron.svg"])
def test_fresh(name, pages):
    assert (ROOT / name).read_bytes() == pages[name], "run `make docs`"


def test_every_code_and_operation_is_there(pages):
    text = pages["docs/diagnostics.md"].decode()
    assert all(f"\n## {code}\n" in text for code in catalogue())
    text = pages["docs/operations.md"].decode()
    assert all(f"| `{name}(" in text for name, op in OPS.items() if op.public)
