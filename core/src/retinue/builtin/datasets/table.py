"""A CSV file as rows of cells, with what is wrong in it line by line."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from retinue.builtin.datasets.names import did_you_mean, list_names
from retinue.errors import DataError

SHOWN = 5


@dataclass
class Table:
    """Rows of as many cells as the header has, each with the number of its line.

    Attributes:
        mistakes: line and message of each mistake found so far.
        hint: what helps with some of them.
    """

    file: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    hint: str = ""

    def read_column(self, name: str) -> list[tuple[int, str]]:
        """Return line and cell of each row.

        Raises:
            DataError: there is no such column, or there are two.
        """
        times = self.header.count(name)
        if times > 1:
            raise DataError(f'{self.file}: has {times} columns "{name}"')
        if not times:
            commas = "; commas must separate the columns" if len(self.header) == 1 else ""
            raise DataError(
                f'{self.file}: has no column "{name}", but {list_names(self.header)}{commas}'
                f"{did_you_mean(name, self.header)}"
            )
        column = self.header.index(name)
        return [(line, cells[column]) for line, cells in self.rows]

    def read_filled(self, name: str) -> list[tuple[int, str]]:
        """Return line and cell of each row; an empty cell is a mistake."""
        column = self.read_column(name)
        self.mistakes += [(line, f'the column "{name}" is empty') for line, cell in column if not cell]
        return column

    def refuse_mistakes(self) -> None:
        """Raise a DataError with the first mistakes and their number, where there are any."""
        if not self.mistakes:
            return
        shown = [f"  line {line}: {text}" for line, text in sorted(self.mistakes)[:SHOWN]]
        more = [f"  and {len(self.mistakes) - SHOWN} more"] if len(self.mistakes) > SHOWN else []
        count = f"{len(self.mistakes)} mistakes" if len(self.mistakes) > 1 else "1 mistake"
        raise DataError("\n".join([f"{self.file}: {count}", *shown, *more, *([self.hint] if self.hint else [])]))


def read_table(file: Path) -> Table:
    """Read a CSV file: UTF-8 with or without a byte order mark, commas, column names first; blank lines are skipped.

    Raises:
        DataError: there is no such file, it is empty, or it is no CSV file.
    """
    if not file.is_file():
        beside = sorted(path.name for path in file.parent.glob("*.csv")) if file.parent.is_dir() else []
        there = f"; beside it there are {list_names(beside)}" if beside else ""
        raise DataError(f"{file}: no such file{there}{did_you_mean(file.name, beside)}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{file}:{reader.line_num}: is not CSV ({error})") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    if not lines:
        raise DataError(f"{file}: is empty; the first line must name the columns")
    header, rows = lines[0][1], lines[1:]
    if not rows:
        raise DataError(f"{file}: has no rows below its column names")
    table = Table(file, header, rows)
    for line, cells in rows:
        if len(cells) != len(header):
            table.mistakes.append((line, f"{len(cells)} cells, but there are {len(header)} columns"))
    table.refuse_mistakes()
    return table
