from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import timm

from retinue.errors import PluginError
from retinue_timm_backbones import names
from retinue_timm_backbones.names import list_names

LIST = """
import sys
from retinue.cli.list import command
command(["model", "--plugin", "timm-backbones"], standalone_mode=False)
assert not {"torch", "timm"} & sys.modules.keys(), "imported what takes seconds"
"""


@pytest.fixture
def other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As with a timm that this package was not made with; gives the file of its names."""
    monkeypatch.setattr(names, "SHIPPED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    list_names.cache_clear()
    yield tmp_path / "cache" / "retinue" / "timm-backbones" / f"{version('timm')}.txt"
    list_names.cache_clear()


def test_the_shipped_names_are_those_of_the_installed_timm() -> None:
    assert (names.SHIPPED / f"{timm.__version__}.txt").read_text(encoding="ascii").split() == timm.list_models()


def test_the_command_lists_them_all_without_torch(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    listed = subprocess.run(
        [sys.executable, "-c", LIST], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert listed.returncode == 0, listed.stderr
    assert not (tmp_path / "cache").exists(), "timm was asked"
    members = [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("model ")]
    assert members == [f"timm-backbones/{name}" for name in timm.list_models()]


def test_another_timm_is_asked_once(other_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(list_names()) == timm.list_models()
    assert other_version.read_text(encoding="ascii").split() == timm.list_models()
    monkeypatch.setattr(names, "QUESTION", "raise RuntimeError('asked again')")
    list_names.cache_clear()
    assert list(list_names()) == timm.list_models()


@pytest.mark.parametrize("home", ["a file", "nobody's"])
def test_names_are_listed_where_nothing_can_be_kept(
    home: str, other_version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "QUESTION", "print('resnet18', 'resnet50')")
    if home == "a file":
        (tmp_path / "cache").write_text("in the way", encoding="ascii")
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(Path, "home", _homeless)
        monkeypatch.chdir(tmp_path)
    assert list_names() == ("resnet18", "resnet50")
    assert not other_version.exists()
    assert os.listdir(tmp_path) in ([], ["cache"])


def _homeless() -> Path:
    raise RuntimeError("could not determine home directory")


def test_a_damaged_file_is_asked_anew(other_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_version.parent.mkdir(parents=True)
    other_version.write_bytes(b"\xff\xfe")
    monkeypatch.setattr(names, "QUESTION", "print('resnet18')")
    assert list_names() == ("resnet18",)
    assert other_version.read_text(encoding="ascii") == "resnet18\n"


def test_a_broken_timm_says_why(other_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "QUESTION", "raise ImportError('no torchvision::nms')")
    with pytest.raises(PluginError, match=r"timm .* cannot be imported: ImportError: no torchvision::nms"):
        list_names()
    assert not other_version.exists()
