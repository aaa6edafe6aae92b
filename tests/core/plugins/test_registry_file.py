"""registry.toml: where it is found, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.errors import SpecError
from retinue.plugins.registry_file import RegistryFile, find_registry_file


def test_nearest_file_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a/b/c"
    below.mkdir(parents=True)
    (tmp_path / "registry.toml").write_text("schema = 1")
    assert find_registry_file(below) == tmp_path / "registry.toml"
    nearer = tmp_path / "a/registry.toml"
    nearer.write_text("schema = 1")
    assert find_registry_file(below) == nearer
    monkeypatch.chdir(below)
    assert find_registry_file() == nearer


def test_file_inside_a_run_directory_is_never_read(tmp_path: Path) -> None:
    run = tmp_path / "runs/digits"
    inside = run / "checkpoints/step-00000001"
    inside.mkdir(parents=True)
    (run / "resolved.toml").write_text("spec = 1")
    (run / "registry.toml").write_text("schema = 1")
    (inside / "registry.toml").write_text("schema = 1")
    assert find_registry_file(run) is None
    assert find_registry_file(inside) is None
    (tmp_path / "registry.toml").write_text("schema = 1")
    assert find_registry_file(inside) == tmp_path / "registry.toml"


def test_without_a_file_every_plugin_takes_part() -> None:
    file = RegistryFile()
    assert file.table.plugins.mode == "auto"
    assert file.table.plugins.required == file.table.plugins.disabled == ()
    assert file.local_files() == {}
    assert list(file.pointers()) == []


def test_local_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text('schema = 1\n[local]\ninhouse = { path = "vision/inhouse.py" }')
    assert RegistryFile(path).local_files() == {"inhouse": tmp_path / "vision/inhouse.py"}


@pytest.mark.parametrize(
    ("text", "place", "message", "suggestion"),
    [
        ("schema = 1\nplugin = 1", "2:1", 'unknown key "plugin"', "plugins"),
        ("schema = 1\n[plugins]\nrequire = []", "3:1", 'unknown key "require"', "required"),
        ('schema = 1\n[local]\na = { file = "a.py", path = "a.py" }', "3:7", 'unknown key "file"', None),
        ("[plugins]\ndisabled = []", "1:1", '"schema" is missing', None),
        ("schema = 2", "1:10", "1 is needed, this is 2", None),
        ('schema = 1\nplugins.mode = "allow"', "2:16", None, "allowlist"),
        ('schema = 1\nplugins.disabled = "noisy"', "2:20", 'a list is needed, this is "noisy"', None),
        ('schema = 1\n[resolve.modle]\na = "b/c"', "2:10", 'no kind "modle"', "model"),
        ('schema = 1\n[alias.models]\na = "b/c"', "2:8", 'no kind "models"', "model"),
        ('schema = 1\n[alias.model]\nbase = "wnet"', "3:8", '"wnet" is no canonical name', None),
        ('schema = 1\n[resolve.model]\nwnet = "/wnet"', "3:8", '"/wnet" is no canonical name', None),
        ('schema = 1\n[alias.model]\n"wnet/wnet" = "x/y"', "3:1", '"wnet/wnet" is no bare name: it has a "/"', None),
        ('schema = 1\n[local]\n"in/house" = { path = "x.py" }', "3:1", '"in/house" is no plug-in id', None),
        ('schema = 1\n[plugins]\nrequired = ["a", "b >> 1"]', "3:18", '"b >> 1" is no requirement', None),
        ("schema = 1\n[plugins\n", "2:9", "not valid TOML", None),
    ],
)
def test_mistakes_have_a_place_and_a_suggestion(
    tmp_path: Path, text: str, place: str, message: str | None, suggestion: str | None
) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        RegistryFile(path)
    [problem] = caught.value.problems
    assert str(problem.position) == f"{path}:{place}"
    assert message is None or problem.message.startswith(message)
    assert problem.suggestion == suggestion


def test_mistakes_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text('schema = 1\n[plugins]\nrequired = ["??"]\n[alias.modle]\nbase = "wnet"')
    with pytest.raises(SpecError) as caught:
        RegistryFile(path)
    assert [problem.position.line for problem in caught.value.problems if problem.position] == [3, 4, 5]
