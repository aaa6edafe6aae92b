"""What a plug-in's entry module keeps."""

from __future__ import annotations

import os
import subprocess
import sys

from retinue.plugins.discovery import Plugin
from retinue.testing.rule import NotApplicable, require

IMPORT = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted({"torch", "retinue.api"} & set(sys.modules)))
"""


def check_entry_module(plugin: Plugin) -> None:
    """Import it in a process of its own: every command waits for it.

    Raises:
        Violation: it imports torch or retinue.api.
    """
    if plugin.distribution is None:
        raise NotApplicable("a single file may hold its components itself")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", IMPORT, plugin.module]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{plugin.module} cannot be imported by itself; it must be: {done.stderr}")
    heavy = done.stdout.split()
    require(
        not heavy,
        f"{plugin.module} imports {' and '.join(heavy)}, which every command then waits for: import nothing there but "
        'retinue.hooks, and register targets as texts, "package.module:attribute"',
    )
