"""Opens a spec: read, checked, built. Imports no NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphrun.build.build import Built, build
from graphrun.build.update import optimizer_rule, settings_of, whole_setting
from graphrun.errors import Reporter, SpecError
from graphrun.ir.pause import collection_paused
from graphrun.spec.load import read_spec, read_text
from graphrun.spec.spec import Spec

__all__ = ["Settings", "build_both", "check_both", "open_spec", "open_text"]

Settings = Mapping[str, Any] | Sequence[str]


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
    with collection_paused():
        built = build(spec, reporter)
        training = build(spec, reporter, training=True) if built is not None and _asks_for_training(spec) else None
    if built is not None:
        _check_training(spec, training or built, reporter)
    elif spec.model.train is not None:
        optimizer_rule(spec, reporter, (), 1)
    if built is not None and training is not None:
        merged = {**built.params, **{n: p for n, p in training.params.items() if n not in built.params}}
        built = replace(built, params=merged)
    return built, training


def _asks_for_training(spec: Spec) -> bool:
    """Whether a formula of the spec or of a function that it can call has the word `training`."""
    texts: list[Any] = [*spec.model.nodes.values(), spec.model.loss, *spec.model.metrics.values()]
    for fn in spec.file.functions.values():
        texts += [*fn.model.nodes.values(), fn.model.returns, *(d for _, d in fn.signature.args if d is not None)]
    for text in texts:
        for one in text if isinstance(text, list) else [text]:
            if isinstance(one, str) and "training" in one:
                return True
    return False


def _check_training(spec: Spec, built: Built, reporter: Reporter) -> None:
    """What only training asks: that there is a loss, the optimizer and its settings."""
    train = spec.model.train
    if train is None:
        return
    if built.loss is None:
        reporter.error("no-loss", "`train` needs a `loss`", spec.key("train"), help="name the scalar node to be made small: `loss: J`")
        return
    names = list(built.params)
    settings = settings_of(spec, names, reporter)
    steps = whole_setting(spec, "steps", reporter)
    whole_setting(spec, "epochs", reporter)
    whole_setting(spec, "batch", reporter)
    seen: set[str] = set()
    for name in names:
        key = repr(sorted(settings[name].items(), key=str))
        if key not in seen:
            seen.add(key)
            optimizer_rule(spec, reporter, built.params[name].shape, steps or 1, settings[name])
