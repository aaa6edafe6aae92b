"""Event files that a full disk ends, and not the run: tensorboardX would wait for its dead thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tensorboardX import record_writer

logger = logging.getLogger("retinue")

SCHEME = "retinue"
"""In SCHEME:FOLDER it tells tensorboardX to write the event files of a folder by `EventFile`."""


class EventFile:
    """A file that says once that nothing more can be written to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Take data, now or never."""
        self._try(lambda: self._file.write(data))

    def flush(self) -> None:
        """Give the system what was taken."""
        self._try(self._file.flush)

    def close(self) -> None:
        """Take nothing more."""
        self._try(self._file.close)

    def _try(self, act: Callable[[], object]) -> None:
        if self._file.closed:
            return
        try:
            act()
        except OSError as error:
            logger.warning("%s cannot be written: %s; the run goes on without", self._path, error.strerror)
            # It would try once more to write what it has taken.
            with suppress(OSError):
                self._file.close()


class _EventFiles:
    def open(self, path: str) -> EventFile:
        return EventFile(_strip(path))

    def directory_check(self, path: str) -> None:
        _strip(path).mkdir(parents=True, exist_ok=True)


def _strip(path: str) -> Path:
    return Path(path.removeprefix(f"{SCHEME}:"))


record_writer.register_writer_factory(SCHEME, _EventFiles())
