"""retinue runs"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from retinue.cli.output import json_option, print_json, print_table
from retinue.cli.run_records import Record, read_last_values, read_run
from retinue.rundir import RunDirectory, find_runs

LISTED = ("run", "name", "started", "state", "metric", "value", "step", "steps", "epoch", "problem")
VERSIONS = ("retinue", "python", "torch", "torchvision", "numpy")
SECTIONS = ("train", "val")
BYTES_OF_MB = 1e6


@click.group("runs")
def command() -> None:
    """List runs, or show one, from what their files say."""


@command.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@json_option
def list_runs(folder: Path, as_json: bool) -> None:
    """List the runs at any depth of FOLDER (default: runs), the newest first.

    The state is complete, stopped early, running, interrupted, failed, no checkpoint, or damaged; best is the value of
    the watched metric at the best checkpoint; step and epoch are those of the last one.
    """
    runs = sorted(map(read_run, find_runs(folder)), key=lambda run: str(run["started"]), reverse=True)
    if as_json:
        print_json([{key: run[key] for key in LISTED} for run in runs])
        return
    rows = [
        (run["run"], _show(run["name"]), _show_time(run), _show_state(run), _show_best(run), *_show_place(run))
        for run in runs
    ]
    print_table([("run", "name", "started", "state", "best", "step", "epoch"), *rows])


@command.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def show_run(run: Path, as_json: bool) -> None:
    """Show what made RUN, its data, its checkpoints and last values, and how to go on.

    RUN is a run directory, or a folder of runs for its latest. A checkpoint is called whole where its files are there;
    what uses it compares their hashes.
    """
    directory = RunDirectory.open(run)
    found = read_run(directory)
    values = read_last_values(directory)
    if as_json:
        print_json({**found, "values": values})
        return
    print_table([(key, text) for key, text in _summarise(found).items() if text])
    components = [(c["kind"], c["name"], _show_origin(c)) for c in found["components"] or []]
    checkpoints = [_show_checkpoint(checkpoint) for checkpoint in found["checkpoints"]]
    # Metrics of many values are left to metrics.jsonl.
    shown = [(name, f"{value:.6g}") for name, value in values.items() if name.count("/") == 1]
    _print_section(("component", "name", "from"), components)
    _print_section(("checkpoint", "epoch", "size", "links", "state"), checkpoints)
    _print_section(("value", "last epoch"), shown)


def _print_section(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        click.echo()
        print_table([head, *rows])


def _summarise(run: Record) -> dict[str, str]:
    """Return the lines about a run as a whole; one that is empty says nothing."""
    git, data = run["git"], run["data"] or {}
    held = [f"{name} {section['samples']:,}" for name, section in data.items() if name in SECTIONS and section]
    classes = [f"{len(data['classes'])} classes"] if data.get("classes") else []
    return {
        "run": run["run"],
        "name": _show(run["name"]),
        "state": _show_state(run),
        "problem": run["problem"] or "",
        "started": _show_time(run),
        "best": _show_best(run),
        "versions": ", ".join([*(f"{key} {run[key]}" for key in VERSIONS if run[key]), run["decoder"] or ""]).strip(
            ", "
        ),
        "device": run["device"] or "",
        "git": f"{git['commit']}{' and changes' if git['dirty'] else ''}" if git else "",
        "data": ", ".join(held + classes),
        "before": "; ".join(_show_earlier(part) for part in run["earlier"] or []),
        "go on": _advise(run),
    }


def _advise(run: Record) -> str:
    if run["state"] in ("interrupted", "failed"):
        return f"retinue train --resume {run['run']}"
    return f"anew: retinue train {RunDirectory(run['run']).resolved}" if run["state"] == "no checkpoint" else ""


def _show_earlier(part: Record) -> str:
    return f"until step {part['until_step']} on {part['device']} under retinue {part['retinue']}, torch {part['torch']}"


def _show_state(run: Record) -> str:
    if run["state"] in ("interrupted", "failed"):
        return f"{run['state']} at step {run['step']} of {run['steps']}"
    return str(run["state"])


def _show_best(run: Record) -> str:
    return "-" if run["value"] is None else f"{run['metric']} {run['value']:.6g}"


def _show_place(run: Record) -> tuple[str, str]:
    return _show(run["step"]), _show(run["epoch"])


def _show_time(run: Record) -> str:
    return str(run["started"])[:19].replace("T", " ")


def _show_origin(component: Record) -> str:
    distribution = component.get("distribution")
    return f"{distribution} {component.get('version')}" if distribution else "a local file"


def _show_checkpoint(checkpoint: Record) -> tuple[str, ...]:
    size = f"{checkpoint['bytes'] / BYTES_OF_MB:.1f} MB"
    links = ", ".join(checkpoint["links"])
    return f"step {checkpoint['step']}", _show(checkpoint["epoch"]), size, links, checkpoint["state"]


def _show(value: object) -> str:
    return "-" if value is None else str(value)
