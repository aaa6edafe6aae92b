"""The hooks, the kinds, and what a plug-in may rely on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from docstring_parser import parse

from generator.markdown import write_cell, write_prose, write_table
from retinue import api, hooks
from retinue.hooks import DATA_PARAMETERS, KINDS, Kind, Register


def describe_hooks() -> Iterator[str]:
    """Yield the parts of hooks.md."""
    yield "# Hooks"
    yield (
        "What a plug-in may register. Each hook takes `register` and is marked with `hookimpl`, both from "
        "`retinue.hooks`; see [writing a plug-in](../how-to/write-a-plugin.md)."
    )
    rows = [
        (kind.name, f"`{kind.hook}`", write_prose(inspect.getdoc(getattr(hooks, kind.hook)) or ""))
        for kind in KINDS.values()
    ]
    yield write_table(("kind", "hook", ""), rows)
    docs = parse(inspect.getdoc(Register.__call__) or "")
    yield "## register"
    yield f"```text\nregister{_show_signature(Register.__call__)}\n```"
    yield write_prose(docs.short_description or "")
    arguments = [(f"`{found.arg_name}`", write_cell(found.description or "")) for found in docs.params]
    yield write_table(("argument", "meaning"), arguments)
    yield "## What the engine supplies"
    yield "Parameters of these names are passed by the engine where the target takes them; a spec cannot name them."
    supplied = [(kind.name, ", ".join(f"`{name}`" for name in sorted(kind.supplied))) for kind in KINDS.values()]
    yield write_table(("kind", "supplied"), [row for row in supplied if row[1]])
    yield "## What the data set fills in"
    yield "Parameters of these names, of any component, are taken from the data set when the spec leaves them out."
    yield write_table(("parameter", "what it is"), [(f"`{name}`", text) for name, text in DATA_PARAMETERS.items()])
    yield "## The framework's keys"
    yield "Keys beside `use` that mean the same for every component of a kind; no parameter may have their names."
    for kind in KINDS.values():
        yield from describe_framework_keys(kind, heading=f"Of a {kind.name}:")
    yield "## retinue.api"
    yield "The contracts. Their docstrings say the rest: `python -m pydoc retinue.api.Dataset`."
    contracts = [(f"`{name}`", _first_line(getattr(api, name))) for name in api.__all__]
    yield write_table(("name", ""), [row for row in contracts if row[1]])


def describe_framework_keys(kind: Kind, heading: str = "The framework's keys, beside `use`:") -> Iterator[str]:
    """Yield what the keys of a kind's tables mean, where it has some."""
    if kind.keys:
        yield heading
        yield write_table(("key", "meaning"), [(f"`{key}`", write_cell(meaning)) for key, meaning in kind.keys])


def _show_signature(function: Any) -> str:
    parameters = [str(p) for name, p in inspect.signature(function).parameters.items() if name != "self"]
    keyword = next(number for number, text in enumerate(parameters) if text.startswith("summary"))
    lines = [*parameters[:keyword], "*", *parameters[keyword:]]
    return "(\n" + "".join(f"    {line.replace(chr(39), '')},\n" for line in lines) + ")"


def _first_line(thing: Any) -> str:
    is_own = inspect.isclass(thing) or inspect.isfunction(thing)
    return write_cell((inspect.getdoc(thing) or "").split("\n\n")[0]) if is_own else ""
