"""The commands with their arguments and options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from generator.markdown import write_cell, write_prose, write_table
from retinue.cli import group
from retinue.hooks import KINDS


def describe_commands() -> Iterator[str]:
    """Yield the parts of commands.md."""
    context = click.Context(group, info_name="retinue")
    yield "# Commands"
    yield (
        "`python -m retinue` is the same as `retinue`. Exit codes: 0 done, 2 your mistake, 1 a failure, 130 or 143 "
        f"stopped by a signal after the step was finished and saved. KIND is one of {', '.join(KINDS)}."
    )
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from _describe_command(f"retinue {name}", command)


def _describe_command(name: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _describe_command(f"{name} {part}", inner)
        return
    yield f"## {name}"
    usage = [_show_argument(found) for found in command.params if isinstance(found, click.Argument)]
    yield f"```text\n{' '.join([name, '[OPTIONS]', *usage])}\n```"
    yield from _describe_help(command.help or "")
    rows = [_option_row(option) for option in command.params if isinstance(option, click.Option)]
    yield write_table(("option", "meaning"), [*rows, ("`-h`, `--help`", "Show the command's help.")])


def _show_argument(argument: click.Argument) -> str:
    shown = argument.metavar or (argument.name or "").upper()
    shown = shown if argument.required or shown.startswith("[") else f"[{shown}]"
    return shown + ("..." if argument.nargs == -1 and not shown.endswith("...") else "")


def _describe_help(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = paragraph.splitlines()
        yield "```console\n" + "\n".join(lines[1:]) + "\n```" if lines[0] == "\b" else write_prose(" ".join(lines))


def _name_type(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return "N" if isinstance(option.type, click.types.IntParamType | click.IntRange) else "PATH"


def _option_row(option: click.Option) -> tuple[str, str]:
    values = option.metavar or _name_type(option)
    name = option.opts[0] + ("" if option.is_flag else f" {values}")
    default = f" Default: {option.default}." if option.show_default else ""
    return f"`{write_cell(name)}`", f"{write_cell(option.help or '')}{default}".strip()
