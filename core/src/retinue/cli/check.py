"""retinue check"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from retinue.cli.output import json_option, open_registry, print_json, print_table, warn_of_deprecated
from retinue.errors import ComponentError, Problem, RetinueError, SpecError
from retinue.plan import Plan, make_plan
from retinue.spec.loading import load_spec


@click.command("check")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@json_option
def command(spec: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check SPEC: first its keys, types and names, then the parameters of every component.

    Prints every value with its origin, or every mistake with its place.
    """
    try:
        registry = open_registry()
        plan = make_plan(load_spec(spec, overrides), registry)
    except RetinueError as error:
        if not as_json:
            raise
        print_json({"ok": False, "errors": [_as_record(problem, spec) for problem in _problems(error)]})
        sys.exit(error.exit_code)
    warn_of_deprecated(plan)
    from retinue.plan.values import list_values

    values = list(list_values(plan, _expected_from_data(plan)))
    if as_json:
        named = [{"key": _dotted(v.path), "value": v.value, "origin": v.origin} for v in values]
        print_json({"ok": True, "errors": [], "values": named})
    else:
        print_table([(_dotted(value.path), _show(value.value), value.origin) for value in values])
        click.echo(f"\n{spec}: no mistakes")


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problems(error: RetinueError) -> list[Problem]:
    if isinstance(error, SpecError):
        return error.problems
    return [error.problem if isinstance(error, ComponentError) else Problem(str(error))]


def _as_record(problem: Problem, spec: Path) -> dict[str, Any]:
    position = problem.position
    return {
        "file": position.file if position else str(spec),
        "line": position.line if position else 1,
        "column": position.column if position else 1,
        "message": problem.message,
        "suggestion": problem.suggestion,
        "note": problem.note,
    }


def _expected_from_data(plan: Plan) -> dict[tuple[str | int, ...], str]:
    return {
        (*planned.path, name): "(from the data set)"
        for planned in plan.components()
        for name in planned.signature.from_data - planned.given
    }


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
