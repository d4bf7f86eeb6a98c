"""Model: a spec joined with everything that can be done with it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.build.build import Built
from graphrun.data.dataset import Dataset, load_data
from graphrun.engines.reference import evaluate
from graphrun.errors import RunError, UsageError, nearest
from graphrun.files import write_atomic
from graphrun.ir.leaves import FED
from graphrun.ir.types import is_real
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.views import View
from graphrun.model.beginning import beginning
from graphrun.model.checking import Comparison, check_question
from graphrun.model.entries import explain_entry, explain_paths
from graphrun.model.evaluation import Evaluation, evaluate_model
from graphrun.model.explain import Question, explain, explain_updates, where_text
from graphrun.model.feeds import Feeds, row_feeds
from graphrun.model.length import planned_steps
from graphrun.model.opening import Settings, build_both, open_spec, open_text
from graphrun.model.page import Picture
from graphrun.model.picture import picture, picture_frames
from graphrun.model.results import Gradients, Values
from graphrun.model.sweeps import explain_forward
from graphrun.model.training import Trained, TrainOptions, train_model
from graphrun.passes.bind import bind
from graphrun.spec.spec import Spec
from graphrun.train.initial import initial_values

__all__ = ["Gradients", "Model", "Values", "load", "loads"]


def load(path: str | os.PathLike[str], set: Settings = ()) -> Model:
    """Reads and checks the spec at `path`, with settings as `--set` takes them. Raises SpecError with every fault."""
    spec, reporter = open_spec(path, set)
    return Model(spec, build_both(spec, reporter))


def loads(text: str, base: str | os.PathLike[str] = ".", set: Settings = (), name: str = "spec") -> Model:
    """Reads and checks a spec from text; paths in it are relative to `base`. Raises SpecError with every fault."""
    spec, reporter = open_text(text, base, set, name)
    return Model(spec, build_both(spec, reporter))


class Model:
    """A checked spec. `params` and `state` hold the current values of the parameters and the state, which `train` replaces."""

    def __init__(self, spec: Spec, graphs: tuple[Built, Built | None]) -> None:
        self.spec = spec
        self.built, self._training = graphs
        self._params: dict[str, Any] | None = None
        self._averages: dict[str, Any] | None = None  # of the parameters, where the last run kept them
        self.loaded: dict[str, Any] | None = None  # what `load_params` took, from which training begins
        self._source = ""  # the file that it came from

    @property
    def name(self) -> str:
        """The name of the spec."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"<graphrun model {self.name}: {len(self.built.nodes)} nodes, {len(self.built.params)} parameters>"

    def built_for(self, training: bool) -> Built:
        """The graph with `training` true or false."""
        return self._training if training and self._training is not None else self.built

    @property
    def params(self) -> dict[str, Any]:
        """The current value of each parameter, by name."""
        own, now = self.built.params, self.current  # read in a loop by some: a plain copy is quick
        return dict(now) if len(own) == len(now) else {name: value for name, value in now.items() if name in own}

    @property
    def state(self) -> dict[str, Any]:
        """The current value of each state, by name."""
        return {name: value for name, value in self.current.items() if name in self.built.state}

    @property
    def current(self) -> dict[str, Any]:
        """Parameters and state together."""
        if self._params is None:
            self._params = initial_values(self.built_for(True), self.seed)
        return self._params

    @property
    def measured(self) -> dict[str, Any]:
        """What loss and metrics are measured with: the averages of the parameters where a run with `train.ema` made them, and the state."""
        return {**self.current, **(self._averages or {})}

    @property
    def seed(self) -> int:
        """`train.seed`."""
        return self.spec.model.train.seed if self.spec.model.train else 0

    @cached_property
    def dataset(self) -> Dataset | None:
        """The data of the spec, read when first needed; None where it has none. Raises DataError with all faults."""
        return load_data(self.spec, self.built)

    def load_params(self, path: str | os.PathLike[str], averages: bool = False, *, name: str | None = None) -> None:
        """Takes parameters and state from a run folder or safetensors file; with `averages` the folder's averages of `train.ema`, if it
        has them. A ledger calls it by `name`, else by its path. Raises RunError where one is missing or has another shape."""
        file = Path(path)
        if file.is_dir():
            averaged = file / "averages.safetensors"
            file = averaged if averages and averaged.exists() else file / "params.safetensors"
        self._params = self.loaded = _read_params(file, self.current, self.built.state)
        self._averages = None
        self._source = name or os.fspath(path)

    # -- forward and backward -------------------------------------------------------------------------------------

    def feeds(self, given: Mapping[str, Any], row: int | str | None = None, training: bool = False) -> Feeds:
        """What each input is fed: by hand, from the data, or by default. Raises UsageError and DataError."""
        return row_feeds(self.built_for(training), given, row, lambda: self.dataset)

    def starting(self, params: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """The initial values of parameters and state (of `training`, with what `train.from` has), with `params` in place of some."""
        return self._with(params, beginning(self, self.seed) if training else initial_values(self.built_for(True), self.seed))

    def _with(self, params: Mapping[str, Any] | None, start: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The current values (or `start`), with `params` in place of some. Raises UsageError."""
        out = dict(self.current if start is None else start)
        for name, value in (params or {}).items():
            if name not in out:
                near = nearest(name, out)
                raise UsageError(f"there is no parameter called `{name}`" + (f"; did you mean `{near}`?" if near else ""))
            try:
                out[name] = np.broadcast_to(np.asarray(value, dtype=out[name].dtype), out[name].shape)
            except (ValueError, TypeError):
                raise UsageError(f"the value given for `{name}` does not fit its shape {list(out[name].shape)}") from None
        return out

    def run(
        self,
        params: Mapping[str, Any] | None = None,
        row: int | str | None = None,
        training: bool = False,
        feeds: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> Values:
        """The forward pass: the value of every node by name. `params` stand in for current values, `feeds` and keywords for inputs."""
        built = self.built_for(training)
        fed = self.feeds({**(feeds or {}), **inputs}, row, training)
        graph, nodes = fed.mapped(built)
        bound = bind(graph, fed.sizes)
        at = self._with(params)
        values = evaluate(bound, fed.leaves(built, nodes, at))
        return Values(built, bound, values, at, nodes)

    def grad(
        self,
        of: str | None = None,
        wrt: str | Sequence[str] | None = None,
        params: Mapping[str, Any] | None = None,
        row: int | str | None = None,
        training: bool = False,
        feeds: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> Gradients:
        """Forward and backward: the gradient of the loss, or of the scalar node `of`, with respect to every parameter, input and node."""
        fed = self.feeds({**(feeds or {}), **inputs}, row, training)
        at = self._with(params)
        question = Question(self.built_for(training), self.node_of(of, training), fed, at)
        names = [wrt] if isinstance(wrt, str) else list(wrt or ())
        more = [self.node_of(name, training) for name in names]
        graph, nodes, of_node = question.graph()
        leaves = [
            i for i in range(len(graph)) if not graph.inputs(i) and is_real(graph.dtype(i)) and graph.op(i) in FED
        ]
        both, gradients = backward(graph, of_node, dict.fromkeys([*leaves, *(nodes.get(i, i) for i in more)]))
        values = evaluate(both, question.leaves(nodes))
        if question.feeds.all_rows:
            back = {new: old for old, new in nodes.items()}
            gradients = {back[k]: g for k, g in gradients.items() if k in back}
            found = Gradients(question.built, both, of_node, values, gradients, len(graph), at)
            found.values = Values(question.built, both, values, at, nodes)
            return found

        def asked(name: str) -> Gradients:
            return self.grad(of, [name], at, row, training, feeds, **inputs)

        return Gradients(question.built, both, of_node, values, gradients, len(graph), at, asked)

    def node_of(self, name: str | None, training: bool = False) -> int:
        """The node of a name, or the loss where `name` is None. Raises UsageError."""
        built = self.built_for(training)
        if name is None:
            if built.loss is None:
                raise UsageError("this spec has no loss; name the value whose derivatives are wanted: --of NODE")
            return built.loss
        node = built.find(name) if name != built.loss_name else built.loss
        if node is None:
            near = nearest(name, built.index)
            raise UsageError(f"there is no node called `{name}`" + (f"; did you mean `{near}`?" if near else ""))
        return node

    def ledger(
        self,
        of: str | None = None,
        wrt: Sequence[str] | None = None,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        expand: bool = False,
        training: bool = False,
        timing: bool = False,
        **feeds: Any,
    ) -> Ledger:
        """The chain rule, step by step, with its numbers. `at` stands in for inputs and parameters; with `timing` reverse mode and one
        derivative at a time are timed."""
        question = self._question(of, row, at, training, feeds)
        return explain(question, self.built_for(True), of=of, wrt=tuple(wrt) if wrt else None, expand=expand, timing=timing)

    def ledgers(
        self,
        updates: int,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        expand: bool = False,
        timing: bool = False,
        **feeds: Any,
    ) -> list[Ledger]:
        """The ledgers of successive updates, each on the same feeds, at the parameters that the one before led to."""
        question = self._question(None, row, at, False, feeds)
        return explain_updates(question, self.built_for(True), updates, expand=expand, timing=timing)

    def paths(
        self,
        start: str,
        of: str | None = None,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        expand: bool = False,
        training: bool = False,
        **feeds: Any,
    ) -> View:
        """Every path from a value (`w1`, or an entry of an array: `W[0, 1]`) to the loss or the node `of`, with the product along it; where
        there are too many, their number and the largest ten."""
        return explain_paths(self._question(of, row, at, training, feeds), start, expand=expand)

    def entry(
        self,
        entry: str,
        of: str | None = None,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        training: bool = False,
        **feeds: Any,
    ) -> View:
        """The chain rule of one entry of an array (`W[0, 1]`), opened to scalars."""
        return explain_entry(self._question(of, row, at, training, feeds), entry)

    def forward_mode(
        self,
        of: str | None = None,
        wrt: Sequence[str] | None = None,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        training: bool = False,
        **feeds: Any,
    ) -> View:
        """The ledger of one derivative at a time: a sweep over all nodes for each entry of each parameter."""
        return explain_forward(self._question(of, row, at, training, feeds), tuple(wrt) if wrt else None)

    def check(
        self,
        of: str | None = None,
        row: int | str | None = None,
        at: Mapping[str, Any] | None = None,
        training: bool = False,
        **feeds: Any,
    ) -> Comparison:
        """Every gradient of the loss, or of the scalar node `of`, compared with numerical differentiation."""
        return check_question(self._question(of, row, at, training, feeds))

    def evaluate(self, split: str | None = None) -> Evaluation:
        """Loss and metrics at the current parameters over `split`: where not given `test`, else `valid`, else the training rows. After
        a run with `train.ema` the averages of the parameters are measured."""
        return evaluate_model(self, split)

    def _question(
        self, of: str | None, row: int | str | None, at: Mapping[str, Any] | None, training: bool, feeds: Mapping[str, Any]
    ) -> Question:
        inputs = {**feeds, **{k: v for k, v in (at or {}).items() if k in self.built.inputs}}
        moved = {k: v for k, v in (at or {}).items() if k not in self.built.inputs}
        fed = self.feeds(inputs, row, training)
        where = where_text(self._which_parameters(), {**inputs, **moved}, defaults=fed.row is None and len(inputs) < len(self.built.inputs))
        return Question(self.built_for(training), self.node_of(of, training), fed, self._with(moved), where, planned_steps(self))

    def _which_parameters(self) -> str:
        """Which values of the parameters are the current ones, in words; empty where there are no parameters."""
        current = self.current
        if not current:
            return ""
        if self._source and current is self.loaded:
            return f"parameters of {self._source}"
        start = initial_values(self.built_for(True), self.seed)
        if not all(np.array_equal(current[name], value) for name, value in start.items()):
            return "trained parameters"
        drawn = any(not isinstance(p.init, int | float | list | tuple) for p in self.built.params.values())
        return f"initial parameters of seed {self.seed}" if drawn else "initial parameters"

    # -- training, pictures, tests --------------------------------------------------------------------------------

    def train(
        self,
        steps: int | None = None,
        seed: int | None = None,
        engine: str = "auto",
        out: str | os.PathLike[str] | None = None,
        epochs: int | None = None,
        screen: TextIO | None = None,
        quiet: bool = False,
    ) -> Trained:
        """Trains by gradient descent from the initial values of the seed (or those of `load_params`) and keeps the parameters.

        Writes files only where `out` (the run folder) is given, and shows the run only where `screen` (a text stream) is.
        """
        return train_model(self, TrainOptions(steps, epochs, seed, engine, None if out is None else Path(out), screen, quiet))

    def keep(self, params: Mapping[str, Any], averages: Mapping[str, Any] | None = None) -> None:
        """Makes `params` (parameters and state) the current values; `averages` are those of the parameters with `train.ema`."""
        self._params = dict(params)
        self._averages = dict(averages) if averages is not None else None

    def render(self, path: str | os.PathLike[str] | None = None, view: str | None = None, **options: Any) -> Picture | None:
        """Draws the graph to a file, whose suffix says the format (`.svg .png .pdf .dot .mmd .tex .txt`); without a path, as a picture that
        shows itself in a notebook. `options` are those of `graphrun render`: `show`, `highlight`, `depth`, `focus`, `radius`, `to`, `row`,
        `expand`, `direction`, `link_base` (see :class:`graphrun.model.picture.PictureOptions`). Raises UsageError."""
        if path is None:
            return Picture(self.draw("svg", view, **options).decode())
        write_atomic(Path(path), self.draw(Path(path).suffix.removeprefix(".").lower(), view, **options))
        return None

    def frames(self, folder: str | os.PathLike[str], format: str = "svg", view: str | None = None, **options: Any) -> list[str]:
        """Draws a picture for each step of the forward and the backward pass into a folder, numbered; the paths of the files."""
        return picture_frames(self, Path(folder), format, view, **options)

    def draw(self, format: str = "svg", view: str | None = None, **options: Any) -> bytes:
        """The picture of the graph as bytes; `options` as `render` takes them."""
        return picture(self, format, view, **options)


def _read_params(file: Path, known: Mapping[str, Any], states: Collection[str]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = load_file(file)
    except FileNotFoundError:
        raise RunError(f"there is no file or run folder {file}") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"cannot read parameters from {file}: {type(error).__name__}") from None
    out = {}
    for name, value in known.items():
        if name not in found or found[name].shape != value.shape:
            kind = "state" if name in states else "parameter"
            what = f"has no {kind}" if name not in found else f"has shape {list(found[name].shape)} for"
            raise RunError(f"{file} {what} `{name}`, which has shape {list(value.shape)} here")
        out[name] = found[name].astype(value.dtype)
    return out
