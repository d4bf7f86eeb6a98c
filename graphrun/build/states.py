"""State: values that are kept from step to step, with an update over the values of a training forward pass (language.md §6)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from graphrun.build.frame import Frame
from graphrun.build.names import CallRecord, Context, Scope, holder_of
from graphrun.build.special import SpecialForms
from graphrun.build.values import Fault, Param, Ref, State
from graphrun.errors import Diagnostic
from graphrun.expr.tree import Call, Formula
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import STATE
from graphrun.ir.types import shape_text
from graphrun.ops.registry import OPS
from graphrun.spec.spec import File, Function

__all__ = ["Stateful", "row_fault"]


class Stateful(SpecialForms):
    """Lowers the states of functions."""

    states: list[State]
    leaves: list[Param]  # the parameters and states of functions that have a leaf, in the order of the nodes
    updated: list[State]  # whose updates were made, in the order of the nodes

    @abstractmethod
    def new_param(self, name: str, model: Any, path: Any, f: Frame, file: File) -> Param:
        """A parameter, or what is initialized like one, from its entry."""

    @abstractmethod
    def named(self, formulas: list[Formula], f: Frame) -> Any:
        """The value of a node, its steps numbered."""

    def new_state(self, name: str, model: Any, path: Any, f: Frame, file: File) -> State:
        """A state from its entry, without a node."""
        p = self.new_param(name, model, path, f, file)
        self.asks_training = True
        made = State(p.name, p.shape, p.dtype, p.init, False, None, p.place, p.written, file.positions.value((*path, "update")))
        self.states.append(made)
        return made

    def enter_state(self, state: State, owner: int) -> int:
        """Makes the leaf of a state, whose name has the number `owner`."""
        b = self.builder
        node = state.node = b.leaf(STATE, "", state.shape, state.dtype)
        b.set_owner(node, owner)
        return node

    def state_leaf(self, state: State, holder: CallRecord, file: File) -> int:
        """The leaf of a state that the call `holder` holds."""
        if state.node is None:
            b = self.builder
            b.tag, b.call, b.place = 0, holder.call, self.pack(state.place, self.source_id(file))
            node = self.enter_state(state, b.reserve_name())
            self.leaves.append(state)
            if holder.path:
                b.graph.names[b.graph._owner[node]] = state.name
        return state.leaf

    def own_states(self, fn: Function, record: CallRecord, scope: Scope, frame: Frame, e: Call) -> None:
        """The states of a function's call; a shared call uses those of the call that it shares."""
        if not fn.model.state:
            return
        if "@" in self.builder.graph.tags[frame.tag][1]:
            raise Fault(
                "state-in-scan", f"`{fn.signature.name}` holds a state, and inside `scan` there is none", e,
                help="carry the value along: what the scanned function returns is passed to the next position",
            )  # fmt: skip
        holder = holder_of(record)
        for name, model in fn.model.state.items():
            state = holder.states.get(name)
            path = (*fn.path, "state", name)
            if state is None:
                state = self.new_state(name, model, path, replace(frame, path=path, key=False, base=None), fn.file)
                holder.states[name] = state
            scope.values[name] = Ref(self.state_leaf(state, holder, fn.file))
        record.used = holder.states

    def update_states(self, fn: Function, record: CallRecord, scope: Scope, frame: Frame) -> None:
        """The updates of a call's states, all from the values that they have before it."""
        if not fn.model.state or not self.training:
            return
        before = {name: Ref(state.current) for name, state in record.used.items()}
        seen = replace(scope, values={**scope.values, **before})
        found = []
        for name in fn.model.state:
            context = Context(self.builder.reserve_name(), f"{name}/new", record)
            record.updates.append(context)
            at = replace(
                frame, path=(*fn.path, "state", name, "update"), key=False, scope=seen, context=context, calls=context.calls, likes=None,
                base=None,
            )  # fmt: skip
            found.append((record.used[name], context.owner, self.named(self.formulas(fn)[f"state.{name}"], at), at))
        for state, owner, value, at in found:
            self.keep_update(state, owner, value, at)

    def keep_update(self, state: State, owner: int, value: Any, f: Frame) -> None:
        """Enters the new value of a state; a number fills its shape."""
        if not isinstance(value, Ref):
            return
        b, node = self.builder, value.node
        if b.shape(node) != state.shape and b.shape(node) != ():
            message = f"the update of `{state.name}` has shape {shape_text(b.shape(node))}, and the state {shape_text(state.shape)}"
            self.tell(Diagnostic("shape-mismatch", message, state.at, help="reduce or reshape it, as in `mean(x, axis=0)`"))
            return
        b.owner, b.tag, b.call, b.place = None, 0, f.call, 0
        if b.dtype(node) != state.dtype:
            node = OPS["cast"](b, node, dtype=state.dtype)
        if b.shape(node) != state.shape:
            node = OPS["broadcast_to"](b, node, shape=state.shape)
        state.updates.append((node, owner))
        self.updated.append(state)

    def forget(self, mark: int) -> None:
        """Nodes from `mark` on are gone, and so are the leaves of parameters and states and the updates among them."""
        if self.counter is not None and self.counter >= mark:
            self.counter = None
        while self.leaves and (self.leaves[-1].node or 0) >= mark:
            self.leaves.pop().node = None
        while self.updated and self.updated[-1].updates[-1][0] >= mark:
            self.updated.pop().updates.pop()

    def name_updates(self) -> None:
        """Names the new values: `h.seen/new`; where several calls share a state, `h.seen/new2` for the second."""
        for state in self.states:
            for k, (_, owner) in enumerate(state.updates):
                self.builder.graph.names[owner] = f"{state.name}/new{k + 1 if k else ''}"


def row_fault(graph: Graph, states: Mapping[str, State], fed: Collection[int], names: Iterable[str]) -> Diagnostic | None:
    """What is wrong with a graph for one row whose inputs `fed` (called `names`) carry the rows: a state that depends on the row."""
    for name, state in states.items():
        if state.new is None:
            continue
        below = graph.ancestors([state.new])
        drawn = any(below[i] and graph.op(i).draws for i in range(len(graph)))
        found = [n for n, i in zip(names, fed, strict=True) if below[i]]
        if not found and not drawn:
            continue
        what = f"the input `{found[0]}`, which differs from row to row" if found else "random values, which each row draws anew"
        message = f"the update of `{name}` depends on {what}; in a graph for one row a state is the same for all rows"
        mend = "write the graph for a batch (`x: {shape: [batch, 4]}`) and reduce the rows in the update: `mean(x, axis=0)`"
        return Diagnostic("state-of-a-row", message, state.at or state.place, help=mend)
    return None
