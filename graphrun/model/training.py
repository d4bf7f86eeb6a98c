"""Training of a model: its data, its plan, the loop, what is shown, and the run folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from graphrun.build.build import Built
from graphrun.build.optimizer import whole_setting
from graphrun.data.batches import Batches
from graphrun.engines.base import Step
from graphrun.engines.select import get_engine
from graphrun.errors import Diagnostic, Reporter, SpecError, UsageError
from graphrun.model.beginning import beginning
from graphrun.model.feeds import row_feeds
from graphrun.model.length import planned_steps
from graphrun.model.measure import Measure
from graphrun.model.run_report import Account
from graphrun.train.concerns import concerns
from graphrun.train.health import fineness
from graphrun.train.history import History
from graphrun.train.loop import EarlyStop, Options, Parts, Run, Stopped, run_length, train
from graphrun.train.plan import TrainingPlan
from graphrun.train.report import Heading, final_line, folder_line, heading, summary, warning_lines
from graphrun.train.run_folder import write_run
from graphrun.train.screen import Screen
from graphrun.train.trace import NonFinite, find_failure

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["TrainOptions", "Trained", "train_model", "training_step"]

TRACED = 200_000  # nodes up to which a value that is not finite is traced in the step as it was built


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a call sets: it goes before the spec. `screen` is where the run is shown (nowhere where None). With `beginning` these are the
    first updates of the run that the spec describes: `steps`, as schedules see it, is the length of that."""

    steps: int | None = None
    epochs: int | None = None
    seed: int | None = None
    engine: str = "auto"
    out: Path | None = None
    screen: TextIO | None = None
    quiet: bool = False
    beginning: bool = False


@dataclass(frozen=True)
class Trained:
    """A training run. `history` has the loss of every step, `loss` and `metrics` are those at the end, over whole splits;
    `params` the trained parameters by name, `state` the state, `averages` the averages of the parameters with `train.ema` (loss and metrics
    are measured with them), else None; `out` the run folder, or None; `warnings` what the gradients gave reason to warn of."""

    run: Run = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    state: Mapping[str, Any] = field(repr=False)
    averages: Mapping[str, Any] | None = field(repr=False)
    engine: str
    out: Path | None
    warnings: tuple[Diagnostic, ...] = ()

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
    def measured(self) -> Mapping[str, Any]:
        """What loss and metrics are measured with: the parameters or their averages, and the state."""
        return {**self.params, **(self.averages or {}), **self.state}

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
        first = row_feeds(self.built, given, None, lambda: None, by_hand=False)
        self.sizes = first.sizes
        self.constants = {n: v for n, v in first.values.items() if n not in self.feeds}
        self.rows = len(next(iter(self.feeds.values()))) if self.feeds else 1
        self.batches = Batches(self.rows, self.settings.batch, self.settings.shuffle, self.settings.drop_last, self.settings.seed)
        self.steps = run_length(self.settings, self.batches.per_epoch)
        self.start = dict(model.loaded) if model.loaded is not None else beginning(model, self.settings.seed)
        rows, seed = self.batches.rows_at(0), self.settings.seed
        self.whole = max(self.steps, planned_steps(model) or 0) if options.beginning else self.steps
        self.plan = TrainingPlan(self.built, tuple(self.feeds), self.whole, self.start, rows, self.sizes, seed=seed)
        self.step = self.plan.step_for(rows)
        self.settings = replace(self.settings, finer=fineness(self.step))
        self.engine, self.why = get_engine(options.engine, self.step)
        splits = {s: self.data.split(s) for s in ("train", "valid", "test")} if self.data is not None else {}
        self.measure = Measure(model.built, self.constants, splits)
        self.screen: Screen | None = None
        self.failed: NonFinite | None = None

    def run(self) -> Trained:
        """The whole run. One that a value which is not finite ended is written too, and then raised."""
        valid = self.data is not None and bool(self.data.valid)
        parts = Parts(self.plan, self.engine, self.feeds, self.constants, self.rows, self._measured, valid)
        if self.options.screen is None:
            run = self._train(parts, None)
        else:
            shown = [f"valid.{n}" for n in ("loss", *self.model.built.metrics)] if valid else []
            epochs = self.settings.steps is None
            with Screen(self.options.screen, self.steps, epochs=epochs, measured=shown, quiet=self.options.quiet) as self.screen:
                for line in heading(self._heading()):
                    self.screen.write(line)
                run = self._train(parts, self.screen)
        values = {**self.start, **run.params, **self.plan.state(run.slots)}
        params = {name: value for name, value in values.items() if name in self.built.params}
        state = {name: value for name, value in values.items() if name in self.built.state}
        measured = {**values, **self.plan.measured(run.slots)}
        averaged = self.spec.model.train is not None and self.spec.model.train.ema is not None
        averages = {name: measured[name] for name in params} if averaged else None
        account = self._account(run, values, measured)
        out = self._write(account, measured if averaged else None) if self.options.out is not None else None
        if self.failed is not None:
            self._show_folder(out)
            self.failed.out = out
            raise self.failed
        self.model.keep(values, averages)
        self._show(account, out)
        return Trained(run, params, state, averages, self.engine.name, out, tuple(account.warnings))

    def _account(self, run: Run, values: Mapping[str, Any], measured: Mapping[str, Any]) -> Account:
        assert self.built.loss is not None
        tested = self.data is not None and bool(self.data.test) and not run.failed
        test = self.measure(measured, "test") if tested else None
        failure = self.failed.failure if self.failed is not None else None
        warnings = self._warnings(run)
        heading = self._heading()
        return Account(self.model, self.built, self.data, self.measure, heading, run, self.start, values, measured, test, warnings, failure)

    def _warnings(self, run: Run) -> list[Diagnostic]:
        assert self.built.loss is not None
        return concerns(run, self.built.graph.dtype(self.built.loss))

    def _show(self, account: Account, out: Path | None) -> None:
        if self.screen is None:
            return
        self.screen.write()
        for line in summary(account.run, account.shown(), account.test):
            self.screen.write(line)
        for warning in account.warnings:
            self.screen.write()
            for line in warning_lines(warning):
                self.screen.write(line)
        if self.options.quiet:
            self.screen.final(final_line(account.run, None if out is None else os.fspath(out)))
        self._show_folder(out)

    def _show_folder(self, out: Path | None) -> None:
        if self.screen is not None and out is not None:
            self.screen.write()
            for line in folder_line(os.fspath(out), self.files):
                self.screen.write(line)

    def _measured(self, values: Mapping[str, Any], split: str) -> dict[str, float]:
        """Loss and metrics; what no slot holds is as it was at the start."""
        return self.measure({**self.start, **values}, split)

    def _train(self, parts: Parts, observe: Screen | None) -> Run:
        try:
            return train(parts, self.settings, observe)
        except Stopped as stopped:
            self.failed = self._failure(stopped)
            return stopped.run

    def _failure(self, stopped: Stopped) -> NonFinite:
        """Where a run went wrong, found in the step as it was built, and how every value can be seen."""
        source = self.spec.file.positions.source
        plain = None
        if len(self.built.graph) <= TRACED:
            rows, seed = self.batches.rows_at(stopped.batch), self.settings.seed
            named = TrainingPlan(
                self.built, tuple(self.feeds), self.whole, self.start, rows, self.sizes, rows_as="arrays", seed=seed, lean=False
            )
            plain = named.step_for(rows)
        failure = find_failure(stopped, {source.name: source}, self.built.graph.sources, plain, self.plan.owner)
        more = []
        row = failure.training_row
        if self.options.out is not None and (row is None or self.built.one_row or self.batches.constant):
            at = f" --row {row}" if row is not None and self.built.one_row else ""
            more.append(f"graphrun grad {source.name} --checkpoint {self.options.out}{at} shows every value")
        return NonFinite(failure, more, self._warnings(stopped.run))

    def _heading(self) -> Heading:
        counts = {s: n for s, n in self.data.counts.items() if n} if self.data is not None else {}
        train_section = self.spec.model.train
        return Heading(
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

    # -- the run folder -------------------------------------------------------------------------------------------

    files: tuple[str, ...] = ()

    def _write(self, account: Account, averages: Mapping[str, Any] | None) -> Path:
        """Everything that came out, as one folder."""
        assert self.options.out is not None
        run = account.run
        contents = account.files(os.fspath(self.options.out), averages)
        self.files = tuple(contents)
        manifest = {
            "spec": self.spec.name,
            "steps": run.steps,
            "loss": run.loss if np.isfinite(run.loss) else str(run.loss),
            "metrics": dict(run.metrics),
            "warnings": [d.code for d in account.warnings],
            "engine": self.engine.name,
            "engine_reason": self.why,
            "seed": self.settings.seed,
            "interrupted": run.interrupted,
            "failed": None if account.failure is None else account.failure.message,
            "stopped_early": run.stopped_early,
            "statistics": self._statistics(),
        }
        return write_run(self.options.out, contents, manifest)

    def _statistics(self) -> dict[str, Any]:
        if self.data is None:
            return {}
        return {n: {k: np.asarray(v).tolist() for k, v in t.statistics.items()} for n, t in self.data.transforms.items()}


def _settings(model: Model, options: TrainOptions) -> Options:
    """The length, batches and seed of a run: what the call sets, else what the spec says."""
    section = model.spec.model.train
    reporter = Reporter()
    steps, epochs = options.steps, options.epochs
    if steps is not None and epochs is not None:
        raise UsageError("`steps` and `epochs` both say how long to train: give one of them")
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
    for name, value, least in (("steps", steps, 1), ("epochs", epochs, 1), ("seed", options.seed, None)):
        if value is not None and (not _is_whole(value) or (least is not None and value < least)):
            raise UsageError(f"`{name}` is a whole number{'' if least is None else f' from {least} on'}, and not {value!r}")
    return Options(
        steps=steps,
        epochs=epochs,
        batch=batch,
        shuffle=section.shuffle if section else None,
        drop_last=section.drop_last if section else False,
        seed=int(options.seed) if options.seed is not None else model.seed,
        log_every=section.log.every if section and section.log else None,
        health=section is None or section.log is None or section.log.health is not False,
        eval_every=section.eval.every if section and section.eval else None,
        accumulate=(section.accumulate if section else None) or 1,
        stop=_early_stop(model),
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _early_stop(model: Model) -> EarlyStop | None:
    """What `train.early_stop` says. Raises SpecError where it watches what is not there."""
    section = model.spec.model.train.early_stop if model.spec.model.train else None
    if section is None:
        return None
    if section.watch.startswith("valid.") and not (model.dataset is not None and model.dataset.valid):
        message = f"`{section.watch}` cannot be watched: the data have no validation rows"
        mend = "add `split: {train: 0.8, valid: 0.2}` under `data`, or watch `train.loss`"
        raise SpecError(Diagnostic("unknown-name", message, model.spec.value("train", "early_stop", "watch"), help=mend))
    return EarlyStop(section.watch, section.patience, section.min_delta, section.mode)
