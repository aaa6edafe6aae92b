"""registry.toml changed by a command: comments and layout stay."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tomlkit import TOMLDocument


def add_requirement(path: Path, line: str) -> None:
    """Put a requirement under [plugins] required, in the place of one for the same distribution."""
    document = _read(path)
    plugins = document.setdefault("plugins", tomlkit.table())
    required = plugins.setdefault("required", tomlkit.array())
    name = _distribution(line)
    places = [number for number, known in enumerate(required) if _distribution(known) == name]
    if places:
        required[places[0]] = line
    else:
        required.append(line)
    _write(path, document)


def add_local(path: Path, id: str, file: str) -> None:
    """Put a single-file plug-in under [local]."""
    document = _read(path)
    entry = tomlkit.inline_table()
    entry["path"] = file
    document.setdefault("local", tomlkit.table())[id] = entry
    _write(path, document)


def remove_plugins(path: Path, distribution: str, ids: Collection[str]) -> list[str]:
    """Take out what names a distribution or its plug-ins, which without them would be mistakes.

    Returns:
        What was taken out, as texts to read.
    """
    document = _read(path)
    removed: list[str] = []
    plugins = document.get("plugins", {})
    for key in ("required", "disabled"):
        for number, text in reversed([*enumerate(plugins.get(key, []))]):
            if text in ids or _distribution(text) == distribution:
                del plugins[key][number]
                removed.append(f'[plugins] {key}: "{text}"')
    for section in ("resolve", "alias"):
        for kind, names in document.get(section, {}).items():
            for bare, canonical in [*names.items()]:
                if canonical.split("/")[0] in ids:
                    del names[bare]
                    removed.append(f'[{section}.{kind}] {bare} = "{canonical}"')
    if removed:
        _write(path, document)
    return removed


def _distribution(line: str) -> str:
    """Return what pip calls the distribution of a requirement, or of a name under `disabled`."""
    return canonicalize_name(Requirement(line).name)


def _read(path: Path) -> TOMLDocument:
    text = path.read_bytes().decode("utf-8") if path.exists() else "schema = 1\n"
    return tomlkit.parse(text)


def _write(path: Path, document: TOMLDocument) -> None:
    path.write_bytes(tomlkit.dumps(document).encode("utf-8"))
