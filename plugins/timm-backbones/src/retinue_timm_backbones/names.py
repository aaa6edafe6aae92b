"""The models' names, known without importing timm, which takes seconds.

Those of the timm that this package was made with lie beside this file. Those of any other are asked of it once, in a
process of its own, and kept in the user's cache folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from retinue.errors import PluginError

SHIPPED = Path(__file__).parent / "names"

QUESTION = "import timm; print(*timm.list_models(), sep='\\n')"


@cache
def list_names() -> tuple[str, ...]:
    """Return the name of every model of the installed timm, in timm's own order.

    Raises:
        PluginError: timm cannot be imported.
    """
    installed = version("timm")
    return _read(SHIPPED / f"{installed}.txt") or _recall(installed)


def _recall(installed: str) -> tuple[str, ...]:
    kept = _cache_file(installed)
    names = _read(kept) if kept else ()
    if not names:
        names = _ask_timm(installed)
        if kept:
            _write(kept, names)
    return names


def _cache_file(installed: str) -> Path | None:
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        # An account without a home.
        return None
    return base / "retinue" / "timm-backbones" / f"{installed}.txt"


def _read(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return ()


def _ask_timm(installed: str) -> tuple[str, ...]:
    # Without -P, a timm.py in the working directory would be run.
    answer = subprocess.run([sys.executable, "-P", "-c", QUESTION], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or [f"exit status {answer.returncode}"])[-1]
        raise PluginError(f"timm {installed} cannot be imported: {reason}")
    return tuple(answer.stdout.split())


def _write(file: Path, names: tuple[str, ...]) -> None:
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    # Where nothing can be kept, the next process asks again.
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("\n".join(names) + "\n", encoding="ascii")
        unfinished.replace(file)
