"""New plug-ins."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retinue.errors import PluginError
from retinue.hooks import KINDS
from retinue.plugins.parameters import read_signature
from retinue.plugins.template import write_file, write_package

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_offers_its_component(kind: str, site: Site) -> None:
    path = write_file("my-own", kind, site.workspace)
    assert path == site.workspace / "my_own.py"
    registry = site.registry('[local]\nmy-own = { path = "my_own.py" }')
    component = registry.resolve(kind, "my-own")
    assert component.canonical == "my-own/my-own"
    documented = [field.description for field in read_signature(component).model.model_fields.values()]
    assert documented or kind == "task"
    assert all(documented)


@pytest.mark.parametrize("kind", KINDS)
def test_package_offers_its_component_from_a_light_entry_module(kind: str, site: Site) -> None:
    folder = write_package("my-own", kind, site.workspace)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (folder.name, project["name"]) == ("retinue-my-own", "retinue-my-own")
    assert project["entry-points"]["retinue"] == {"my-own": "retinue_my_own.plugin"}
    entry_points = "[retinue]\nmy-own = retinue_my_own.plugin\n"
    package = site.install("my-own", entry_points=entry_points)
    for file in (folder / "src" / "retinue_my_own").iterdir():
        (package / file.name).write_bytes(file.read_bytes())
    registry = site.registry()
    component = registry.resolve(kind, "my-own")
    assert isinstance(component.target, str)
    assert not component.plugin.imports_torch
    assert read_signature(component).target.__module__ == component.target.split(":")[0]


def test_nothing_of_the_template_shows_through(tmp_path: Path) -> None:
    for kind in KINDS:
        folder = write_package("glare", kind, tmp_path / kind)
        for path in folder.rglob("*"):
            text = path.read_text() if path.is_file() else ""
            for rest in ("my-part", "my_part", "MyPart", "my-kind", "MY_"):
                assert rest not in str(path.relative_to(tmp_path)) + text
        assert f'Case("{kind}", "glare")' in (folder / "tests" / "test_conformance.py").read_text()


def test_what_is_written_is_well_formatted(tmp_path: Path) -> None:
    for kind in KINDS:
        write_package("glare", kind, tmp_path / kind)
        write_file("glare", kind, tmp_path / "files" / kind)
    command = [Path(sys.executable).with_name("ruff"), "format", "--check", "--line-length", "120", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MyNet", 'did you mean "my-net"?'),
        ("my_net", 'did you mean "my-net"?'),
        ("2d-net", 'did you mean "d-net"?'),
        ("../net", "is no name for a plug-in"),
        ("", "is no name for a plug-in"),
        ("retinue-net", "so write net"),
        ("torchvision", "there is a plug-in"),
        ("import", "means something else"),
        ("gt", "means something else"),
    ],
)
def test_names_that_cannot_be(name: str, said: str, tmp_path: Path) -> None:
    for write in (write_file, write_package):
        with pytest.raises(PluginError) as refused:
            write(name, "model", tmp_path)
        assert said in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "glare.py").write_text("mine")
    (tmp_path / "retinue-glare").mkdir()
    for write in (write_file, write_package):
        with pytest.raises(PluginError, match="is there already"):
            write("glare", "model", tmp_path)
    assert (tmp_path / "glare.py").read_text() == "mine"
    assert not list((tmp_path / "retinue-glare").iterdir())
