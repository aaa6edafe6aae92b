"""Plug-ins for tests: installed as pip installs them, in a folder of their own on the module path."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from retinue.plugins.discovery import find_plugins
from retinue.plugins.parameters import read_signature
from retinue.plugins.registry import Registry


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions, and a workspace that sees them.

    Attributes:
        folder: what is on the module path.
        workspace: the working directory.
    """

    folder: Path
    workspace: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to see the distributions."""
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "PYTHONPATH": path}

    def install(
        self,
        id: str,
        module: str = "",
        *,
        distribution: str | None = None,
        version: str = "1.0",
        requires: Sequence[str] = ("retinue",),
        entry_points: str | None = None,
        parts: str = "",
    ) -> Path:
        """Install a distribution with one plug-in.

        Args:
            id: the entry point's name.
            module: the source of its entry module PACKAGE.plugin.
            distribution: default: retinue-ID.
            entry_points: the text of entry_points.txt, where it is not the one of a plug-in.
            parts: the source of PACKAGE.parts.

        Returns:
            The package's folder.
        """
        distribution = distribution or f"retinue-{id}"
        package = distribution.replace("-", "_")
        folder = self.folder / package
        write(folder / "__init__.py", "")
        write(folder / "plugin.py", module)
        write(folder / "parts.py", parts)
        metadata = self.folder / f"{package}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        write(metadata / "METADATA", "\n".join([*lines, *(f"Requires-Dist: {line}" for line in requires), ""]))
        write(metadata / "entry_points.txt", entry_points or f"[retinue]\n{id} = {package}.plugin\n")
        write(metadata / "RECORD", f"{package}/plugin.py,,\n")
        importlib.invalidate_caches()
        return folder

    def offer(self, id: str, *registrations: str, kind: str = "models", **options: Any) -> Path:
        """Install a plug-in whose hook for one kind has these lines."""
        body = indent("\n".join(registrations), "    ")
        hook = f"from retinue.hooks import hookimpl\n\n@hookimpl\ndef retinue_{kind}(register):\n{body}\n"
        return self.install(id, hook, **options)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the workspace."""
        return write(self.workspace / name, text)

    def registry(self, text: str = "") -> Registry:
        """Open the registry under a registry.toml that says `text`; `schema` is there already."""
        self.write("registry.toml", "schema = 1\n" + dedent(text))
        return Registry()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


@cache
def third_parties() -> tuple[str, ...]:
    """Return the distributions with plug-ins of the environment that the tests run in."""
    return tuple(str(p.distribution) for p in find_plugins() if p.distribution != "retinue")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty site before all others on this process's module path; the working directory is its workspace.

    The only other plug-ins are the core's.
    """
    folder, workspace = tmp_path / "site", tmp_path / "workspace"
    folder.mkdir()
    workspace.mkdir()
    for name in third_parties():
        # The first distribution of a name on the module path hides others: here, one without plug-ins.
        write(folder / f"{name.replace('-', '_')}-0.dist-info" / "entry_points.txt", "")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(workspace)
    before = set(sys.modules)
    yield Site(folder, workspace)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    read_signature.cache_clear()
