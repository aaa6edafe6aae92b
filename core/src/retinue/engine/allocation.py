"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import os
import sys

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8

KEPT = 2**30
"""Most bytes that stay at the end of the heap when they are free."""

LARGEST = (2**28, 2**25)
"""Bytes of the largest block that stays; older releases of glibc take no more than the second."""


def keep_freed_memory() -> None:
    """Let large blocks stay with the process when they are freed, and serve the next tensors.

    glibc else gives them back, and every batch begins with a page fault for each 4 KiB: on a CPU a tenth of a small
    network's step, and a fifth of a data path. One arena, for what one thread frees another takes. Who sets
    MALLOC_ variables or GLIBC_TUNABLES knows better; other C libraries are left alone.
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if sys.platform != "linux" or chosen:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST):
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_ARENA_MAX, 1)
