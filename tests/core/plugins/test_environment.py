"""Who installs: the tool that made the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from retinue.errors import InstallationError
from retinue.plugins import environment


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an environment that this Python takes for its own, with pip and uv at hand."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(environment, "find_spec", lambda name: object())
    monkeypatch.setenv("UV", "/bin/uv")
    return tmp_path


@pytest.mark.parametrize(
    ("made", "uv", "pip", "tool"),
    [
        ("uv = 0.9.1", True, False, "/bin/uv"),
        ("uv = 0.9.1", True, True, "/bin/uv"),
        ("uv = 0.9.1", False, True, "pip"),
        ("version = 3.11.7", True, True, "pip"),
        ("version = 3.11.7", True, False, "/bin/uv"),
        (None, True, True, "pip"),
    ],
)
def test_tool(made: str | None, uv: bool, pip: bool, tool: str, prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if made:
        (prefix / "pyvenv.cfg").write_text(f"home = /usr/bin\n{made}\n")
    if not uv:
        monkeypatch.delenv("UV")
        monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(environment, "find_spec", lambda name: object() if pip else None)
    assert environment.find_tool() == tool


def test_neither_is_an_error_that_says_what_to_do(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    with pytest.raises(InstallationError, match="-m ensurepip"):
        environment.find_tool()
