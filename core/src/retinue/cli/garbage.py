"""When a command looks for garbage: not while it imports what it needs, and never among what it has imported.

Imports leave next to none. One search through the objects that torch brings takes a quarter of a second, and Python
would make many while they come, more while training goes on, and two at the end.
"""

from __future__ import annotations

import atexit
import gc


def suspend_collection() -> None:
    """Let garbage lie, from the start of a command to `resume_collection`."""
    gc.disable()
    atexit.register(_end)


def resume_collection() -> None:
    """Collect garbage again, where that is suspended, but for what is there already."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _end() -> None:
    # What the command left is finalized while its modules are still whole.
    gc.collect()
    gc.disable()
    # Python takes the rest apart at the very end: libraries complain of what is left of theirs then.
    gc.unfreeze()
