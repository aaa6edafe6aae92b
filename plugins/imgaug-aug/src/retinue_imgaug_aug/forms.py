"""The forms of a value in a spec.

    0.5                          this value
    [0.5, 1.5]                   drawn evenly from a range
    { choice = [0, 90, 180] }    drawn from these values
    { x = 5, y = [0, 10] }       each axis by itself

imgaug tells a range from a choice by tuple and list, which TOML, YAML and JSON do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Tag

T = TypeVar("T")


class Table(BaseModel):
    """A value written as a table."""

    model_config = ConfigDict(extra="forbid")


class Choice(Table, Generic[T]):
    """One of several values."""

    choice: Annotated[list[T], MinLen(1)]


class Axes(Table, Generic[T]):
    """Values along the width and the height; an axis left out is not changed."""

    x: T | None = None
    y: T | None = None


@dataclass(frozen=True)
class Limits:
    """What numbers must keep within: `least` and `most` themselves are allowed, `above` and `below` are not."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        bounds = (
            ("at least", self.least),
            ("more than", self.above),
            ("at most", self.most),
            ("less than", self.below),
        )
        return " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)

    def hold(self, number: float) -> bool:
        """Say whether a number keeps within."""
        return not (
            (self.least is not None and number < self.least)
            or (self.most is not None and number > self.most)
            or (self.above is not None and number <= self.above)
            or (self.below is not None and number >= self.below)
        )


def varied(kind: Any, limits: Limits | None = None, *further: Any) -> Any:
    """Return the type of a number, a range or a choice.

    Args:
        kind: int or float.
        limits: of the numbers.
        further: other forms that the value may have.
    """
    return limited(one_of(kind, tuple[kind, kind], Choice[kind], *further), limits or Limits())


def limited(kind: Any, limits: Limits) -> Any:
    """Return the type with its numbers within limits, and its ranges in order."""

    def check(value: Any) -> Any:
        for number in numbers(value):
            if not limits.hold(number):
                raise ValueError(f"{limits} is needed, this is {number:g}")
        if isinstance(value, tuple) and len(value) == 2 and value[0] > value[1]:
            raise ValueError(f"the lower end of a range comes first, these are {value[0]:g} and {value[1]:g}")
        return value

    return Annotated[kind, AfterValidator(check)]


def numbers(value: Any) -> Iterator[float]:
    """Yield the numbers that a value may become; those within tables of its own have limits of their own."""
    if isinstance(value, Choice):
        yield from value.choice
    elif isinstance(value, tuple) and len(value) == 2:
        yield from value
    elif isinstance(value, int | float):
        yield value


def one_of(*kinds: Any) -> Any:
    """Return a union that takes a value for the member it looks most like: a message then speaks of that one."""

    def choose(value: Any) -> str:
        return str(max(range(len(kinds)), key=lambda number: _likeness(kinds[number], value)))

    union: Any = Union
    tagged = tuple(Annotated[kind, Tag(str(number))] for number, kind in enumerate(kinds))
    return Annotated[union[tagged], Discriminator(choose)]


def _likeness(kind: Any, value: Any) -> float:
    while get_origin(kind) in (Union, UnionType, Annotated):
        kind = get_args(kind)[0]
    if isinstance(value, dict):
        return _shared_keys(kind, value) if isinstance(kind, type) and issubclass(kind, BaseModel) else -1
    if isinstance(value, list):
        return (len(get_args(kind)) == len(value)) if get_origin(kind) is tuple else -1
    if get_origin(kind) is tuple or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return -1
    is_word = get_origin(kind) is Literal and isinstance(get_args(kind)[0], str)
    return (isinstance(value, str) == is_word) + (isinstance(value, bool) == (kind is bool))


def _shared_keys(table: type[BaseModel], value: dict[str, Any]) -> float:
    pairs = [SequenceMatcher(None, key, field).ratio() for key in value for field in table.model_fields]
    return max(pairs, default=0)


def typed(generic: Any, kind: Any) -> Any:
    """Return a generic type for entries of a kind that is known only now."""
    return generic[kind]
