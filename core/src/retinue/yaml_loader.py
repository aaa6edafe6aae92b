"""YAML 1.2's scalars, and no more than a spec can hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from retinue.positions import YAML_MERGE

if TYPE_CHECKING:
    import yaml

S = TypeVar("S", bool, int, float)

DEEPEST, LARGEST = 64, 100_000
"""Levels and values that nobody writes by hand: a few lines of YAML can unfold to gigabytes, or refer to themselves."""


def yaml_loader() -> type[yaml.SafeLoader]:
    """Return a safe loader of what a spec can hold, which reads scalars as YAML 1.2 does.

    `no` is a text and `1e-3` a number, every key is a text, and nothing unfolds to more than a person would write.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012
        yaml_constructors = {  # noqa: RUF012
            None: yaml.SafeLoader.construct_undefined,
            "tag:yaml.org,2002:map": yaml.SafeLoader.construct_yaml_map,
            "tag:yaml.org,2002:seq": yaml.SafeLoader.construct_yaml_seq,
            "tag:yaml.org,2002:str": yaml.SafeLoader.construct_yaml_str,
            "tag:yaml.org,2002:null": yaml.SafeLoader.construct_yaml_null,
            "tag:yaml.org,2002:bool": _construct_bool,
            "tag:yaml.org,2002:int": _construct_int,
            "tag:yaml.org,2002:float": _construct_float,
        }

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.sizes: dict[yaml.Node, tuple[int, int]] = {}

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            """Measure each node with all that its aliases stand for, before anything unfolds them."""
            alias = self.check_event(yaml.AliasEvent)
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            node: yaml.Node | None = super().compose_node(parent, index)
            if alias and node not in self.sizes:
                raise yaml.composer.ComposerError(problem="it refers to itself", problem_mark=mark)
            if node is not None and not alias:
                number, depth = self.sizes[node] = self._measure(node)
                if number > LARGEST or depth > DEEPEST:
                    problem = "nested too deeply" if depth > DEEPEST else "too large"
                    raise yaml.composer.ComposerError(problem=problem, problem_mark=mark)
            return node

        def _measure(self, node: yaml.Node) -> tuple[int, int]:
            """Return the number of nodes and of levels."""
            if isinstance(node, yaml.ScalarNode):
                return 1, 1
            pairs = isinstance(node, yaml.MappingNode)
            inner = [self.sizes[value] for value in ([v for _, v in node.value] if pairs else node.value)]
            return 1 + sum(number for number, _ in inner), 1 + max((depth for _, depth in inner), default=0)

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node: yaml.MappingNode = super().compose_mapping_node(anchor)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != YAML_MERGE:
                    key.tag = "tag:yaml.org,2002:str"
            return node

    number = "-+.0123456789"
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list(number)),
        (
            "float",
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            list(number),
        ),
        ("merge", r"<<", ["<"]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), first)
    return Loader


def _construct_bool(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return _read_scalar(
        loader, node, lambda text: {"true": True, "false": False}[text.lower()], "neither true nor false"
    )


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # YAML 1.1 would read 010 as octal and 1:30 in base 60.
    return _read_scalar(loader, node, lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10), "no number")


def _construct_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    def read(text: str) -> float:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))

    return _read_scalar(loader, node, read, "no number")


def _read_scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode, read: Callable[[str], S], problem: str) -> S:
    import yaml

    try:
        return read(loader.construct_scalar(node))
    except (ValueError, KeyError):
        raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark) from None
