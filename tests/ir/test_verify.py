"""The invariants, and the text that shows where one is broken."""

import pytest

from graphrun.ir.builder import Builder
from graphrun.ir.printer import print_graph
from graphrun.ir.types import TensorType
from graphrun.ir.verify import InvariantError, verify
from graphrun.ops.registry import OPS


def example():
    b = Builder()
    x = b.input("x", (2, 3), "float64")
    w = b.param("w", (3,), "float64")
    h = OPS["mul"](b, x, w)
    b.set_owner(h, b.name_id("h"))
    total = OPS["sum"](b, h, axis=1)
    b.set_owner(total, b.name_id("h"), 1)
    b.const(tuple(float(k) for k in range(20)), "float64", (20,))
    return b.graph, h


def test_a_graph_as_text():
    graph, _ = example()
    assert print_graph(graph) == (
        "     0  x = input()  float64 [2, 3]\n"
        "     1  w = param()  float64 [3]\n"
        "     2  h = mul(x, w)  float64 [2, 3]\n"
        "     3  h#1 = sum(h, axis=1, keepdims=False)  float64 [2]\n"
        "     4  %4 = const(value=(0.0, 1.0, 2.0, … 20 in all))  float64 [20]"
    )


def test_around_a_node_are_its_operands_too():
    b = Builder()
    x = b.input("x", (), "float64")
    i = x
    for _ in range(20):
        i = OPS["neg"](b, i)
    i = OPS["add"](b, i, x)
    for _ in range(20):
        i = OPS["neg"](b, i)
    text = print_graph(b.graph, around=21)
    assert text.split("\n")[:3] == ["        0  x = input()  float64 []", "      …", "       17  %17 = neg(%16)  float64 []"]
    assert "->     21  %21 = add(%20, x)  float64 []" in text
    assert text.endswith("      …")


def test_a_sound_graph_passes():
    verify(example()[0], "nothing")


def broken(change):
    graph, h = example()
    change(graph, h)
    with pytest.raises(InvariantError) as e:
        verify(graph, "a pass")
    return str(e.value)


def test_an_operand_that_comes_later():
    def change(graph, h):
        graph._input[0] = 3

    assert broken(change).startswith("the graph after a pass is wrong at node 2: operand 3 does not come before it\n")


def test_a_wrong_type():
    def change(graph, h):
        graph._type_table.append(TensorType((7,), "float64"))
        graph._type[h] = len(graph._type_table) - 1

    assert broken(change) == (
        "the graph after a pass is wrong at node 2: its type is float64 [7], and mul gives float64 [2, 3]\n"
        "        0  x = input()  float64 [2, 3]\n"
        "        1  w = param()  float64 [3]\n"
        "->      2  h = mul(x, w)  float64 [7]\n"
        "        3  h#1 = sum(h, axis=1, keepdims=False)  float64 [2]\n"
        "        4  %4 = const(value=(0.0, 1.0, 2.0, … 20 in all))  float64 [20]"
    )


def test_operands_that_do_not_fit():
    def change(graph, h):
        graph._type_table.append(TensorType((4,), "float64"))
        graph._type[1] = len(graph._type_table) - 1

    assert "its operands do not fit: cannot multiply [2, 3] and [4]" in broken(change)


def test_arity_attributes_names_and_columns():
    def fewer(graph, h):
        del graph._input[1]
        for k in range(3, len(graph._offset)):
            graph._offset[k] -= 1

    def unknown(graph, h):
        graph._attr_table.append({"axis": 0})
        graph._attr[h] = len(graph._attr_table) - 1

    def twice(graph, h):
        graph._step[3] = 0

    def beyond(graph, h):
        graph._owner[h] = 99

    def short(graph, h):
        graph._call.pop()

    assert "mul takes 2 operands (a, b), not 1" in broken(fewer)
    assert "mul has no attribute axis" in broken(unknown)
    assert "the name `h` is that of node 2 too" in broken(twice)
    assert "its name has the number 99" in broken(beyond)
    assert broken(short) == "the columns of the graph after a pass do not fit: 5 nodes, {'_call': 4}"


def test_a_constant_that_does_not_fill_its_shape():
    def change(graph, h):
        graph._attr_table.append({"value": (1.0, 2.0)})
        graph._attr[4] = len(graph._attr_table) - 1

    assert "the constant does not fill its shape float64 [20]" in broken(change)
