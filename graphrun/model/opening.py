"""Opens a spec: read, checked, built. Imports no NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphrun.build.both import differing
from graphrun.build.build import Built, attempt
from graphrun.build.init import judge_initial_values
from graphrun.build.optimizer import optimizer_rule, settings_of, whole_setting
from graphrun.errors import Place, Reporter, SpecError, nearest
from graphrun.ir.pause import collection_paused
from graphrun.model.diagram_names import check_diagram
from graphrun.spec.load import read_spec, read_text
from graphrun.spec.spec import Spec

__all__ = ["Settings", "attempt_both", "build_both", "check_both", "open_spec", "open_text"]

Settings = Mapping[str, Any] | Sequence[str]
MANY = 1_000_003  # stands for the length of a run where it is not known yet


def open_spec(path: str | os.PathLike[str], settings: Settings) -> tuple[Spec, Reporter]:
    """The spec at `path`. Raises SpecError with all faults."""
    reporter = Reporter()
    return _found(read_spec(Path(path), settings, reporter), reporter), reporter


def open_text(text: str, base: str | os.PathLike[str], settings: Settings, name: str) -> tuple[Spec, Reporter]:
    """The spec in `text`. Raises SpecError with all faults."""
    reporter = Reporter()
    return _found(read_text(text, str(base), name, settings, reporter), reporter), reporter


def _found(spec: Spec | None, reporter: Reporter) -> Spec:
    if spec is None:
        reporter.raise_errors()
        raise SpecError("the spec cannot be read")
    return spec


def build_both(spec: Spec, reporter: Reporter) -> tuple[Built, Built | None]:
    """The graph with `training` false, and the one with it true where a formula asks for `training`. Raises SpecError with all faults."""
    built, training = check_both(spec, reporter)
    reporter.raise_errors()
    assert built is not None
    return built, training


def check_both(spec: Spec, reporter: Reporter) -> tuple[Built | None, Built | None]:
    """As `build_both`, with the faults left in `reporter`; None in place of a graph that cannot be built."""
    built, training = attempt_both(spec, reporter)
    return built if built is not None and built.whole else None, training if training is not None and training.whole else None


def attempt_both(spec: Spec, reporter: Reporter) -> tuple[Built | None, Built | None]:
    """As `check_both`; a graph that cannot be built as a whole is given without the parts that have faults."""
    with collection_paused():
        built = attempt(spec, reporter)
        one = built is not None and built.whole and not (built.assembly.asks_training or built.assembly.counts_steps)
        ended = any(d.code == "too-many-steps" for d in reporter.diagnostics)  # the other graph would take as long, and end as well
        training = None if one or ended else _training_graph(spec, reporter)
    if built is not None:
        _check_training(spec, training or built, reporter)
        check_diagram(built, reporter)
    elif spec.model.train is not None:
        optimizer_rule(spec, reporter, (), MANY)
    if built is not None and training is not None:
        reporter.diagnostics += differing(built, training)
        built, training = _with_all_of(built, training), _with_all_of(training, built)
    if built is not None and built.whole:
        judge_initial_values(built, reporter)
    return built, training


def _training_graph(spec: Spec, reporter: Reporter) -> Built | None:
    """The graph with `training` true; what is wrong with both graphs is told once."""
    own = Reporter()
    built = attempt(spec, own, training=True)
    told = {(d.code, d.place, d.message) for d in reporter.diagnostics}
    reporter.diagnostics += [d for d in own.diagnostics if (d.code, d.place, d.message) not in told]
    return built


def _with_all_of(built: Built, other: Built) -> Built:
    """`built` with the parameters and states that only the other graph of the spec has; here they have no node."""
    params = {n: replace(p, node=None) for n, p in other.params.items() if n not in built.params}
    state = {n: replace(s, node=None, updates=[]) for n, s in other.state.items() if n not in built.state}
    return replace(built, params={**built.params, **params}, state={**built.state, **state}) if params or state else built


def _check_watched(spec: Spec, watch: str, reporter: Reporter) -> None:
    known = [f"{split}.{name}" for split in ("valid", "train") for name in ("loss", *spec.model.metrics)]
    if watch not in known and watch.partition(".")[2] not in spec.file.lost.metrics:
        near = nearest(watch, known)
        mend = f"did you mean `{near}`?" if near else f"there are {', '.join(known)}"
        reporter.error("unknown-name", f"`{watch}` cannot be watched", spec.value("train", "early_stop", "watch"), help=mend)


def _check_training(spec: Spec, built: Built, reporter: Reporter) -> None:
    """What only training asks: that there is a loss, the optimizer and its settings."""
    train = spec.model.train
    if train is None:
        return
    if built.loss is None and spec.model.loss is None and not spec.file.lost.loss:
        reporter.error("no-loss", "`train` needs a `loss`", spec.key("train"), help="name the scalar node to be made small: `loss: J`")
        return
    if train.early_stop is not None:
        _check_watched(spec, train.early_stop.watch, reporter)
    names = list(built.params)
    settings = settings_of(spec, names, reporter, whole=built.whole)
    steps = whole_setting(spec, "steps", reporter)
    whole_setting(spec, "epochs", reporter)
    whole_setting(spec, "batch", reporter)
    seen: set[tuple[str, tuple[int, ...]]] = set()
    same: set[str] = set()  # settings with an update that is the same for all shapes
    told: set[tuple[str, Place | None]] = set()
    for name in names:
        key = repr(sorted(settings[name].items(), key=str))
        if key in same or (key, built.params[name].shape) in seen:
            continue
        seen.add((key, built.params[name].shape))
        own = Reporter()
        rule = optimizer_rule(spec, own, built.params[name].shape, steps or MANY, settings[name])
        if rule is not None and rule.elementwise and built.params[name].shape:
            same.add(key)
        reporter.diagnostics += [d for d in own.diagnostics if (d.code, d.place) not in told]
        told |= {(d.code, d.place) for d in own.diagnostics}
    if not names:
        optimizer_rule(spec, reporter, (), steps or MANY)
