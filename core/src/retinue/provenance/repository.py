"""What git says about the folder of a spec."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

PATIENCE = 5.0
"""Seconds that git may take: a lock without its answer is better than a run that waits."""

# A repository's own configuration names programs; one that a stranger made must not start them.
SAFE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--no-optional-locks")
FILTERS = r"^filter\..*\.(clean|process|required)$"


def describe_repository(folder: Path) -> dict[str, Any] | None:
    """Return the `commit` that is checked out and whether tracked files are `dirty`; None without git or repository."""
    try:
        drivers = _ask(folder, {}, "config", "--name-only", "-z", "--get-regexp", FILTERS, allowed=(0, 1))
        status = _ask(
            folder,
            _switch_off(drivers.split("\0")[:-1]),
            *("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty"),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    commit = re.search(r"^# branch\.oid ([0-9a-f]+)$", status, re.MULTILINE)
    changes = [line for line in status.splitlines() if not line.startswith("#")]
    return {"commit": commit[1], "dirty": bool(changes)} if commit else None


def _switch_off(drivers: list[str]) -> dict[str, str]:
    """Return an environment in which no filter is called: git calls them to compare files."""
    values = [(name, "false" if name.endswith(".required") else "") for name in drivers]
    names = {f"GIT_CONFIG_KEY_{number}": name for number, (name, _) in enumerate(values)}
    return names | {
        **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(values)},
        "GIT_CONFIG_COUNT": str(len(values)),
    }


def _ask(folder: Path, environment: dict[str, str], *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        ["git", *SAFE, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
    )
    if done.returncode not in allowed:
        raise subprocess.CalledProcessError(done.returncode, "git")
    return done.stdout
