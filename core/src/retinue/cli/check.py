"""retinue check"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.opening import open_plan
from retinue.cli.output import json_option, open_registry, print_json, print_table
from retinue.errors import ComponentError, Problem, RetinueError, SpecError
from retinue.plan import Plan

UNCHECKED = "made up: files, classes, labels, sizes and the number of samples are unchecked"


@click.command("check")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option("--run", "runs", is_flag=True, help="Run the model on two samples, on the CPU, not its shapes alone.")
@click.option("--fake", is_flag=True, help="Make up samples where the data is not on this machine.")
@json_option
def command(spec: Path, overrides: tuple[str, ...], runs: bool, fake: bool, as_json: bool) -> None:
    """Check SPEC: its keys, types and names, then every parameter, then whether the parts fit together.

    Prints every value with its origin, the shapes and what a step costs, or every mistake with its place. Two samples
    go through the transforms; the model is followed through its shapes alone, loss and metrics see values of these.
    What is assumed of samples that are made up is printed too; model.num_classes=N says another number of classes.
    """
    try:
        plan = open_plan(spec, overrides, open_registry())
        from retinue.build.inspection import inspect_run

        resume_collection()
        found = inspect_run(plan, real=runs, fake=fake)
    except RetinueError as error:
        if not as_json:
            raise
        print_json({"ok": False, "errors": [_as_record(problem, spec) for problem in _problems(error)]})
        sys.exit(error.exit_code)
    from retinue.plan.values import list_values

    values = list(list_values(plan, _expected_from_data(plan)))
    if as_json:
        named = [{"key": _dotted(v.path), "value": v.value, "origin": v.origin} for v in values]
        print_json({"ok": True, "errors": [], "values": named, "run": found})
    else:
        print_table([(_dotted(value.path), _show(value.value), value.origin) for value in values])
        click.echo()
        print_table([(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in found.items()])
        made_up = " and ".join(name for name in found if name.startswith("data."))
        click.echo(f"\n{spec}: no mistakes" + (f", with {made_up} {UNCHECKED}" if made_up else ""))


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problems(error: RetinueError) -> list[Problem]:
    if isinstance(error, SpecError):
        return error.problems
    if isinstance(error, ComponentError):
        return [error.problem]
    return [Problem(str(error), note="\n".join(getattr(error, "__notes__", ())) or None)]


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
