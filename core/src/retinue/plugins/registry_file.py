"""registry.toml: a workspace's choice of plug-ins. Reading it may run local plug-ins, as a conftest.py does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict, Field

from retinue.documents import Document, read_document
from retinue.errors import Position, Problem, SpecError
from retinue.hooks import KINDS
from retinue.plugins.names import KEBAB_CASE, is_kebab_case
from retinue.rundir import RunDirectory
from retinue.validation import closest, validate

FILE_NAME = "registry.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginsTable(_Table):
    """[plugins]"""

    mode: Literal["auto", "allowlist"] = Field(
        "auto", description="auto: every installed plug-in; allowlist: those required"
    )
    required: tuple[str, ...] = Field((), description='requirements by distribution, such as "retinue-unet>=0.3,<1"')
    disabled: tuple[str, ...] = Field((), description="plug-in ids or distributions that are left out")


class LocalPlugin(_Table):
    """One entry of [local]"""

    path: str = Field(description="a Python file with hooks, relative to registry.toml")


class RegistryTable(_Table):
    """A registry file."""

    schema_: Literal[1] = Field(alias="schema", description="version of this file's form")
    plugins: PluginsTable = Field(PluginsTable(), description="which installed plug-ins take part")
    local: dict[str, LocalPlugin] = Field({}, description="in-house plug-ins that are one file, by id")
    resolve: dict[str, dict[str, str]] = Field({}, description="by kind: the canonical name that a bare name means")
    alias: dict[str, dict[str, str]] = Field({}, description="by kind: further names for components")


class RegistryFile:
    """A registry file that was found, or the defaults where there is none.

    Attributes:
        path: None where there is none.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read and check a registry file.

        Raises:
            SpecError: it is not well-formed, has unknown keys or kinds, or a requirement that pip could not read.
        """
        self.path = path
        self.document = Document(FILE_NAME, "schema = 1", "toml") if path is None else read_document(path)
        checked = validate(RegistryTable, self.document.values, (), self.document.locate)
        problems = checked if isinstance(checked, list) else _check_words(checked, self.document)
        if problems or isinstance(checked, list):
            raise SpecError(problems)
        self.table: RegistryTable = checked

    def locate(self, *path: str | int) -> Position | None:
        """Return where a value of the file stands."""
        return self.document.locate(path)

    def pointers(self) -> Iterator[tuple[tuple[str, str, str], str]]:
        """Yield the path of each pin and alias, (section, kind, bare name), and the canonical name it leads to."""
        for section, kinds in (("resolve", self.table.resolve), ("alias", self.table.alias)):
            for kind, names in kinds.items():
                for bare, canonical in names.items():
                    yield (section, kind, bare), canonical

    def local_files(self) -> dict[str, Path]:
        """Return the files of local plug-ins by id."""
        folder = self.path.parent if self.path else Path()
        return {id: (folder / local.path).resolve() for id, local in self.table.local.items()}


def find_registry_file(start: Path | None = None) -> Path | None:
    """Return the nearest registry.toml from a folder upwards; default: the working directory.

    One inside a run directory is not read: it is code, and a stranger's run is safe to open.
    """
    start = (start or Path.cwd()).resolve()
    folders = [start, *start.parents]
    runs = [number for number, folder in enumerate(folders) if RunDirectory(folder).resolved.is_file()]
    outside = folders[runs[-1] + 1 :] if runs else folders
    return next((folder / FILE_NAME for folder in outside if (folder / FILE_NAME).is_file()), None)


def _check_words(table: RegistryTable, document: Document) -> list[Problem]:
    problems = [
        Problem(f'"{id}" is no plug-in id: {KEBAB_CASE}', document.locate(("local", id), key=True))
        for id in table.local
        if not is_kebab_case(id)
    ]
    for section in ("resolve", "alias"):
        for kind, names in getattr(table, section).items():
            if kind not in KINDS:
                place = document.locate((section, kind), key=True)
                problems.append(Problem(f'no kind "{kind}"', place, closest(kind, KINDS)))
            problems += _check_pointers((section, kind), names, document)
    for number, line in enumerate(table.plugins.required):
        reason = _unreadable(line)
        if reason:
            position = document.locate(("plugins", "required", number))
            problems.append(
                Problem(f'"{line}" is no requirement: {reason}', position, note='such as "retinue-unet>=0.3"')
            )
    return problems


def _check_pointers(table: tuple[str, str], names: dict[str, str], document: Document) -> Iterator[Problem]:
    for bare, canonical in names.items():
        if "/" in bare:
            # A canonical name always means the same.
            yield Problem(f'"{bare}" is no bare name: it has a "/"', document.locate((*table, bare), key=True))
        plugin, _, component = canonical.partition("/")
        if not (plugin and component):
            place = document.locate((*table, bare))
            yield Problem(f'"{canonical}" is no canonical name', place, note='PLUGIN/COMPONENT, such as "unet/unet"')


def _unreadable(requirement: str) -> str | None:
    try:
        Requirement(requirement)
    except InvalidRequirement as error:
        return str(error).splitlines()[0]
    return None
