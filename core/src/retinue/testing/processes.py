"""A second process, started as data workers are where they cannot be forked."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from retinue.plugins.discovery import Plugin
from retinue.plugins.registration import collect_components
from retinue.testing.rule import Violation


def run_elsewhere(function: Callable[..., Any], *arguments: Any, local: Mapping[str, Path]) -> Any:
    """Return what a function gives in a process that was spawned.

    Args:
        local: the files of local plug-ins by id; classes in them can be unpickled once they are imported.

    Raises:
        Violation: the arguments cannot be pickled, or not be unpickled there.
    """
    try:
        packed = pickle.dumps((function, arguments))
    # Pickling runs arbitrary code.
    except Exception as error:
        raise Violation(
            f"it cannot be pickled, as worker processes need it to be ({error}): define classes and functions at the "
            "top of a module, and keep open files, locks and lambdas out of it"
        ) from error
    try:
        return _worker().submit(_unpack, packed, dict(local)).result()
    except Exception as error:
        raise Violation(
            f"in a worker process it fails ({type(error).__name__}: {error}): what its module needs must be there "
            "after it is imported, and what it holds must survive pickling"
        ) from error


@cache
def _worker() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _unpack(packed: bytes, local: Mapping[str, Path]) -> Any:
    for id, path in local.items():
        collect_components(Plugin(id, str(path)))
    function, arguments = pickle.loads(packed)
    return function(*arguments)
