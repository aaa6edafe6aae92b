"""registry.toml: a workspace's choice of plug-ins. Reading it may run local plug-ins, as a conftest.py does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from retinue.documents import Document, read_document
from retinue.errors import Position, Problem, SpecError
from retinue.hooks import KINDS
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


Name = Annotated[str, Field(pattern=r"^[^/\s]+/[^\s]+$")]


class RegistryTable(_Table):
    """A registry file."""

    schema_: Literal[1] = Field(alias="schema", description="version of this file's form")
    plugins: PluginsTable = Field(PluginsTable(), description="which installed plug-ins take part")
    local: dict[str, LocalPlugin] = Field({}, description="in-house plug-ins that are one file, by id")
    resolve: dict[str, dict[str, Name]] = Field({}, description="by kind: the canonical name that a bare name means")
    alias: dict[str, dict[str, Name]] = Field({}, description="by kind: further names for components")


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

    def local_files(self) -> dict[str, Path]:
        """Return the files of local plug-ins by id."""
        folder = self.path.parent if self.path else Path()
        return {id: folder / local.path for id, local in self.table.local.items()}


def find_registry_file(start: Path | None = None) -> Path | None:
    """Return the nearest registry.toml from a folder upwards; default: the working directory."""
    start = (start or Path.cwd()).resolve()
    candidates = (folder / FILE_NAME for folder in (start, *start.parents))
    return next((path for path in candidates if path.is_file()), None)


def _check_words(table: RegistryTable, document: Document) -> list[Problem]:
    problems = [
        Problem(f'no kind "{kind}"', document.locate((section, kind), key=True), closest(kind, KINDS))
        for section in ("resolve", "alias")
        for kind in getattr(table, section)
        if kind not in KINDS
    ]
    for number, line in enumerate(table.plugins.required):
        reason = _unreadable(line)
        if reason:
            position = document.locate(("plugins", "required", number))
            problems.append(
                Problem(f'"{line}" is no requirement: {reason}', position, note='such as "retinue-unet>=0.3"')
            )
    return problems


def _unreadable(requirement: str) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(requirement)
    except InvalidRequirement as error:
        return str(error).splitlines()[0]
    return None
