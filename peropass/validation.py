"""Read YAML safely and turn schema violations into one-line errors."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from peropass.errors import InputError

M = TypeVar("M", bound=BaseModel)
MOST_NESTED = 50  # levels; the C parser dies of some ten thousand
MOST_UNFOLDED = (
    1_000_000  # nodes that aliases repeat; ten lines of tenfold aliases stand for a billion
)


class _UniqueKeyLoader(
    getattr(yaml, "CSafeLoader", yaml.SafeLoader)
):  # libyaml is ten times as fast
    """Safe loader that refuses a key written twice, where YAML would keep the last silently."""


def _construct_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict:
    loader.flatten_mapping(node)
    mapping: dict = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.YAMLError(
                f"line {key_node.start_mark.line + 1}: a key that is no plain text"
            )
        key = loader.construct_object(key_node, deep=True)
        if key in mapping:
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: key {key!r} stands twice")
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def _check_shape(text: str) -> None:
    """Refuse, before anything is built, nesting and aliases that would eat the stack or the memory."""
    finished: dict[str, int] = {}  # nodes below an anchor, aliases unfolded
    open_nodes: list[tuple[str | None, int]] = []
    nodes = repeated = 0
    for event in yaml.parse(text, Loader=_UniqueKeyLoader):
        where = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in finished:
                raise yaml.YAMLError(f"{where}: alias {event.anchor} of nothing before it")
            repeated += finished[event.anchor]
            nodes += finished[event.anchor]
            if repeated > MOST_UNFOLDED:
                raise yaml.YAMLError(f"{where}: aliases unfold to more than {MOST_UNFOLDED} nodes")
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                finished[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, nodes))
            nodes += 1
            if len(open_nodes) > MOST_NESTED:
                raise yaml.YAMLError(f"{where}: nested more than {MOST_NESTED} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                finished[anchor] = nodes - before


def load_yaml(path: str | Path) -> dict:
    """Parse one YAML mapping without executing anything.

    Raises
    ------
    InputError
        The file is missing, is not YAML, or is not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(str(path), "no such file", "an existing YAML file") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "bytes that are not UTF-8", "UTF-8 text") from None
    try:
        _check_shape(text)
        data = yaml.load(text, Loader=_UniqueKeyLoader)  # a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: the 99th of May, endless digits
        raise InputError(
            str(path), " ".join(str(error).split()), "valid YAML, each key once"
        ) from None
    if not isinstance(data, dict):
        raise InputError(str(path), type(data).__name__, "a mapping of keys to values")
    return data


def validated(model: type[M], data: object, where: str) -> M:
    """Build `model` from `data`; the first violation becomes an InputError naming its key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        found = reprlib.repr(first.get("input"))
        if first["type"] == "extra_forbidden":
            allowed = "one of the keys " + ", ".join(_sibling_keys(model, first["loc"]))
            raise InputError(f"{where}: {key}", "an unknown key", allowed) from None
        if first["type"] == "missing":
            raise InputError(f"{where}: {key}", "nothing", "this key is required") from None
        raise InputError(f"{where}: {key}", found[:80], first["msg"]) from None


def _sibling_keys(model: type[BaseModel], loc: tuple) -> list[str]:
    current: object = model
    for part in loc[:-1]:
        if not isinstance(part, str):
            continue
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            break
        current = _model_of(field.annotation) or current
    return sorted(getattr(current, "model_fields", {}))


def _model_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
