"""What commands that need torch begin with: the plan of a spec, or a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.output import open_registry
from retinue.plan import Plan, make_plan
from retinue.plugins.registry import Registry
from retinue.spec.loading import load_spec

if TYPE_CHECKING:
    from retinue.run import SavedRun


def open_plan(spec: Path, overrides: tuple[str, ...], registry: Registry) -> Plan:
    """Return the plan of a spec, and print a line on stderr for each component that its plug-in wants replaced.

    Raises:
        SpecError, PluginError: see `make_plan`.
    """
    plan = make_plan(load_spec(spec, overrides), registry)
    for planned in plan.components():
        component = planned.component
        position = plan.layers.locate((*planned.path, "use")) or plan.layers.locate(planned.path)
        if component.deprecated and position:
            message = f"{component.kind} {component.canonical} is deprecated: use {component.deprecated}"
            click.echo(f"warning: {position}: {message}", err=True)
    return plan


def open_run(path: Path, overrides: tuple[str, ...] = ()) -> SavedRun:
    """Return the run in a directory, or the latest in a folder of them.

    Raises:
        RetinueError: what is wrong with the run or the overrides.
    """
    registry = open_registry()
    from retinue.run import SavedRun

    resume_collection()
    return SavedRun(path, registry, overrides)
