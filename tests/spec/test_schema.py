"""The JSON Schema that editors read: every key is described with an example, and it agrees with what graphrun itself reads."""

import json
from pathlib import Path

import pytest

from graphrun.cli.main import main
from graphrun.errors import Reporter, Source
from graphrun.spec.schema import json_schema
from graphrun.spec.yaml import read_yaml

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("graphrun/templates/*.yaml"), *ROOT.glob("graphrun/library/*.yaml")])
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
KEYWORDS = {
    "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum",
    "items", "maximum", "minimum", "patternProperties", "properties", "required", "type",
}  # fmt: skip


def _keys():
    """(mapping, key, its schema) of every key of the language."""
    for name, mapping in [("spec", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, entry in mapping["properties"].items():
            yield name, key, entry


def _written(path):
    reporter = Reporter()
    document = read_yaml(Source(str(path), path.read_text(encoding="utf-8")), reporter)
    reporter.raise_errors()
    return document.value


def _check(entry, value):
    jsonschema.Draft202012Validator({**entry, "$defs": SCHEMA["$defs"]}).validate(value)


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    stack = [{k: v for k, v in SCHEMA.items() if k not in ("$schema", "$defs", "title")}, *SCHEMA["$defs"].values()]
    while stack:
        top = stack.pop()
        assert set(top) <= KEYWORDS, set(top) - KEYWORDS
        for keyword in ("properties", "patternProperties"):
            stack += top.get(keyword, {}).values()
        stack += [v for v in (top.get("items"), top.get("additionalProperties"), *top.get("anyOf", [])) if isinstance(v, dict)]


@pytest.mark.parametrize(("mapping", "key", "entry"), [pytest.param(*k, id=f"{k[0]}.{k[1]}") for k in _keys()])
def test_every_key_is_described_with_an_example(mapping, key, entry):
    assert len(entry["description"]) > 8
    assert entry["description"].endswith(".")
    assert entry["examples"]
    for example in entry["examples"]:
        _check({k: v for k, v in entry.items() if k != "examples"}, example)


def test_every_mapping_is_described_and_closed():
    for name, mapping in SCHEMA["$defs"].items():
        assert mapping["description"], name
        assert mapping["additionalProperties"] is False, name
    assert SCHEMA["additionalProperties"] is False


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_shipped_specs_hold(path):
    VALIDATOR.validate(_written(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes": {"J": "1"}},
        {"graphrun": 2},
        {"graphrun": 1, "node": {}},
        {"graphrun": 1, "inputs": {"x": {"shapes": []}}},
        {"graphrun": 1, "nodes": {"1a": "x"}},
        {"graphrun": 1, "functions": {"f": "x"}},
        {"graphrun": 1, "params": {"w": "normal(0, 1)"}},
        {"graphrun": 1, "train": {"steps": -1}},
        {"graphrun": 1, "train": {"steps": True}},
        {"graphrun": 1, "dtype": "float16"},
        {"graphrun": 1, "expect": [{"value": {}}]},
        {"graphrun": 1, "expect": [{"tolerance": -1}]},
        {"graphrun": 1, "diagram": {"view": "circles"}},
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(wrong):
    assert not VALIDATOR.is_valid(wrong)


def test_the_file_that_editors_name_is_this_one(tmp_path):
    out = tmp_path / "graphrun.schema.json"
    assert main(["schema", "-o", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written == SCHEMA == json.loads((ROOT / "docs" / "graphrun.schema.json").read_text(encoding="utf-8"))
