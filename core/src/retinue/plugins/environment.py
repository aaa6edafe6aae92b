"""The environment that this Python runs in, changed by the tool that made it: uv or pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from retinue.errors import InstallationError
from retinue.hooks import PROJECT
from retinue.plugins.discovery import core_version


def install(requirements: Sequence[str]) -> None:
    """Install requirements, such as "retinue-unet>=0.3" or the path of a wheel, beside the core as it is.

    Raises:
        InstallationError: they cannot be installed, or ask for another core.
    """
    with tempfile.TemporaryDirectory() as folder:
        # No plug-in replaces the core that other plug-ins and runs rely on.
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(f"{PROJECT}=={core_version()}\n", encoding="utf-8")
        _run(find_tool(), "install", "--constraint", str(constraints), *requirements)


def uninstall(distributions: Sequence[str]) -> None:
    """Take distributions away; what they needed stays.

    Raises:
        InstallationError: it cannot be done.
    """
    tool = find_tool()
    _run(tool, "uninstall", *([] if _is_uv(tool) else ["--yes"]), *distributions)


def find_tool() -> str:
    """Return the path of uv where uv made the environment or there is no pip, else "pip".

    Raises:
        InstallationError: there is neither.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    has_pip = find_spec("pip") is not None
    if uv and (_made_by_uv() or not has_pip):
        return uv
    if not has_pip:
        raise InstallationError(f"{sys.prefix} has no pip, and uv is not on PATH: {sys.executable} -m ensurepip")
    return "pip"


def _made_by_uv() -> bool:
    try:
        lines = (Path(sys.prefix) / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.partition("=")[0].strip() == "uv" for line in lines)


def _is_uv(tool: str) -> bool:
    return tool != "pip"


def _run(tool: str, action: str, *arguments: str) -> None:
    if _is_uv(tool):
        command = [tool, "pip", action, "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", action, "--disable-pip-version-check"]
    # Progress is for people: stdout stays the command's own.
    done = subprocess.run([*command, *arguments], stdout=2)
    if done.returncode != 0:
        name = "uv" if _is_uv(tool) else "pip"
        raise InstallationError(f"{name} {action} failed (exit code {done.returncode}) and says why above")
