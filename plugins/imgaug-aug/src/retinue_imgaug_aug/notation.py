"""Parameters of augmenters: what a spec may hold, and what imgaug gets for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from retinue.api import NestedTransform
from retinue_imgaug_aug.forms import Axes, Choice, Limits, limited, one_of, typed, varied
from retinue_imgaug_aug.upstream import parameters

UPSTREAM: Any = object()
REQUIRED: Any = object()

_literal: Any = Literal


@dataclass(frozen=True)
class Parameter:
    """A parameter of an augmenter.

    Attributes:
        type: what a spec may hold.
        meaning: one line for listings.
        default: where a spec leaves it out; unless given, what imgaug has.
        give: turns a spec's value into imgaug's.
    """

    type: Any
    meaning: str
    default: Any = UPSTREAM
    give: Callable[[Any], Any] | None = None

    def to_imgaug(self, value: Any) -> Any:
        """Return a spec's value as imgaug takes it."""
        return value if value is None else (self.give or give)(value)


@dataclass(frozen=True)
class Children(Parameter):
    """A parameter that is a list of augmenters of this plug-in."""


def give(value: Any) -> Any:
    """Return a spec's value as imgaug takes most: a range is a tuple, a choice is a list, axes are a dict."""
    if isinstance(value, Choice):
        return [give(inner) for inner in value.choice]
    if isinstance(value, Axes):
        return {axis: give(inner) for axis, inner in (("x", value.x), ("y", value.y)) if inner is not None}
    return tuple(give(inner) for inner in value) if isinstance(value, tuple) else value


def give_drawn(value: Any) -> Any:
    """Return it for the parameters that would take a list of two for a range."""
    return parameters.Choice(value.choice) if isinstance(value, Choice) else give(value)


def take(default: Any) -> Any:
    """Return a default of imgaug as a spec would write it."""
    return Choice(choice=default) if isinstance(default, list) else default


def number(
    meaning: str,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    give: Callable[[Any], Any] | None = None,
) -> Parameter:
    """A number, a range or a choice."""
    limits = Limits(least, most, above, below)
    return Parameter(varied(float, limits), _explain(meaning, limits), give=give)


def whole(
    meaning: str, least: int | None = None, most: int | None = None, give: Callable[[Any], Any] | None = None
) -> Parameter:
    """A whole number, a range or a choice."""
    limits = Limits(least, most)
    return Parameter(varied(int, limits), _explain(meaning, limits), give=give)


def _explain(meaning: str, limits: Limits) -> str:
    return ", ".join(filter(None, (meaning, str(limits))))


def probability(meaning: str) -> Parameter:
    """A probability, a range or a choice of such."""
    return number(meaning, 0, 1)


def chance(meaning: str) -> Parameter:
    """A probability that is drawn by once for each picture; true is always, false never."""
    return Parameter(limited(one_of(float, bool), Limits(0, 1)), meaning)


def flag(meaning: str) -> Parameter:
    """Yes or no."""
    return Parameter(bool, meaning)


def plain(kind: Any, meaning: str, default: Any = UPSTREAM) -> Parameter:
    """A value that is never drawn."""
    return Parameter(kind, meaning, default)


def option(meaning: str, *options: str | int) -> Parameter:
    """One of a few values, or a choice among them."""
    words = _literal[options]
    return Parameter(one_of(words, typed(Choice, words)), meaning)


def word(meaning: str, *options: str) -> Parameter:
    """One of a few words; no choice."""
    return Parameter(_literal[options], meaning)


def axes(meaning: str, kind: Any, above: float | None = None) -> Parameter:
    """A number, a range or a choice for both axes, or a table with one for each."""
    limits = Limits(above=above)
    both = typed(Axes, varied(kind, limits))
    return Parameter(varied(kind, limits, both), _explain(meaning, limits) + ", or { x = ..., y = ... }")


def children(meaning: str, default: Any = REQUIRED) -> Children:
    """Augmenters of this plug-in, applied one after another."""
    return Children(Annotated[list[NestedTransform], MinLen(1)], meaning, default)
