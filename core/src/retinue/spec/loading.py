"""From a file to a checked RunSpec, torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from retinue.errors import Problem
from retinue.positions import Path
from retinue.spec.layers import Layers, find_nulls, read_layers
from retinue.spec.overrides import parse_overrides
from retinue.spec.schema import RunSpec
from retinue.validation import validate


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that was read, with what is wrong about its keys and types.

    Attributes:
        layers: what it is made of; gives places.
        spec: None where there are problems.
        problems: everything that is wrong with keys and the spec's own types.
    """

    layers: Layers
    spec: RunSpec | None
    problems: list[Problem]


def load_spec(
    path: str | FilePath, overrides: Iterable[str] | Mapping[str, Any] = (), alone: bool = False
) -> LoadedSpec:
    """Read a spec in TOML, YAML or JSON, its bases, and overrides.

    Args:
        path: the file; its suffix says its form.
        overrides: `key.path=value` and `~key.path`, or {"key.path": value}.
        alone: refuse a base, which a run's resolved.toml has not: a stranger's leads to no other file.

    Raises:
        SpecError: a file cannot be read or is not well-formed, or an override does not fit.
    """
    layers = read_layers(FilePath(path), parse_overrides(overrides), alone)
    nulls = [
        Problem(f"{_name(where)} has no value", layers.locate(where), note="leave it out for its default")
        for where in find_nulls(layers.values)
    ]
    checked = validate(RunSpec, layers.values, (), layers.locate)
    if isinstance(checked, list):
        places = {problem.position for problem in nulls}
        return LoadedSpec(layers, None, nulls + [problem for problem in checked if problem.position not in places])
    return LoadedSpec(layers, None if nulls else checked, nulls)


def _name(path: Path) -> str:
    return f'item {path[-1] + 1} of "{path[-2]}"' if isinstance(path[-1], int) else f'"{path[-1]}"'
