"""Plug-ins installed and taken away, and the registry file kept in step."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from retinue.errors import InstallationError, PluginError
from retinue.hooks import PROJECT
from retinue.plugins import environment
from retinue.plugins.discovery import Plugin, find_plugins
from retinue.plugins.registry_changes import add_requirement, remove_plugins
from retinue.plugins.registry_file import RegistryFile
from retinue.plugins.selection import find_missing
from retinue.validation import closest

Shown = list[dict[str, Any]]
"""What `retinue plugins show --json` tells."""


@dataclass(frozen=True)
class _Wanted:
    """What somebody asked for: how the installer is told, and the requirement."""

    argument: str
    requirement: Requirement

    @property
    def distribution(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def line(self) -> str:
        """What the registry file is to require: what was said, or at least the version that was installed."""
        if self.requirement.specifier or self.requirement.url:
            return str(self.requirement)
        return f"{self.requirement.name}>={Version(version(self.distribution)).public}"


def install_plugins(arguments: Sequence[str], registry: Path | None) -> Shown:
    """Install plug-ins, see that they answer, and put them under `required` of a registry file.

    Args:
        arguments: requirements, or paths of wheels and source folders.
        registry: a registry file, which is made if it is not there; None: nothing is written down.

    Returns:
        What the plug-ins show, in a process of its own.

    Raises:
        PluginError: an argument is neither a requirement nor a path.
        InstallationError: one cannot be installed, or does not answer; the registry file is as it was.
    """
    wanted = [_read_argument(argument) for argument in arguments]
    environment.install([found.argument for found in wanted])
    importlib.invalidate_caches()
    if registry is None:
        return verify_plugins([found.distribution for found in wanted])
    before = registry.read_bytes() if registry.exists() else None
    try:
        for found in wanted:
            add_requirement(registry, found.line)
        return verify_plugins([found.distribution for found in wanted])
    except BaseException:
        if before is None:
            registry.unlink(missing_ok=True)
        else:
            registry.write_bytes(before)
        raise


def sync_plugins(file: RegistryFile) -> Shown:
    """Install what a registry file requires and is not there; nothing is taken away.

    Raises:
        InstallationError: a requirement cannot be installed, or does not answer.
    """
    missing = find_missing(file)
    if not missing:
        return []
    environment.install(missing)
    return verify_plugins([canonicalize_name(Requirement(line).name) for line in missing])


def uninstall_plugins(names: Sequence[str], registry: Path | None) -> dict[str, list[str]]:
    """Take plug-ins away, and what a registry file says about them.

    Args:
        names: plug-in ids or distributions.

    Returns:
        By distribution, the lines that were taken out of the registry file.

    Raises:
        PluginError: there is no such plug-in, or it is the core's.
        InstallationError: it cannot be done; the registry file is as it was.
    """
    installed = find_plugins()
    distributions = list(dict.fromkeys(_find_distribution(name, installed) for name in names))
    environment.uninstall(distributions)
    ids = {name: [plugin.id for plugin in installed if plugin.distribution == name] for name in distributions}
    return {name: remove_plugins(registry, name, ids[name]) if registry else [] for name in distributions}


def verify_plugins(distributions: Sequence[str]) -> Shown:
    """Ask a new process for the plug-ins of each distribution.

    Raises:
        InstallationError: a distribution has none, or one that does not work.
    """
    found = [plugin for name in distributions for plugin in _ask(name)]
    faults = [f"{p['id']} ({p['distribution']} {p['version']}) is {p['status']}: {p['error']}" for p in found]
    faults = [fault for fault, plugin in zip(faults, found, strict=True) if plugin["status"] != "ok"]
    if faults:
        raise InstallationError(
            f"installed, but {'; '.join(faults)}; retinue plugins show ID tells more, and uninstall takes it away"
        )
    return found


def _ask(distribution: str) -> Shown:
    command = [sys.executable, "-m", PROJECT, "plugins", "show", distribution, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise InstallationError(f"{distribution} is installed, but: {done.stderr.strip()}")
    shown: Shown = json.loads(done.stdout)
    return shown


def _read_argument(argument: str) -> _Wanted:
    path = Path(argument)
    try:
        if path.is_dir() and (os.sep in argument or argument.startswith(".")):
            return _Wanted(argument, Requirement(_read_project_name(path)))
        if path.suffix == ".whl":
            return _Wanted(argument, Requirement(parse_wheel_filename(path.name)[0]))
        if path.name.endswith(".tar.gz"):
            return _Wanted(argument, Requirement(parse_sdist_filename(path.name)[0]))
        return _Wanted(argument, Requirement(argument))
    except (InvalidRequirement, InvalidWheelFilename, InvalidSdistFilename) as error:
        raise PluginError(
            f'"{argument}" is no requirement, such as "retinue-unet>=0.3", and no path of a wheel or a folder '
            f"such as ./retinue-unet: {str(error).splitlines()[0]}"
        ) from error


def _read_project_name(folder: Path) -> str:
    try:
        name: str = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PluginError(f"{folder} is no Python project: its pyproject.toml has no project.name") from error
    return name


def _find_distribution(name: str, installed: Sequence[Plugin]) -> str:
    found = {str(p.distribution) for p in installed if name == p.id or canonicalize_name(name) == p.distribution}
    if PROJECT in found:
        raise PluginError(f"{name} is a part of {PROJECT} itself")
    if len(found) > 1:
        raise PluginError(f'"{name}" is the plug-in of {" and of ".join(sorted(found))}: name the distribution')
    if not found:
        meant = closest(name, [known for p in installed for known in (p.id, str(p.distribution))])
        raise PluginError(f'no plug-in "{name}" is installed' + (f': did you mean "{meant}"?' if meant else ""))
    return found.pop()
