"""The table of contents: light, complete, and true to imgaug."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from retinue_imgaug_aug import factories, plugin
from retinue_imgaug_aug.catalog import CATALOG
from retinue_imgaug_aug.forms import Choice
from retinue_imgaug_aug.tables import ROWS
from retinue_imgaug_aug.upstream import load, meta

README = (Path(__file__).parents[3] / "plugins/imgaug-aug/README.md").read_text(encoding="utf-8")

MODULES = (
    *("arithmetic", "artistic", "blend", "blur", "collections", "color", "contrast", "convolutional", "debug"),
    *("edges", "flip", "geometric", "meta", "pillike", "pooling", "segmentation", "size", "weather"),
)
LEFT_OUT = re.findall(r"^\| `(\w+\.\w+)` \|", README, re.MULTILINE)
"""What README says that the plug-in does not offer."""

OMITTED = {
    ("canny", "colorizer"),
    ("elastic-transformation", "polygon_recoverer"),
    ("keep-size-by-resize", "interpolation_heatmaps"),
    ("keep-size-by-resize", "interpolation_segmaps"),
    ("perspective-transform", "polygon_recoverer"),
    ("piecewise-affine", "polygon_recoverer"),
}
"""Parameters that take objects, or that act on what Retinue's samples do not have."""


def test_entry_module_imports_nothing_heavy() -> None:
    code = "import sys, retinue_imgaug_aug.plugin; sys.exit(bool({'torch', 'imgaug', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_leads_to_its_factory() -> None:
    targets: dict[str, str] = {}

    def register(name: str, target: str, *, summary: str) -> None:
        assert summary
        targets[name] = target

    plugin.retinue_transforms(register)  # type: ignore[arg-type]
    assert list(targets) == list(CATALOG)
    for name, target in targets.items():
        module, attribute = target.split(":")
        assert module == factories.__name__
        assert getattr(factories, attribute).__name__ == name.replace("-", "_")
    with pytest.raises(AttributeError, match="flip_lr"):
        factories.flip_lr  # noqa: B018


def test_every_augmenter_of_imgaug_is_offered_or_named_as_left_out() -> None:
    classes = {
        f"{name}.{attribute}"
        for name in MODULES
        for attribute, value in vars(load(f"augmenters.{name}")).items()
        if inspect.isclass(value)
        and issubclass(value, meta.Augmenter)
        and value.__module__ == f"imgaug.augmenters.{name}"
        and not attribute.startswith("_")
    }
    offered = [path for path, _ in CATALOG.values()]
    assert len(set(offered)) == len(offered)
    assert classes - {"meta.Augmenter"} == set(offered) | set(LEFT_OUT)
    assert not set(offered) & set(LEFT_OUT)


@pytest.mark.parametrize("name", CATALOG)
def test_parameters_are_imgaugs_own(name: str) -> None:
    factory = factories.Factory(name)
    theirs = dict(inspect.signature(factory.augmenter).parameters)
    for bookkeeping in ("seed", "name", "random_state", "deterministic"):
        theirs.pop(bookkeeping)
    ours = {key: value for key, value in factory.signature.parameters.items() if key != "ignore_index"}
    assert set(theirs) - set(ours) == {key for owner, key in OMITTED if owner == name}
    assert set(ours) <= set(theirs)
    documented = re.findall(r"^ {4}(\w+): .", factory.docstring, re.MULTILINE)
    assert documented == list(factory.signature.parameters)


def test_readme_lists_every_augmenter_with_what_it_does_to_a_sample() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.*?) \|$", README, re.MULTILINE)
    marks = {
        name: ", ".join(
            mark
            for mark, holds in (
                ("moves", ROWS[name].moves),
                ("void", ROWS[name].fills),
                ("RGB", ROWS[name].rgb),
                ("blends", ROWS[name].mixes),
            )
            if holds
        )
        for name in CATALOG
    }
    assert rows == [(name, summary, marks[name]) for name, (_, summary) in CATALOG.items()]


def test_readmes_specs_can_be_built(build: Any) -> None:
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL)]
    assert len(blocks) == 3
    for block in blocks:
        assert build(*block["data"]["train"]["transforms"], ignore_index=255)


def test_a_list_of_imgaug_is_a_choice() -> None:
    defaults = inspect.signature(factories.blend_alpha_regular_grid).parameters
    assert defaults["alpha"].default == Choice(choice=[0.0, 1.0])
