"""Pydantic's complaints in the reader's words: file, key, what was given, what is allowed."""

import difflib
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fedray.recipe_file import KeyPath, Source


def explain(error: ValidationError, model: type[BaseModel], sources: Sequence[Source]) -> str:
    """One line for each mistake. ``sources``: where the values came from, later ones winning."""
    return "\n".join(dict.fromkeys(_line(detail, model, sources) for detail in error.errors()))


def _line(detail: ErrorDetails, model: type[BaseModel], sources: Sequence[Source]) -> str:
    path, section = _resolve(detail["loc"], model)
    prefix = next((source.prefix for source in sources if source.prefix), ())
    key = ".".join((*prefix, *path) if sources and sources[-1].prefix == prefix else path)
    place = _place(detail, path)
    where = next((found for source in reversed(sources) if (found := source.where(place))), sources[0].name)
    return f"{where}: {_sentence(detail, key, path, section, model)}"


def _place(detail: ErrorDetails, path: KeyPath) -> KeyPath:
    """The key to look for in the sources."""
    if detail["type"] == "missing":
        return path[:-1]
    return (*path, "name") if detail["type"] == "union_tag_invalid" else path


def _sentence(
    detail: ErrorDetails, key: str, path: KeyPath, section: type[BaseModel] | None, model: type[BaseModel]
) -> str:
    kind, given = detail["type"], detail["input"]
    allowed = sorted(section.model_fields) if section else []
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], allowed, 1)
        hint = f"; did you mean '{close[0]}'? Allowed" if close else "; allowed"
        return f"unknown key '{key}'{hint} here: {', '.join(allowed)}."
    if kind == "missing":
        return f"the key '{key}' is missing; add it."
    if kind.startswith("union_tag"):
        context = detail.get("ctx", {})
        names = context.get("expected_tags") or ", ".join(repr(name) for name in _names(path, model))
        if "tag" not in context:
            return f"{key} has no name; give {key}.name, one of {names}."
        return f"{key}.name = {context['tag']!r} is not known; allowed: {names}."
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{key} = {_shown(given)} is not allowed: it is a section with keys of its own; see 'fedray config'."
    if kind in ("tuple_type", "list_type"):
        return f"{key} = {_shown(given)} is not allowed: it should be a list, such as [a, b]."
    if kind == "string_pattern_mismatch":
        return f"{key} = {_shown(given)} is not allowed: it should be {_description(path, section)}."
    if kind == "value_error" and isinstance(given, dict):
        return f"{detail['msg'].removeprefix('Value error, ')}."
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return f"{key} = {_shown(given)} is not allowed: {message}." if key else f"{message}."


def _description(path: KeyPath, section: type[BaseModel] | None) -> str:
    field = section.model_fields.get(path[-1]) if section else None
    return field.description if field and field.description else "a plain name"


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _resolve(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[KeyPath, type[BaseModel] | None]:
    """The key path as a person wrote it (without union tags), and the section the last key stands in."""
    path: list[str] = []
    annotation: Any = model
    section: type[BaseModel] | None = model
    for part in loc:
        choices = _models(annotation)
        tagged = [
            choice
            for choice in choices
            if "name" in choice.model_fields and choice.model_fields["name"].default == part
        ]
        if tagged and len(choices) > 1:
            annotation = section = tagged[0]
            continue
        if choices and isinstance(part, str):
            section = choices[0]
            field = section.model_fields.get(part)
            annotation = field.annotation if field else None
        path.append(str(part))
    return tuple(path), section


def _names(path: KeyPath, model: type[BaseModel]) -> list[str]:
    annotation: Any = model
    for part in path:
        [section] = _models(annotation)[:1]
        annotation = section.model_fields[part].annotation
    return [choice.model_fields["name"].default for choice in _models(annotation)]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [model for argument in get_args(annotation) for model in _models(argument)]
    return []
