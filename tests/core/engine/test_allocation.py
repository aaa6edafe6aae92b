from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, threading, torch
from retinue.engine.allocation import keep_freed_memory

def count_faults(act):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    act()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def allocate():
    for _ in range(20):
        torch.ones(10_000_000)

def allocate_in_thread():
    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()

before = count_faults(allocate)
keep_freed_memory()
allocate()
print(before, count_faults(allocate), count_faults(allocate_in_thread))
"""


def count_faults(**environment: str) -> list[int]:
    """Return page faults before memory is kept, after it, and after it in another thread."""
    environment = {**os.environ, "THP_MEM_ALLOC_ENABLE": "0", **environment}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout
    return [int(number) for number in found.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_large_tensors_take_memory_that_was_freed() -> None:
    before, after, in_thread = count_faults()
    assert before > 30_000
    assert max(after, in_thread) < before / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_who_sets_malloc_knows_better() -> None:
    before, after, _ = count_faults(MALLOC_TRIM_THRESHOLD_="131072")
    assert after > before / 2
