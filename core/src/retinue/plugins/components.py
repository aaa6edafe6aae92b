"""What a registry holds: components, and families that answer for many names."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement

from retinue.errors import PluginError
from retinue.plugins.discovery import Plugin


@dataclass(frozen=True)
class Component:
    """A registered component; of a family, one member.

    Attributes:
        name: within its plug-in; "*" for a family as a whole.
    """

    kind: str
    name: str
    plugin: Plugin
    target: str | Callable[..., Any]
    summary: str
    params: str | type | None = None
    requires: tuple[str, ...] = ()
    deprecated: str | None = None
    lister: str | Callable[[], Sequence[str]] | None = None

    @property
    def canonical(self) -> str:
        return f"{self.plugin.id}/{self.name}"

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.kind} {self.canonical} ({self.plugin})"

    @property
    def is_family(self) -> bool:
        return self.name == "*"

    @property
    def in_family(self) -> bool:
        return self.lister is not None

    def load(self) -> Callable[..., Any]:
        """Import the target.

        Raises:
            PluginError: a requirement is missing, the import fails, or there is no such attribute.
        """
        self._check_requirements()
        target: Callable[..., Any] = _import_target(self, self.target)
        return target

    def load_params(self) -> type | None:
        """Import the model of the parameters, where the registration names one."""
        loaded: type | None = _import_target(self, self.params) if self.params is not None else None
        return loaded

    def list_members(self) -> list[str]:
        """Return the canonical names that a family answers to; of a single component, its own.

        Raises:
            PluginError: the lister cannot be imported, or fails.
        """
        if self.lister is None:
            return [self.canonical]
        lister = _import_target(self, self.lister)
        try:
            names = list(lister())
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self.label} cannot be listed: {type(error).__name__}: {error}") from error
        return [f"{self.plugin.id}/{name}" for name in names]

    def _check_requirements(self) -> None:
        missing = [line for line in self.requires if not is_installed(line)]
        if missing:
            quoted = " ".join(f'"{line}"' for line in missing)
            raise PluginError(f"{self.label} needs {', '.join(missing)}: pip install {quoted}")


def is_installed(requirement: str) -> bool:
    """Say whether a requirement such as "imageio>=2" is met, or not made of this machine."""
    wanted = Requirement(requirement)
    if wanted.marker and not wanted.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return wanted.specifier.contains(version, prereleases=True)


def locate_target(target: Callable[..., Any]) -> str | None:
    """Return FILE:LINE of a class or function, for listings."""
    import inspect

    try:
        return f"{inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]}"
    except (TypeError, OSError):
        return None


def _import_target(component: Component, target: Any) -> Any:
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{component.label} cannot be loaded: {target}: {type(error).__name__}: {error}") from error
