"""The published schema of the ledger's JSON: every shipped spec's document fits it, and one that is changed does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_cases import Net, ann, classes, dense, fan_out
from schema_check import faults

import graphrun as gr
from graphrun.ledger.json import json_text
from graphrun.ledger.ledger import make_ledger
from graphrun.ops.arithmetic import DIV

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "graphrun" / "ledger" / "schema.json").read_text(encoding="utf-8"))
SPECS = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml") if "\nloss:" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SPECS)
def test_every_shipped_spec(name: str) -> None:
    document = gr.load(ROOT / "specs" / f"{name}.yaml").ledger(timing=True).to_json()
    assert list(faults(SCHEMA, document)) == []
    assert json.loads(json_text(document)) == json.loads(json.dumps(document))


def test_the_schema_by_a_validator_of_others() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(json_text(gr.load(ROOT / "specs" / "neuron.yaml").ledger().to_json())), SCHEMA)


@pytest.mark.parametrize("make", [ann, classes, dense, fan_out])
def test_cases(make: Callable[[], Any]) -> None:
    assert list(faults(SCHEMA, make_ledger(make()).to_json())) == []
    assert list(faults(SCHEMA, make_ledger(make(), expand=True).to_json())) == []


def test_what_is_not_finite_fits() -> None:
    net = Net()
    w = net.param("w", 0.0)
    net.node("J", lambda b: DIV(b, net.num(1.0), w))
    assert list(faults(SCHEMA, make_ledger(net.facts("J")).to_json())) == []


def _drop(document: Any) -> None:
    del document["work"]["nodes"]


def _retype(document: Any) -> None:
    document["nodes"][0]["value"] = "four"


def _add(document: Any) -> None:
    document["nodes"][0]["extra"] = 1


def _swap_passes(document: Any) -> None:
    document["backward"][-1]["terms"][0]["local"]["pass"] = "backward"


@pytest.mark.parametrize("change", [_drop, _retype, _add, _swap_passes])
def test_a_changed_document_does_not_fit(change: Callable[[Any], None]) -> None:
    document = copy.deepcopy(make_ledger(ann()).to_json())
    change(document)
    assert len(list(faults(SCHEMA, document))) == 1


def test_each_factor_says_which_pass_it_is_from_and_the_products_add_up() -> None:
    for line in make_ledger(ann()).to_json()["backward"][1:]:
        for term in line["terms"]:
            assert (term["upstream"]["pass"], term["local"]["pass"]) == ("backward", "forward")
            assert term["product"] == pytest.approx(term["upstream"]["value"] * term["local"]["value"])
        assert sum(term["product"] for term in line["terms"]) == pytest.approx(line["value"])


def test_a_document_says_enough_to_compute_it_again() -> None:
    """Operation and operands of each step, constants among them: here for the neuron, by hand."""
    document = gr.load(ROOT / "specs" / "neuron.yaml").ledger().to_json()
    apply = {"mul": lambda a, b: a * b, "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "power": lambda a, b: a**b}
    known = {**document["inputs"], **document["parameters"]}
    for node in document["nodes"]:
        operands = [known[o] if isinstance(o, str) else o for o in node["operands"]]
        known[node["name"]] = apply[node["op"]](*operands)
        assert known[node["name"]] == node["value"]
