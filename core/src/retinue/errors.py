"""What can go wrong, each error with what a person needs to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """A place in a text: 1-based line and columns, `end` exclusive, and the line itself."""

    file: str
    line: int
    column: int
    end: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake: what is wrong, where, and what would be right."""

    message: str
    position: Position | None = None
    suggestion: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        hint = f'did you mean "{self.suggestion}"?' if self.suggestion is not None else ""
        hint = " ".join(part for part in (hint, self.note) if part)
        if self.position is None:
            return f"error: {self.message}" + (f"\n    {hint}" if hint else "")
        return _with_caret(self.position, self.message, hint)


def _with_caret(position: Position, message: str, hint: str) -> str:
    number = str(position.line)
    # A tab keeps its width under the line, so that the caret stays where it points.
    lead = "".join("\t" if c == "\t" else " " for c in position.text[: position.column - 1])
    length = max(1, min(position.end, len(position.text) + 1) - position.column)
    caret = f"  {' ' * len(number)} | {lead}{'^' * length} {hint}".rstrip()
    return f"{position}  error: {message}\n  {number} | {position.text}\n{caret}"


class RetinueError(Exception):
    """A mistake that a person can mend; commands print it without traceback and exit with `exit_code`."""

    exit_code = 2


class SpecError(RetinueError):
    """Everything that is wrong with a run spec or a registry file, found in one go."""

    def __init__(self, problems: Iterable[Problem], closing: str | None = None) -> None:
        self.problems = sorted(problems, key=_reading_order)
        self.closing = closing
        super().__init__(self.problems)

    def __str__(self) -> str:
        closing = [self.closing] if self.closing else []
        return "\n\n".join([*map(str, self.problems), *closing])


def _reading_order(problem: Problem) -> tuple[str, int, int]:
    position = problem.position
    return (position.file, position.line, position.column) if position else ("", 0, 0)


class ComponentError(RetinueError):
    """A component that cannot be had by the name given."""

    def __init__(self, message: str, suggestion: str | None = None, note: str | None = None) -> None:
        self.problem = Problem(message, suggestion=suggestion, note=note)
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.problem)


class UnknownComponent(ComponentError):
    """No installed plug-in offers a component of this kind and name."""


class AmbiguousComponent(ComponentError):
    """Several plug-ins offer the name and nothing says which is meant."""


class PluginError(RetinueError):
    """A plug-in that does not keep the contract: its entry module, a registration, or a signature."""


class InstallationError(RetinueError):
    """A plug-in that pip or uv could not install or take away, or that does not answer once installed."""

    exit_code = 1


class DataError(RetinueError):
    """A data set that is missing, empty, unreadable, or not what the spec says."""


class RunDirectoryError(RetinueError):
    """A run directory that is not one, not empty, or damaged."""


class TrainingError(RetinueError):
    """Training that cannot go on."""

    exit_code = 1


class Interrupted(RetinueError):
    """Training that a signal stopped after a finished step."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal
