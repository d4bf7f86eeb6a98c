"""The graph of both passes as a small program that the page evaluates: one truth, so that its numbers are graphrun's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, FED
from graphrun.ledger.facts import Facts, is_scalar
from graphrun.ledger.json import json_value

__all__ = ["program"]

MOST_NODES = 20_000
MOST_LEAVES = 100
"""A larger program, or one of more inputs and parameters, is no thing to try values on."""


def program(facts: Facts, places: Mapping[int, int]) -> dict[str, Any]:
    """The program, or `{"why": a sentence}` where there is none.

    `code` has for each node `[operation, operands, attributes, 1 where the value is a float32]`, in order; a leaf's operation is `leaf`
    with its value in place of operands. `inputs` and `params` are pairs (name, node), `values` and `gradients` pairs (box, node).
    """
    both = facts.both
    if both is None:
        return {"why": "The graph did not come with this page, so that values cannot be tried here."}
    wanted = {box: facts.backward[i] for i, box in places.items() if i in facts.backward}
    marks = both.ancestors([facts.of, *wanted.values()])
    nodes = [i for i in range(len(both)) if marks[i]]
    leaves = [i for i in [*facts.inputs.values(), *facts.params.values()] if marks[i]]
    if any(not is_scalar(facts.values[i]) for i in leaves if facts.values[i] is not None) or any(both.shape(i) for i in nodes):
        return {"why": "Values can be tried on a graph of single numbers; this one holds arrays."}
    if len(leaves) > MOST_LEAVES:
        return {"why": f"Values can be tried on a smaller graph; this one has {len(leaves):,} inputs and parameters."}
    if len(nodes) > MOST_NODES:
        return {"why": f"Values can be tried on a smaller graph; both passes of this one have {len(nodes):,} steps."}
    new = {i: k for k, i in enumerate(nodes)}
    return {
        "code": [_instruction(facts, both, i, new) for i in nodes],
        "of": new[facts.of],
        "inputs": [[name, new[i]] for name, i in facts.inputs.items() if i in new],
        "params": [[name, new[i]] for name, i in facts.params.items() if i in new],
        "values": [[box, new[i]] for i, box in places.items()],
        "gradients": [[box, new[g]] for box, g in wanted.items()],
    }


def _instruction(facts: Facts, both: Graph, i: int, new: Mapping[int, int]) -> list[Any]:
    op, attrs = both.op(i), both.attrs(i)
    short = 1 if both.dtype(i) == "float32" else 0
    if op in FED:
        return ["leaf", _number(facts.values[i]), {}, short]
    if op is CONST:
        return ["leaf", _number(attrs["value"]), {}, short]
    plain = {name: json_value(value) for name, value in attrs.items() if isinstance(value, (bool, int, float, str))}
    return [op.name, [new[j] for j in both.inputs(i)], plain, short]


def _number(value: Any) -> Any:
    return json_value(value.item() if hasattr(value, "item") else value)
