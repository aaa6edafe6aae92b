"""Changes to a spec from outside it: `key.path=value` and `~key.path`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from retinue.errors import Position, Problem, SpecError
from retinue.positions import Path

COMMAND_LINE = "command line"
PYTHON = "overrides"


@dataclass(frozen=True)
class Override:
    """One change.

    Attributes:
        path: what it changes; list indices as numbers.
        value: what it sets, unless it `removes`.
        text: as it was written.
        number: which of the overrides it is, from 1.
        source: where it came from, as positions call it.
    """

    path: Path
    value: Any
    removes: bool
    text: str
    number: int
    source: str

    def position(self, key: bool) -> Position:
        """Return where its key or its value stands in its text."""
        equals = self.text.find("=")
        start, end = (
            (0, equals if equals > 0 else len(self.text)) if key or self.removes else (equals + 1, len(self.text))
        )
        return Position(self.source, self.number, start + 1, end + 1, self.text)


def parse_overrides(given: Iterable[str] | Mapping[str, Any]) -> list[Override]:
    """Read overrides of a command line, or of Python as {"key.path": value} where None removes.

    Raises:
        SpecError: an override is not of the form `key.path=value` or `~key.path`.
    """
    if isinstance(given, Mapping):
        return [
            Override(_split(key), value, value is None, f"{key}={value!r}", number, PYTHON)
            for number, (key, value) in enumerate(given.items(), 1)
        ]
    found = [_parse(text, number) for number, text in enumerate(given, 1)]
    problems = [item for item in found if isinstance(item, Problem)]
    if problems:
        raise SpecError(problems)
    return [item for item in found if isinstance(item, Override)]


def _parse(text: str, number: int) -> Override | Problem:
    removes = text.startswith("~")
    key, equals, value = (text[1:], "", "") if removes else text.partition("=")
    position = Position(COMMAND_LINE, number, 1, len(text) + 1, text)
    if not (removes or equals) or not all(key.split(".")):
        return Problem(f'"{text}" is no override', position, note="write key.path=value, or ~key.path to remove")
    if removes:
        return Override(_split(key), None, True, text, number, COMMAND_LINE)
    return Override(_split(key), _read_value(value), False, text, number, COMMAND_LINE)


def _split(key: str) -> Path:
    return tuple(int(part) if part.isdecimal() else part for part in key.strip().split("."))


def _read_value(text: str) -> Any:
    """A value as TOML has it; what TOML does not know is a text, and so are dates: no shell quoting of quotes."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return text if isinstance(value, date | time) else value
