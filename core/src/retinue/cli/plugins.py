"""retinue plugins"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.output import json_option, print_json, print_table
from retinue.errors import PluginError
from retinue.hooks import KINDS
from retinue.plugins.discovery import Plugin
from retinue.plugins.registry import BUILTIN, Registry
from retinue.plugins.registry_file import FILE_NAME, RegistryFile, find_registry_file
from retinue.plugins.selection import judge_plugins, select_plugins

if TYPE_CHECKING:
    from retinue.plugins.probe import Report

LISTED = ("id", "distribution", "version", "status", "error")

register_option = click.option(
    "--register", is_flag=True, help="Write it into registry.toml, and make one here where there is none."
)


@click.group("plugins")
def command() -> None:
    """List, install, examine and begin plug-ins."""


@command.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List installed plug-ins from their metadata; none is imported."""
    plugins = select_plugins(RegistryFile(find_registry_file()))
    if as_json:
        print_json([_as_record(plugin) for plugin in plugins])
    else:
        print_table([(p.id, str(p), p.status, p.error or "") for p in plugins])


@command.command("show")
@click.argument("id")
@json_option
def show_plugin(id: str, as_json: bool) -> None:
    """Show the plug-in ID: version, distribution, components, status, and the traceback of a broken one.

    ID may be the distribution too. It is imported in a process of its own.
    """
    from retinue.plugins.probe import probe_plugins

    found = [p for p in judge_plugins(RegistryFile(find_registry_file())) if id in (p.id, p.distribution)]
    if not found:
        raise PluginError(f'no plug-in "{id}" is installed; see `retinue plugins list`')
    reports = probe_plugins(found)
    if as_json:
        print_json([_tell(report) for report in reports])
        return
    for report in reports:
        _print_report(report)


@command.command("install")
@click.argument("requirements", nargs=-1, required=True, metavar="REQUIREMENT...")
@register_option
def install(requirements: tuple[str, ...], register: bool) -> None:
    """Install plug-ins with pip or uv, whichever made the environment, and see that they answer.

    REQUIREMENT is one such as "retinue-unet>=0.3", or the path of a wheel or a project. What was installed is put under
    `required` in registry.toml, where there is one. The core stays as it is.
    """
    from retinue.plugins.installation import install_plugins

    path = RegistryFile(find_registry_file()).path or (Path(FILE_NAME) if register else None)
    _print_installed(install_plugins(requirements, path))
    click.echo(f"required in {path}" if path else f"in no {FILE_NAME}: there is none, and --register makes one")


@command.command("uninstall")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def uninstall(names: tuple[str, ...]) -> None:
    """Uninstall plug-ins, by id or distribution, and take what names them out of registry.toml."""
    from retinue.plugins.installation import uninstall_plugins

    path = RegistryFile(find_registry_file()).path
    for distribution, lines in uninstall_plugins(names, path).items():
        click.echo(f"{distribution} is uninstalled")
        for line in lines:
            click.echo(f"taken out of {path}: {line}")


@command.command("sync")
def sync() -> None:
    """Install what registry.toml requires and is missing or of another version; nothing is uninstalled."""
    from retinue.plugins.installation import sync_plugins

    file = RegistryFile(find_registry_file())
    if file.path is None:
        raise PluginError(f"there is no {FILE_NAME} here or in a folder above")
    _print_installed(sync_plugins(file))
    click.echo(f"everything that {file.path} requires is installed")


@command.command("doctor")
@json_option
def doctor(as_json: bool) -> None:
    """Name everything that is wrong with plug-ins and registry.toml, each with what mends it.

    Exit code 1 where something is. Plug-ins are imported in other processes, so that none can end this one.
    """
    from retinue.plugins.diagnosis import diagnose

    count, found = diagnose(RegistryFile(find_registry_file()))
    grave = [trouble for trouble in found if not trouble.harmless]
    if as_json:
        print_json([asdict(trouble) for trouble in found])
    else:
        for trouble in found:
            label = f"note, {trouble.kind}" if trouble.harmless else trouble.kind
            click.echo(f"{label}: {trouble.message}\n    fix: {trouble.fix}")
        click.echo(f"{count} plug-ins, {len(grave) or 'no'} trouble{'s' if len(grave) > 1 else ''}")
    sys.exit(1 if grave else 0)


@command.command("new")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(list(KINDS)), help="What its first component is.")
@click.option("--single-file", is_flag=True, help="One file for registry.toml instead of a package.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    default=Path(),
    help="Where; default: here.",
)
@register_option
def new(name: str, kind: str, single_file: bool, into: Path, register: bool) -> None:
    """Write a plug-in that works: the package retinue-NAME with tests, or one file. Nothing is overwritten."""
    from retinue.plugins.template import write_file, write_package

    if register and not single_file:
        raise click.UsageError("--register goes with --single-file: a package is registered when it is installed")
    if single_file:
        _begin_file(write_file(name, kind, into), name, kind, register)
        return
    folder = write_package(name, kind, into)
    click.echo(f"{folder} is a working plug-in. Try it:")
    click.echo(f"  retinue plugins install {_as_path(folder)}\n  retinue describe {kind} {name}/{name}")
    click.echo(f"  python -m pytest {folder}")
    _warn_of_builtin(name, kind)


def _begin_file(file: Path, name: str, kind: str, register: bool) -> None:
    from retinue.plugins.registry_changes import add_local

    registry = find_registry_file() or Path(FILE_NAME).resolve()
    place = Path(os.path.relpath(file.resolve(), registry.parent)).as_posix()
    if register:
        add_local(registry, name, place)
        click.echo(f"{file} is a working plug-in, and {registry} names it. Try it:")
        click.echo(f"  retinue describe {kind} {name}/{name}")
    else:
        lines = f'schema = 1\n\n[local]\n{name} = {{ path = "{place}" }}'
        click.echo(f"{file} is a working plug-in once {registry} says:\n\n{lines}")
    _warn_of_builtin(name, kind)


def _warn_of_builtin(name: str, kind: str) -> None:
    if Registry(RegistryFile()).named(kind, f"{BUILTIN}/{name}"):
        click.echo(f"note: the bare {kind} name {name} means the builtin's: write {name}/{name}", err=True)


def _as_path(folder: Path) -> str:
    return str(folder) if folder.is_absolute() or len(folder.parts) > 1 else f"./{folder}"


def _as_record(plugin: Plugin) -> dict[str, Any]:
    return {key: getattr(plugin, key) for key in LISTED}


def _tell(report: Report) -> dict[str, Any]:
    offers = [asdict(offer) for offer in report.offers]
    return {**_as_record(report.plugin), "details": report.plugin.details, "components": offers}


def _print_report(report: Report) -> None:
    plugin = report.plugin
    click.echo(f"{plugin.id}: {plugin}, {plugin.module}")
    click.echo(f"status: {plugin.status}" + (f": {plugin.error}" if plugin.error else ""))
    if plugin.details:
        click.echo(f"\n{plugin.details.rstrip()}")
    if report.offers:
        click.echo()
        print_table([(offer.kind, f"{plugin.id}/{offer.name}", offer.summary) for offer in report.offers])


def _print_installed(shown: list[dict[str, Any]]) -> None:
    for plugin in shown:
        names = ", ".join(f"{offer['kind']} {plugin['id']}/{offer['name']}" for offer in plugin["components"])
        click.echo(f"{plugin['distribution']} {plugin['version']} answers: {names or 'no components'}")
