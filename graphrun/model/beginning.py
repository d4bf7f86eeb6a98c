"""What training begins with: initial values, and what `train.from` has in their place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrun.errors import Diagnostic, RunError
from graphrun.spec.spec import Spec
from graphrun.train.initial import initial_values
from graphrun.train.run_folder import read_params

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["beginning"]


def beginning(model: Model, seed: int) -> dict[str, Any]:
    """The parameters and the state with which a run of `seed` begins. Raises RunError where `train.from` names nothing that fits."""
    spec = model.spec
    start = initial_values(model.built_for(True), seed)
    source = spec.model.train.from_ if spec.model.train else None
    if source is None:
        return start
    path = Path(spec.base, source)
    _must_be(spec, path, source)
    found = read_params(path / "params.safetensors" if path.is_dir() else path)
    fitting = [name for name, value in start.items() if name in found and found[name].shape == value.shape]
    if not fitting:
        message = f"`train.from` names {path}, which holds nothing of the name and shape of a parameter or state of this spec"
        held = ", ".join(f"{name} {list(value.shape)}" for name, value in list(found.items())[:4])
        place = spec.value("train", "from")
        raise RunError(Diagnostic("nothing-taken", message, place, help=f"it holds {held}" if held else "it is empty"))
    start.update({name: found[name].astype(start[name].dtype) for name in fitting})
    return start


def _must_be(spec: Spec, path: Path, source: str) -> None:
    """Raises RunError where `train.from` names nothing; what lies there from the folder at hand is proposed."""
    if path.exists():
        return
    mend = f"write `{Path(os.path.relpath(source, spec.base)).as_posix()}`: paths are seen from the spec's folder"
    message = f"`train.from` names {path.as_posix()}, and there is no such file or folder"
    raise RunError(Diagnostic("disk", message, spec.value("train", "from"), help=mend if os.path.exists(source) else None))
