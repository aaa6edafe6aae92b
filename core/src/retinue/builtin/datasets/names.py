"""Names in messages."""

from __future__ import annotations

import difflib

from retinue.errors import DataError

SHOWN = 10


def list_names(names: list[str]) -> str:
    """Return names for a message, the first few where they are many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def did_you_mean(name: str, names: list[str]) -> str:
    """Return the question that ends a message about a name that is none of `names`, or nothing."""
    close = difflib.get_close_matches(name, names, n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def refuse_repeated(classes: list[str]) -> None:
    """Raise a DataError where a class is listed twice: its label would be two."""
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise DataError(f"classes: {list_names(repeated)} listed more than once")
