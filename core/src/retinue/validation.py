"""What pydantic finds wrong, said as a person would say it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from operator import eq
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from retinue.documents import name_type
from retinue.errors import Position, Problem
from retinue.positions import Path

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

Locate = Callable[[Path, bool], Position | None]
"""Gives the place of the value at a path, or with True that of its key."""

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: Any, path: Path, locate: Locate) -> M | list[Problem]:
    """Check plain data against a model as strictly as JSON does: no text passes for a number.

    Args:
        path: where `values` stands in its document.

    Returns:
        The validated model, or all that is wrong.
    """
    try:
        text = json.dumps(values)
    except (TypeError, ValueError):
        return [
            Problem(f"{found} cannot stand in a spec", locate(where, False)) for where, found in _foreign(values, path)
        ]
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        return _explain(error, model, path, locate)


def closest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was probably meant; of equally close ones, that which begins alike."""
    word = _fold(word)
    folded = {_fold(candidate): candidate for candidate in words}
    found = get_close_matches(word, folded, n=5, cutoff=0.6)
    shared_start = {near: [*map(eq, near, word), False].index(False) for near in found}
    best = max(found, key=lambda near: (SequenceMatcher(None, near, word).ratio(), shared_start[near]), default=None)
    return None if best is None else folded[best]


def _fold(word: str) -> str:
    return word.lower().replace("_", "-")


def enumerate_words(words: Sequence[str], most: int = 12) -> str:
    """Return the words as a list to read, cut where nobody would read on."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


@dataclass(frozen=True)
class _Finding:
    """One of pydantic's errors: `wanted` where a value of another kind would do, else a whole `message`."""

    where: Path
    wanted: str | None
    message: str
    value: Any
    kind: str


def _explain(error: ValidationError, model: type[BaseModel], path: Path, locate: Locate) -> list[Problem]:
    findings = [_find(detail, model, path) for detail in error.errors(include_url=False)]
    # A key that is there under a misspelt name need not be missed as well.
    misspelt = {(*f.where[:-1], _meant_key(f, model, path)) for f in findings if f.kind == "extra_forbidden"}
    findings = [f for f in findings if f.kind != "missing" or f.where not in misspelt]
    wheres = [finding.where for finding in findings]
    # Of a union, the member that got furthest is what the person meant.
    deepest = [f for f in findings if not any(w[: len(f.where)] == f.where and len(w) > len(f.where) for w in wheres)]
    by_place: dict[Path, list[_Finding]] = {}
    for finding in deepest:
        by_place.setdefault(finding.where, []).append(finding)
    return [_problem(group, model, path, locate) for group in by_place.values()]


def _find(detail: ErrorDetails, model: type[BaseModel], path: Path) -> _Finding:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    where = (*path, *_spec_loc(model, detail["loc"], kind == "extra_forbidden"))
    if kind == "literal_error":
        return _Finding(where, str(context["expected"]).replace("'", '"'), "", value, kind)
    if kind == "string_pattern_mismatch":
        return _Finding(where, _exemplify(model, where[len(path) :], context["pattern"]), "", value, kind)
    if kind in _WANTED:
        return _Finding(where, _WANTED[kind].format(**context), "", value, kind)
    if kind == "value_error":
        return _Finding(where, None, str(context["error"]), value, kind)
    message = detail["msg"]
    return _Finding(where, None, f"{message[:1].lower()}{message[1:]}, this is {_show(value)}", value, kind)


def _problem(group: list[_Finding], model: type[BaseModel], path: Path, locate: Locate) -> Problem:
    first = group[0]
    name = first.where[-1] if first.where else ""
    if first.kind == "extra_forbidden":
        keys = _keys_at(model, first.where[len(path) : -1])
        note = f"known: {enumerate_words(keys, 20)}" if keys else None
        return Problem(f'unknown key "{name}"', locate(first.where, True), _meant_key(first, model, path), note)
    if first.kind == "missing":
        what = f"item {name + 1}" if isinstance(name, int) else f'"{name}"'
        return Problem(f"{what} is missing", _nearest(first.where[:-1], locate))
    # Of a union, a member that took the value and then refused it says more than those that could not take it.
    refusals = [finding.message for finding in group if finding.wanted is None]
    wanted = _join([finding.wanted for finding in group if finding.wanted])
    message = refusals[0] if refusals else f"{wanted} is needed, this is {_show(first.value)}"
    return Problem(message, _nearest(first.where, locate), _meant(group))


def _meant_key(finding: _Finding, model: type[BaseModel], path: Path) -> str | None:
    return closest(str(finding.where[-1]), _keys_at(model, finding.where[len(path) : -1]))


def _join(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _exemplify(model: type[BaseModel], loc: Path, pattern: str) -> str:
    fields = (_fields(shape).get(str(loc[-1])) for shape in _shapes_at(model, loc[:-1]))
    examples = next((field.examples for field in fields if field is not None and field.examples), None)
    return f"a text such as {_join([_show(e) for e in examples])}" if examples else f"a text of the form {pattern}"


def _meant(group: list[_Finding]) -> str | None:
    """Return the choice that a misspelt one is closest to."""
    for finding in group:
        if finding.kind == "literal_error" and isinstance(finding.value, str):
            choices = re.findall(r'"([^"]*)"', finding.wanted or "")
            return closest(finding.value, choices)
    return None


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "path_type": "a path",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "at least {min_length} characters",
    "none_required": "nothing",
}


def _show(value: Any) -> str:
    if isinstance(value, dict | list):
        return name_type(value) + (f" of {len(value)}" if isinstance(value, list) else "")
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(path: Path, locate: Locate) -> Position | None:
    """A default has no place of its own: what it stands in has."""
    for length in range(len(path), -1, -1):
        position = locate(path[:length], False)
        if position is not None:
            return position
    return None


def _spec_loc(model: type[BaseModel], loc: tuple[str | int, ...], ends_unknown: bool) -> Path:
    """Leave out what pydantic adds for its own bookkeeping: the member of a union that was tried."""
    path: list[str | int] = []
    shapes: list[Any] = [model]
    for number, part in enumerate(loc):
        inner = [shape for outer in shapes for shape in _shapes_below(outer, part)]
        if inner:
            path.append(part)
            shapes = inner
        elif isinstance(part, int) or (ends_unknown and number == len(loc) - 1):
            path.append(part)
    return tuple(path)


def _shapes_below(shape: Any, part: str | int) -> list[Any]:
    """Return what may stand under `part` in a value of this type, unions opened."""
    if _is_model(shape):
        field = _fields(shape).get(str(part))
        return _open(field.annotation) if field else []
    arguments = get_args(shape)
    if get_origin(shape) is dict:
        return _open(arguments[1]) if isinstance(part, str) else []
    return _open(arguments[0]) if arguments and isinstance(part, int) else []


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _open(annotation: Any) -> list[Any]:
    """Return the members of a union, or the type itself; of Annotated, what it annotates."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _open(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [shape for member in get_args(annotation) for shape in _open(member)]
    return [annotation]


def _shapes_at(model: type[BaseModel], loc: Path) -> list[Any]:
    shapes: list[Any] = [model]
    for part in loc:
        shapes = [inner for shape in shapes for inner in _shapes_below(shape, part)]
    return shapes


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    return sorted({key for shape in _shapes_at(model, loc) for key in _fields(shape)})


def _fields(shape: Any) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in shape.model_fields.items()} if _is_model(shape) else {}


def _foreign(values: Any, path: Path) -> list[tuple[Path, str]]:
    """Find what JSON cannot hold: TOML's dates and times, a Python object among overrides."""
    if isinstance(values, dict):
        return [found for key, value in values.items() for found in _foreign(value, (*path, str(key)))]
    if isinstance(values, list):
        return [found for number, value in enumerate(values) for found in _foreign(value, (*path, number))]
    plain = values is None or isinstance(values, bool | int | float | str)
    return [] if plain else [(path, name_type(values))]
