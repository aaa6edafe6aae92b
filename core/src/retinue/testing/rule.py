"""Rules by kind of component, and how one is broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retinue.testing.subject import Subject

Check = Callable[["Subject"], None]


class Violation(Exception):
    """A rule is broken; the message says what to do."""


class NotApplicable(Exception):
    """A rule has nothing to look at; the message says why."""


@dataclass(frozen=True)
class Rule:
    """What every component of a kind keeps.

    Attributes:
        name: in words with hyphens; tests and exemptions call it so.
        check: its docstring says what is kept.
    """

    name: str
    check: Check


RULES: dict[str, list[Rule]] = defaultdict(list)
"""By kind; in the order in which they are tested."""


def rule(*kinds: str) -> Callable[[Check], Check]:
    """Make a function the rule of kinds; its name is the rule's."""

    def add(check: Check) -> Check:
        for kind in kinds:
            RULES[kind].append(Rule(check.__name__.replace("_", "-"), check))
        return check

    return add


def require(kept: bool, message: str) -> None:
    """Raise a Violation with `message` unless something is kept."""
    if not kept:
        raise Violation(message)
