"""The command `retinue`: one command, one file, imported when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from retinue.cli.garbage import resume_collection, suspend_collection
from retinue.errors import ComponentError, Interrupted, RetinueError, SpecError

COMMANDS = {
    "train": "Train what a spec says, or go on with a run.",
    "evaluate": "Print a run's loss and metrics.",
    "predict": "Print what a run's model sees in pictures.",
    "cam": "Draw where a run's model looked in a picture.",
    "runs": "List runs, or show one, from what their files say.",
    "check": "Check a spec without training.",
    "summary": "Print a model's layers, shapes, parameters and FLOPs.",
    "show": "Draw the samples that a run would see first.",
    "find-lr": "Suggest a learning rate by a range test.",
    "list": "List components by kind.",
    "describe": "Show a component: its parameters and where it comes from.",
    "schema": "Print the JSON Schema of run specs.",
    "plugins": "List, install, examine and begin plug-ins.",
    "env": "Show versions and the device that training would use.",
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports the one that is called.

    Once imported, retinue.cli.list is the `list` of this module: it is not used as a function here.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"retinue.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retinue")
def group() -> None:
    """Computer vision by name: components from plug-ins, put together by a spec."""


def main() -> None:
    """Run the command line: exit 0 when done, 2 for the user's mistake, 1 for a failure."""
    suspend_collection()
    try:
        group(prog_name="retinue")
    except RetinueError as error:
        says_itself = isinstance(error, SpecError | ComponentError | Interrupted)
        # Of a group's processes all find the same mistake in a spec, and get the same signal.
        if not says_itself or os.environ.get("RANK", "0") == "0":
            told = [str(error) if says_itself else f"error: {error}", *getattr(error, "__notes__", ())]
            click.echo(_printable("\n".join(told)), err=True)
        sys.exit(error.exit_code)
    finally:
        resume_collection()


def _printable(text: str) -> str:
    """What a stranger's file says must not steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
