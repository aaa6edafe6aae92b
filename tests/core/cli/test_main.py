"""The command itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retinue.cli import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Command
    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site


def test_module_and_command_are_the_same(retinue: Command, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("retinue")
    by_script = subprocess.run(
        [script, "plugins", "list", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    by_module = retinue("plugins", "list", "--json")
    assert by_module.returncode == by_script.returncode == 0
    assert by_module.stdout == by_script.stdout
    assert by_module.stderr == by_script.stderr == ""


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(command: Callable[..., Answer], flag: str) -> None:
    command("list", "--help")
    answer = command(flag)
    assert answer.code == 0
    assert answer.out.startswith("Usage: retinue ")
    assert all(f"  {name} " in answer.out and meaning in answer.out for name, meaning in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Callable[..., Answer], name: str) -> None:
    answer = command(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: retinue {name} ")


def test_version(command: Callable[..., Answer]) -> None:
    assert command("--version").out == f"retinue, version {version('retinue')}\n"


@pytest.mark.parametrize(
    "arguments", [["lsit"], ["list", "modle"], ["list", "--jsn"], ["describe", "model"], ["train"], ["predict", "runs"]]
)
def test_wrong_use_is_exit_2_without_traceback(command: Callable[..., Answer], arguments: list[str]) -> None:
    answer = command(*arguments)
    assert answer.code == 2
    assert answer.err.startswith("Usage: retinue")
    assert "Traceback" not in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["plugins", "list"], ["describe", "model", "lenet"], ["check", "spec.toml"], ["train", "spec.toml"]],
)
def test_mistakes_in_registry_toml_are_exit_2_with_their_place(
    site: Site, command: Callable[..., Answer], arguments: list[str]
) -> None:
    path = site.write("registry.toml", "schema = 1\n[plugins]\ndisable = []\n")
    answer = command(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == (
        f'{path}:3:1  error: unknown key "disable"\n'
        "  3 | disable = []\n"
        '    | ^^^^^^^ did you mean "disabled"? known: disabled, mode, required\n'
    )


NO_TORCH = "raise RuntimeError('torch was imported')"

SPEC = """\
    spec = 1
    [data.train]
    use = "digits"
    [model]
    use = "lenett"
    [optimizer]
    use = "sgd"
    """


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["list", "--json"], 0), (["plugins", "list"], 0), (["--help"], 0), (["check", "spec.toml"], 2)],
)
def test_answers_without_importing_torch(site: Site, retinue: Command, arguments: list[str], code: int) -> None:
    for name in ("torch", "torchvision"):
        (site.folder / name).mkdir()
        (site.folder / name / "__init__.py").write_text(NO_TORCH)
    site.write("spec.toml", SPEC)
    answer = retinue(*arguments, cwd=site.workspace, env=site.environment)
    assert "torch was imported" not in answer.stderr
    assert answer.returncode == code
    if code == 2:
        assert 'no model named "lenett"' in answer.stderr
