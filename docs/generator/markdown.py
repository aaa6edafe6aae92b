"""Tables, cells and defaults in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from retinue.spec.schema import ComponentTable


def show_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _show_value(field.get_default(call_default_factory=True))


def _show_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, ComponentTable):
        return f"`{value.use}`"
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:.6g}`" if value != int(value) or abs(value) >= 1e6 else f"`{value:.1f}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(_show_value(inner).strip('`') for inner in value)}]`"
    return "`{}`" if value == {} else f"`{value}`"


def write_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def write_cell(text: str) -> str:
    return write_prose(" ".join(text.split()))


def write_prose(text: str) -> str:
    """Escape what Markdown would take for markup, outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"(\*|<(?=[A-Za-z/]))", r"\\\1", part) for part in parts)
