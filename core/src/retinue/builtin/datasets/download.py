"""Downloads that torchvision does, made to fail clearly and soon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError

from retinue.errors import DataError

SILENCE = 20.0
"""Seconds without an answer after which a server is given up; torchvision itself waits for ever."""


@contextmanager
def downloading(name: str, root: Path) -> Iterator[None]:
    """Turn what goes wrong in a download of data set `name` into `root` into a DataError."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    except (OSError, RuntimeError, HTTPException, TarError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name} cannot be downloaded into {root}: {reason}\n"
            "Without a network, copy the files there from another machine."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
