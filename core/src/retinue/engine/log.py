"""What a run says: warnings on stderr at once, everything in its log file."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path

from retinue.rundir import writing

logger = logging.getLogger("retinue")


class LogFile(logging.FileHandler):
    """A log file that a full disk ends, and not the run."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8")
        self.path = path
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say it once, and write nothing more."""
        self.addFilter(lambda _: False)
        logger.warning("%s cannot be written: %s; the run goes on without", self.path, sys.exception())
        self.close()

    def close(self) -> None:
        """Close the file; what it could not write it would try to write once more."""
        with suppress(OSError):
            super().close()


class RunLog:
    """Keeps what is logged under "retinue" until it is known where the run writes.

    Args:
        speaks: whether warnings go to stderr: of a group's processes, one says them.
    """

    def __init__(self, speaks: bool = True) -> None:
        self._kept = MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL + 1)
        self._warnings = logging.StreamHandler(sys.stderr)
        self._warnings.setLevel(logging.WARNING if speaks else logging.CRITICAL + 1)
        self._warnings.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        self._file: LogFile | None = None

    def write_to(self, path: Path) -> None:
        """Write to a file from here on, and what was said before.

        Raises:
            TrainingError: there cannot be one.
        """
        with writing(path):
            self._file = LogFile(path)
        logger.addHandler(self._file)
        self._kept.setTarget(self._file)
        self._kept.close()
        logger.removeHandler(self._kept)

    @contextmanager
    def open(self) -> Iterator[RunLog]:
        """Listen while entered; an error that ends the run is its last line."""
        logger.setLevel(logging.INFO)
        logger.addHandler(self._kept)
        logger.addHandler(self._warnings)
        try:
            yield self
        except Exception as error:
            logger.info("%s: %s", type(error).__name__, error)
            raise
        finally:
            for handler in (self._kept, self._warnings, self._file):
                if handler is not None:
                    logger.removeHandler(handler)
                    handler.close()
