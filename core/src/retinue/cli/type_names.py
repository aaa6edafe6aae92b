"""Types of parameters as `describe` shows them: what a spec may hold, not how Python says it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel

from retinue.hooks import Nested


def show_type(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return a type with its constraints, such as "float > 0" or "list[transform]".

    Args:
        annotation: the type.
        metadata: what it is annotated with.
    """
    marks = [mark for outer in metadata for mark in (outer if isinstance(outer, GroupedMetadata) else [outer])]
    nested = next((mark.kind for mark in marks if isinstance(mark, Nested)), None)
    return nested or _show(annotation) + ",".join(filter(None, map(_show_constraint, marks)))


def _show_constraint(mark: Any) -> str | None:
    match mark:
        case Gt(bound):
            return f" > {bound}"
        case Ge(bound):
            return f" >= {bound}"
        case Lt(bound):
            return f" < {bound}"
        case Le(bound):
            return f" <= {bound}"
        case MinLen(bound):
            return f" of at least {bound}"
        case MaxLen(bound):
            return f" of at most {bound}"
    return None


def _show(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return show_type(inner[0], inner[1:])
    if origin in (Union, UnionType):
        # A spec leaves out what is None.
        return " | ".join(_show(member) for member in inner if member is not NoneType)
    if origin is Literal:
        return " | ".join(json.dumps(value) for value in inner)
    if origin is tuple and Ellipsis not in inner:
        return f"[{', '.join(map(_show, inner))}]"
    if origin in (list, tuple):
        return f"list[{_show(inner[0])}]"
    if origin is dict:
        return f"table[{_show(inner[1])}]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return f"{{{', '.join(f'{name}: {show_type(f.annotation, f.metadata)}' for name, f in fields)}}}"
    return getattr(annotation, "__name__", str(annotation))
