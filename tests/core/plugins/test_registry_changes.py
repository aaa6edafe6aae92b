"""registry.toml changed by commands: what a person wrote around it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.plugins.registry_changes import add_local, add_requirement, remove_plugins
from retinue.plugins.registry_file import RegistryFile

WRITTEN = """\
# ours
schema = 1

[plugins]
required = [
    "retinue-acme>=1,<2",  # for the encoder
    # the losses
    "retinue-dice>=0.1",
]
disabled = ["noisy"]

[resolve.model]
net = "acme/net"  # decided in May
unet = "unet/unet"

[alias.loss]
ours = "acme/focal"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "registry.toml"
    path.write_text(WRITTEN)
    return path


def test_requirement_is_added_below_the_others(file: Path) -> None:
    add_requirement(file, "retinue-unet>=0.3")
    assert file.read_text() == WRITTEN.replace(
        '    "retinue-dice>=0.1",\n', '    "retinue-dice>=0.1",\n    "retinue-unet>=0.3",\n'
    )


def test_requirement_of_a_distribution_that_is_there_takes_its_place(file: Path) -> None:
    add_requirement(file, "Retinue_Acme>=2")
    assert file.read_text() == WRITTEN.replace("retinue-acme>=1,<2", "Retinue_Acme>=2")


def test_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    add_requirement(path, "retinue-acme>=1")
    add_local(path, "in-house", "parts/in_house.py")
    table = RegistryFile(path).table
    assert table.plugins.required == ("retinue-acme>=1",)
    assert table.local["in-house"].path == "parts/in_house.py"


def test_removal_takes_out_whatever_would_be_a_mistake_without_the_plugin(file: Path) -> None:
    removed = remove_plugins(file, "retinue-acme", ["acme"])
    assert sorted(removed) == [
        '[alias.loss] ours = "acme/focal"',
        '[plugins] required: "retinue-acme>=1,<2"',
        '[resolve.model] net = "acme/net"',
    ]
    table = RegistryFile(file).table
    assert table.plugins.required == ("retinue-dice>=0.1",)
    assert table.resolve == {"model": {"unet": "unet/unet"}}
    assert "# the losses" in file.read_text()


@pytest.mark.parametrize("name", ["noisy", "retinue-noisy"])
def test_removal_of_what_is_disabled(file: Path, name: str) -> None:
    file.write_text(WRITTEN.replace('"noisy"', f'"{name}"'))
    assert remove_plugins(file, "retinue-noisy", ["noisy"]) == [f'[plugins] disabled: "{name}"']


def test_nothing_to_remove_leaves_the_file_alone(file: Path) -> None:
    assert remove_plugins(file, "other", ["other"]) == []
    assert file.read_text() == WRITTEN
