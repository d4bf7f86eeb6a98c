"""Training of a model: its data, its plan, the loop, what is shown, and the run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from graphrun.build.build import Built
from graphrun.build.update import whole_setting
from graphrun.data.batches import Batches
from graphrun.engines.base import Step
from graphrun.engines.select import get_engine
from graphrun.errors import Diagnostic, Reporter, RunError, SpecError, UsageError
from graphrun.model.feeds import row_feeds
from graphrun.model.measure import Measure
from graphrun.spec.resolved import resolved
from graphrun.train.history import History
from graphrun.train.initial import initial_values
from graphrun.train.loop import Options, Parts, Run, Stopped, train
from graphrun.train.plan import TrainingPlan
from graphrun.train.predictions import find_prediction
from graphrun.train.report import Heading, Predictions, final_line, folder_line, heading, summary
from graphrun.train.run_folder import params_bytes, read_params, write_run
from graphrun.train.screen import Screen
from graphrun.train.trace import non_finite

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["TrainOptions", "Trained", "train_model", "training_step"]

SHOWN_ROWS = 8
DRAWN = 20_000  # nodes up to which the run folder holds a picture and a ledger


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a call sets: it goes before the spec. `screen` is where the run is shown (nowhere where None)."""

    steps: int | None = None
    epochs: int | None = None
    seed: int | None = None
    engine: str = "auto"
    out: Path | None = None
    screen: TextIO | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Trained:
    """A training run. `history` has the loss of every step, `loss` and `metrics` are those at the end, over whole splits;
    `params` the trained parameters by name; `out` the run folder, or None."""

    run: Run = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    engine: str
    out: Path | None

    @property
    def history(self) -> History:
        """The loss of every step, and lines with more for some."""
        return self.run.history

    @property
    def loss(self) -> float:
        """The loss over all training rows after the last update."""
        return self.run.loss

    @property
    def steps(self) -> int:
        """The number of updates made."""
        return self.run.steps

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics after the last update, over the validation rows, or the training rows where there are none."""
        return self.run.metrics

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted."""
        return self.run.interrupted


def training_step(model: Model) -> Step:
    """The first training step of a model, as an engine gets it."""
    return _Training(model, TrainOptions()).step


def train_model(model: Model, options: TrainOptions) -> Trained:
    """Trains a model, keeps its parameters, and writes the run folder where one is asked for."""
    return _Training(model, options).run()


class _Training:
    def __init__(self, model: Model, options: TrainOptions) -> None:
        self.model, self.options, self.spec = model, options, model.spec
        self.settings = _settings(model, options)
        self.built: Built = model.built_for(True)
        if self.built.loss is None:
            raise SpecError(
                Diagnostic(
                    "no-loss", "training needs a `loss`, and the spec has none", help="name the scalar node to be made small: `loss: J`"
                )
            )
        self.data = model.dataset
        self.feeds: dict[str, Any] = dict(self.data.train) if self.data is not None else {}
        given = {n: a[0] if self.built.one_row else a for n, a in self.feeds.items()}
        first = row_feeds(self.built, given, None, lambda: None)
        self.sizes = first.sizes
        self.constants = {n: v for n, v in first.values.items() if n not in self.feeds}
        self.rows = len(next(iter(self.feeds.values()))) if self.feeds else 1
        self.batches = Batches(self.rows, self.settings.batch, self.settings.shuffle, self.settings.drop_last, self.settings.seed)
        steps = self.settings.steps
        self.steps = steps if steps is not None else (self.settings.epochs or 1) * self.batches.per_epoch
        self.start = self._start()
        self.plan = TrainingPlan(self.built, tuple(self.feeds), self.steps, self.start, self.batches.rows_at(0), self.sizes)
        self.step = self.plan.step_for(self.batches.rows_at(0))
        self.engine, self.why = get_engine(options.engine, self.step)
        splits = {s: self.data.split(s) for s in ("train", "valid", "test")} if self.data is not None else {}
        self.measure = Measure(model.built, self.constants, splits)
        self.screen: Screen | None = None

    def _start(self) -> dict[str, Any]:
        """The parameters that the run begins with."""
        loaded = self.model.loaded
        start = dict(loaded) if loaded is not None else initial_values(self.built, self.settings.seed)
        source = self.spec.model.train.from_ if self.spec.model.train else None
        if source is not None:
            path = Path(self.spec.base, source)
            found = read_params(path / "params.safetensors" if path.is_dir() else path)
            for name, value in start.items():
                if name in found and found[name].shape == value.shape:
                    start[name] = found[name].astype(value.dtype)
        return start

    def run(self) -> Trained:
        """The whole run."""
        valid = self.data is not None and bool(self.data.valid)
        parts = Parts(self.plan, self.engine, self.feeds, self.constants, self.rows, self.measure, valid)
        lines = self._heading()
        if self.options.screen is None:
            run = self._train(parts, None)
        else:
            measured = [f"valid.{n}" for n in ("loss", *self.model.built.metrics)] if valid else []
            epochs = self.settings.steps is None
            with Screen(self.options.screen, self.steps, epochs=epochs, measured=measured, quiet=self.options.quiet) as self.screen:
                for line in lines:
                    self.screen.write(line)
                run = self._train(parts, self.screen)
        params = {**self.start, **run.params}
        self.model.keep(params)
        out = self._write(run, params) if self.options.out is not None else None
        if self.screen is not None:
            self.screen.write()
            test = self.measure(params, "test") if self.data is not None and self.data.test else None
            for line in summary(run, self._predictions(run, params), test):
                self.screen.write(line)
            if self.options.quiet:
                self.screen.final(final_line(run, None if out is None else os.fspath(out)))
            if out is not None:
                self.screen.write()
                for line in folder_line(os.fspath(out), self.files):
                    self.screen.write(line)
        return Trained(run, params, self.engine.name, out)

    def _train(self, parts: Parts, observe: Screen | None) -> Run:
        try:
            return train(parts, self.settings, observe)
        except Stopped as stopped:
            raise non_finite(stopped, {self.spec.file.positions.source.name: self.spec.file.positions.source}) from None

    def _heading(self) -> list[str]:
        counts = {s: n for s, n in self.data.counts.items() if n} if self.data is not None else {}
        train_section = self.spec.model.train
        return heading(
            Heading(
                name=self.spec.name,
                about=self.spec.model.about,
                path=self.spec.file.positions.source.name,
                parameters=sum(int(np.prod(p.shape, dtype=np.int64)) for p in self.built.params.values()),
                counts=counts,
                engine=self.engine.name,
                optimizer=(train_section.optimizer if train_section else None) or "sgd(lr=0.01)",
                steps=self.steps,
                epochs=self.settings.epochs if self.settings.steps is None else None,
                batch=self.batches.rows_at(0),
                seed=self.settings.seed,
            )
        )

    def _predictions(self, run: Run, params: Mapping[str, Any]) -> Predictions | None:
        """The first training rows, with the prediction before and after."""
        pair = find_prediction(self.model.built)
        if self.data is None or pair is None:
            return None
        node = self.model.built.nodes[pair.node]
        count = min(SHOWN_ROWS, self.rows)
        before = self.measure.values([node], {**self.start, **run.before}, "train", count)[node]
        after = self.measure.values([node], params, "train", count)[node]
        if np.ndim(after) == 0 or len(after) != count:
            return None
        target = self.data.columns.get(pair.target, ()) if pair.target is not None else ()
        whole_number = pair.target is not None and self.model.built.inputs[pair.target].dtype == "int64"
        return Predictions(
            cells=self.data.cells("train", count),
            target=target[0] if target else None,
            node=pair.node,
            before=before,
            after=after,
            target_is_class=whole_number,
            classes=self.data.class_names(pair.target) if pair.target is not None else None,
        )

    # -- the run folder -------------------------------------------------------------------------------------------

    files: tuple[str, ...] = ()

    def _write(self, run: Run, params: Mapping[str, Any]) -> Path:
        """Everything that came out, as one folder; a graph too large to draw goes without picture and ledger."""
        assert self.options.out is not None
        contents: dict[str, str | bytes] = {}
        if len(self.built.graph) <= DRAWN:
            contents.update(self._explained())
        contents["history.csv"] = run.history.to_csv()
        contents["params.safetensors"] = params_bytes(params, {"spec": self.spec.name, "steps": str(run.steps)})
        contents["spec.yaml"] = resolved(self.spec, os.fspath(self.options.out))
        self.files = tuple(contents)
        manifest = {
            "spec": self.spec.name,
            "steps": run.steps,
            "loss": run.loss if np.isfinite(run.loss) else str(run.loss),
            "metrics": dict(run.metrics),
            "engine": self.engine.name,
            "engine_reason": self.why,
            "seed": self.settings.seed,
            "interrupted": run.interrupted,
            "statistics": self._statistics(),
        }
        return write_run(self.options.out, contents, manifest)

    def _explained(self) -> dict[str, str | bytes]:
        """The ledger and the picture at the values that the run began with."""
        now = self.model.params
        self.model.keep(self.start)
        try:
            ledger = self.model.ledger()
            out: dict[str, str | bytes] = {"ledger.md": ledger.to_markdown(), "ledger.json": _json_text(ledger.to_json())}
            try:
                out["graph.svg"] = self.model.draw("svg")
            except RunError:
                out["graph.dot"] = self.model.draw("dot")
        finally:
            self.model.keep(now)
        return out

    def _statistics(self) -> dict[str, Any]:
        if self.data is None:
            return {}
        return {n: {k: np.asarray(v).tolist() for k, v in t.statistics.items()} for n, t in self.data.transforms.items()}


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _settings(model: Model, options: TrainOptions) -> Options:
    """The length, batches and seed of a run: what the call sets, else what the spec says."""
    section = model.spec.model.train
    reporter = Reporter()
    steps, epochs = options.steps, options.epochs
    batch = None
    if section is not None:
        if steps is None and epochs is None:
            steps = whole_setting(model.spec, "steps", reporter)
            epochs = whole_setting(model.spec, "epochs", reporter)
        batch = whole_setting(model.spec, "batch", reporter)
    reporter.raise_errors()
    if steps is None and epochs is None:
        raise UsageError(
            Diagnostic(
                "no-length", "nothing says how long to train", help="write `train: {steps: 100}` or `epochs`, or --set train.steps=100"
            )
        )
    for name, value in (("steps", steps), ("epochs", epochs)):
        if value is not None and value < 1:
            raise UsageError(f"`{name}` must be at least 1, and it is {value}")
    return Options(
        steps=steps,
        epochs=epochs,
        batch=batch,
        shuffle=section.shuffle if section else None,
        drop_last=section.drop_last if section else False,
        seed=options.seed if options.seed is not None else model.seed,
        log_every=section.log.every if section and section.log else None,
        eval_every=section.eval.every if section and section.eval else None,
    )
