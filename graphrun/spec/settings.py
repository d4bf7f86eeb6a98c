"""`--set key=value`: which key of the spec is meant, what the value is, and the spec with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from graphrun.errors import Diagnostic, Reporter, Source, UsageError, nearest
from graphrun.spec.check import field_of, models_in
from graphrun.spec.kinds import InitValue, Values
from graphrun.spec.models import Model, SpecModel
from graphrun.spec.places import Path, PlaceTable, Text
from graphrun.spec.scalars import MalformedNumberError, resolve
from graphrun.spec.yaml import BROKEN, read_yaml

__all__ = ["SETTING", "Setting", "accepts", "apply_settings", "parse_settings"]

SETTING = "--set"  # the name of the source in which the value of a setting stands
_NAMED = ("config", "inputs", "params", "state", "functions", "optimizers", "nodes")  # a setting there names what the spec has
_INSTEAD = {("train", "steps"): "epochs", ("train", "epochs"): "steps"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One `--set`. `value` is what Python was given where it is no text."""

    key: str
    text: str
    value: Any = None


def parse_settings(settings: Mapping[str, Any] | Sequence[str]) -> list[Setting]:
    """The settings of a command line (`key=value`) or of a call (key → value). Raises UsageError."""
    if isinstance(settings, Mapping):
        out = []
        for key, value in settings.items():
            plain = value.tolist() if hasattr(value, "tolist") else list(value) if isinstance(value, tuple) else value
            out.append(Setting(key, plain) if isinstance(plain, str) else Setting(key, _written(plain), plain))
        return out
    wrong = [s for s in settings if "=" not in s or not all(part.strip() for part in s.partition("=")[0].split("."))]
    if wrong:
        mend = "a setting is `key=value`, as in `--set train.steps=10`"
        raise UsageError([Diagnostic("unknown-setting", f"`--set {s}` has no key and value", help=mend) for s in wrong])
    return [Setting(key.strip(), text) for key, _, text in (s.partition("=") for s in settings)]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def apply_settings(
    data: dict[str, Any], settings: Sequence[Setting], places: PlaceTable, reporter: Reporter
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`data` with the settings, and the values that were set by their keys; `places` then tells where these stand.

    Raises UsageError for a key that the language does not have.
    """
    unknown: list[Diagnostic] = []
    values: dict[str, Any] = {}
    paths: set[Path] = set()
    for setting in settings:
        try:
            path, kinds = _target(setting, data)
        except _UnknownKey as fault:
            message = f"`--set {setting.key}={setting.text}`: {fault.message}"
            unknown.append(Diagnostic("unknown-setting", message, help=fault.help))
            continue
        value, table = _value(setting, path, kinds, reporter)
        path, value = _entry(path, value, data)
        places.settings[path] = table
        values[setting.key] = value
        paths.add(path)
        data = _put(data, path, value)
    if unknown:
        raise UsageError(unknown)
    for path, other in _INSTEAD.items():
        if path in paths and ("train", other) not in paths and other in data["train"]:
            data = {**data, "train": {k: v for k, v in data["train"].items() if k != other}}
    return data, values


class _UnknownKey(Exception):
    def __init__(self, message: str, help: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


# -- which key ----------------------------------------------------------------------------------------------------------------


def _target(setting: Setting, data: Mapping[str, Any]) -> tuple[Path, list[Any]]:
    """The path that a dotted key means, and what may stand there."""
    key = setting.key
    config = data.get("config")
    if isinstance(config, dict) and key in config:
        return ("config", key), [SpecModel.model_fields["config"].annotation]
    first, *rest = key.split(".")
    info = field_of(SpecModel, first)
    if info is None:
        raise _UnknownKey(f"`{first}` is neither a key of a spec nor a name in `config`", _meant(key, data))
    if first == "graphrun":
        raise _UnknownKey("the version of the language is the spec's own", None)
    return _walk([info.annotation], data.get(first), rest, (first,), setting.text.lstrip().startswith("{"))


def _walk(kinds: list[Any], here: Any, rest: list[str], path: Path, mapping: bool) -> tuple[Path, list[Any]]:
    """Follows the segments `rest` from a value that may be of `kinds` and is `here` in the spec, to a `mapping` or another value."""
    while rest:
        segment, *after = rest
        part: str | int = segment
        models = [model for kind in kinds for model in models_in(kind)]
        fields = [info.annotation for model in models if (info := field_of(model, segment)) is not None]
        held = _element(kinds, dict)
        item = _element(kinds, list)
        if fields:
            kinds = fields
        elif held is not None and not (models and isinstance(here, dict)):
            kinds = [held]
            part, after = _name_in(path, rest, held, here, mapping)
        elif item is not None and not models and isinstance(here, list):
            kinds, part = [item], _entry_in(path, segment, here)
        else:
            keys = [info.alias or name for model in models for name, info in model.model_fields.items()]
            dotted = ".".join(map(str, path))
            close = nearest(segment, keys)
            mend = f"did you mean `{close}`?" if close else _listed("keys", keys)
            raise _UnknownKey(f"`{segment}` is not a key of `{dotted}`" if keys else f"`{dotted}` has no keys", mend)
        here = here[part] if (isinstance(here, dict) and part in here) or isinstance(part, int) else None
        path, rest = (*path, part), after
    return path, kinds


def _name_in(path: Path, rest: list[str], held: Any, here: Any, mapping: bool) -> tuple[str, list[str]]:
    """The name in a mapping name → value with which `rest` begins, and what follows. Names of layers' parts and patterns have dots."""
    if path[0] in _NAMED:
        name = _named(rest[0], here, path)
        if name is None:
            names = [k.partition("(")[0] for k in here] if isinstance(here, dict) else []
            close = nearest(rest[0], names)
            mend = f"did you mean `{close}`?" if close else _listed("names", names) if len(names) <= 8 else None
            raise _UnknownKey(f"`{'.'.join(map(str, path))}` has no `{rest[0]}`", mend)
        return name, rest[1:]
    if _element([held], dict) is not None and len(rest) > 1 and not mapping:  # no argument of an optimizer is a mapping
        return ".".join(rest[:-1]), rest[-1:]
    return ".".join(rest), []


def _entry_in(path: Path, segment: str, here: list[Any]) -> int:
    if segment.isdecimal() and int(segment) < len(here):
        return int(segment)
    dotted = ".".join(map(str, path))
    last = f"from 0 to {len(here) - 1}"
    raise _UnknownKey(f"`{segment}` is not an entry of `{dotted}`", f"its entries are counted {last}" if here else "it has no entries")


def _named(segment: str, here: Any, path: Path) -> str | None:
    """The key in a section of names that `segment` means; a function is meant by its name without its arguments."""
    if not isinstance(here, dict):
        return None
    if path in {("functions",), ("optimizers",)}:
        return next((k for k in here if k.partition("(")[0].strip() == segment), None)
    return segment if segment in here else None


def _element(kinds: Iterable[Any], wanted: type) -> Any:
    """What a `dict` or `list` among `kinds` holds; None where there is none."""
    for kind in kinds:
        if get_origin(kind) is wanted:
            return get_args(kind)[-1]
        if get_origin(kind) not in {dict, list, tuple, Literal}:
            found = _element(get_args(kind), wanted)
            if found is not None:
                return found
    return None


def _listed(what: str, keys: Sequence[str]) -> str | None:
    return f"its {what} are {', '.join(f'`{k}`' for k in keys)}" if keys else None


def _meant(key: str, data: Mapping[str, Any]) -> str | None:
    first, *rest = key.split(".")
    config = data.get("config")
    if not rest:
        for section in ("params", "inputs", "nodes", "train", "data"):
            inside = data.get(section)
            models = models_in(SpecModel.model_fields[section].annotation)
            if (isinstance(inside, dict) and first in inside) or any(field_of(m, first) is not None for m in models):
                return f"did you mean `{section}.{first}`?"
    close = nearest(first, [*SpecModel.model_fields, *(config if isinstance(config, dict) else ())])
    if close is not None:
        return f"did you mean `{'.'.join((close, *rest))}`?"
    return "keys of the spec are dotted, as in `train.steps`; names in `config` stand alone"


# -- which value --------------------------------------------------------------------------------------------------------------


def accepts(kinds: Iterable[Any]) -> set[str]:
    """What may stand where these annotations are: text, number, bool, list, mapping."""
    out: set[str] = set()
    for kind in kinds:
        origin = get_origin(kind)
        if kind is str or origin is Literal:
            out.add("text")
        elif kind is bool:
            out.add("bool")
        elif kind is int or kind is float:
            out.add("number")
        elif origin is list or origin is tuple:
            out.add("list")
        elif origin is dict or (isinstance(kind, type) and issubclass(kind, Model)):
            out.add("mapping")
        else:
            out |= accepts(get_args(kind))
    return out


def _value(setting: Setting, path: Path, kinds: list[Any], reporter: Reporter) -> tuple[Any, PlaceTable]:
    text = setting.text
    source = Source(SETTING, f"{setting.key}={text}")
    skip = len(setting.key) + 1
    table = PlaceTable(Text(source), None, (0, skip - 1, skip, max(len(source.text), skip)))
    if setting.value is not None:
        return setting.value, table
    if path[0] == "config":
        kinds = [Any]
    elif path[0] in {"params", "inputs"} and len(path) == 2:
        kinds = [InitValue] if path[0] == "params" else [Values]
        kinds.append(dict[str, Any])
    wanted = accepts(kinds)
    bracket = {"[": "list", "{": "mapping"}.get(text.strip()[:1])
    formula = {"text", "bool", "number"} <= wanted and path[0] in {"nodes", "loss", "metrics", "functions"}
    if "text" in wanted and (bracket not in wanted or formula) and text.strip():
        if not wanted & {"number", "bool"}:
            return text.strip(), table
        try:
            found = resolve(text.strip())
        except MalformedNumberError as error:
            reporter.error("malformed-number", f"the number `{text.strip()}` {error}", table.value(()))
            return BROKEN, table
        return text.strip() if found is None else found, table
    document = read_yaml(source, reporter, skip=skip)
    if document is None or document.value is BROKEN:
        if not text.strip() or text.strip() in {"~", "null"}:
            reporter.error("missing-value", f"`--set {setting.key}=` has no value", table.key(()), help="write it after `=`")
        return BROKEN, table
    return document.value, document.places


def _entry(path: Path, value: Any, data: Mapping[str, Any]) -> tuple[Path, Any]:
    """A number for a parameter or input that is written `{shape, …}` is its `init` or `default`."""
    if len(path) == 2 and path[0] in {"params", "inputs"} and not isinstance(value, dict):
        part = "init" if path[0] == "params" else "default"
        before = (data.get(str(path[0])) or {}).get(path[1])
        if isinstance(before, dict) or (isinstance(value, str) and part == "init"):
            return (*path, part), value
    return path, value


def _put(data: Any, path: Path, value: Any) -> Any:
    """A copy of `data` with `value` at `path`."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        return [_put(v, rest, value) if k == first else v for k, v in enumerate(data)]
    if not isinstance(data, dict):
        part = {"init": "init", "shape": "init", "trainable": "init", "default": "default", "dtype": "default"}.get(first)
        data = {part: data} if part is not None and part != first and data is not None else {}
    return {**data, first: _put(data.get(first), rest, value)}
