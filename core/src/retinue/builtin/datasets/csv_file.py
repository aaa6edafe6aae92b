"""Pictures and what they show, from a CSV file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import MinLen
from torch import Tensor

from retinue.api import DataInfo, Dataset, Sample, read_image
from retinue.builtin.datasets.folder import fingerprint_files, require_folder
from retinue.builtin.datasets.names import did_you_mean, list_names, refuse_repeated
from retinue.builtin.datasets.table import Table, read_table
from retinue.errors import DataError

SEPARATOR = "|"
FLAGS = {"0": 0.0, "0.0": 0.0, "false": 0.0, "1": 1.0, "1.0": 1.0, "true": 1.0}


class CsvFile(Dataset):
    """Pictures by their paths in a CSV file: UTF-8, separated by commas, column names in the first line.

    What `target` names depends on `task`, in the words of the spec's own `task`:

    - classification: one column of class names, `label` in a sample. Classes are sorted, by value where all are
      whole numbers.
    - multilabel: several columns of 0 and 1 (or false and true), a class each; or one column of class names
      separated by "|", empty where a picture has none. `label` is a float vector of ones and zeros.
    - regression: one or several columns of numbers, `target` in a sample.

    Args:
        file: the CSV file.
        path: the column of picture paths.
        target: the column, or the list of columns, of what is to be learnt.
        task: how `target` is read.
        classes: class names in label order, where the file alone would not say them: a validation file that
            lacks one of the training classes needs it. Not for several columns, which name their classes.
        root: the folder that the paths start from; by default the CSV file's.
        channels: 3 for RGB, 1 for grey.

    Raises:
        DataError: names each wrong line: an empty cell, a missing picture, no number where one is needed.
    """

    labels: list[int] | None

    def __init__(
        self,
        file: Path,
        path: str = "path",
        target: str | Annotated[list[str], MinLen(1)] = "label",
        task: Literal["classification", "multilabel", "regression"] = "classification",
        classes: Annotated[list[str], MinLen(1)] | None = None,
        root: Path | None = None,
        channels: Literal[1, 3] = 3,
    ) -> None:
        table = read_table(file.expanduser())
        self.root = require_folder(root) if root else table.file.parent
        self.paths = _read_paths(table, path, self.root)
        self.key = "target" if task == "regression" else "label"
        self.labels = None
        self.targets: Tensor | list[int]
        if task == "classification":
            names, self.labels = _read_classes(table, target, classes)
            self.targets = self.labels
        elif task == "regression":
            names, self.targets = _read_values(table, target, classes)
        elif isinstance(target, str):
            names, self.targets = _read_lists(table, target, classes)
        else:
            names, self.targets = _read_flags(table, target, classes)
        table.refuse_mistakes()
        self.info = DataInfo(classes=tuple(names), channels=channels)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        path = self.paths[index]
        target = self.targets[index]
        answer = target.clone() if isinstance(target, Tensor) else target
        return {"image": read_image(path, self.info.channels), self.key: answer, "path": path}

    def files(self, index: int) -> list[str]:
        return [self.paths[index]]

    def fingerprint(self) -> str:
        targets = hashlib.sha256(torch.as_tensor(self.targets).numpy().data).hexdigest()
        return f"{fingerprint_files(self.root, self.paths)} {targets}"


def _read_paths(table: Table, column: str, root: Path) -> list[str]:
    paths = []
    for line, cell in table.read_filled(column):
        path = root / cell
        if cell and not path.is_file():
            table.mistakes.append((line, f"no such file: {path}"))
            table.hint = f"Paths start from {root}; set `root` to change that."
        paths.append(str(path))
    return paths


def _read_classes(table: Table, target: str | list[str], classes: list[str] | None) -> tuple[list[str], list[int]]:
    if not isinstance(target, str):
        raise DataError(f"target: classification takes one column, not {target}; several are for multilabel")
    cells = table.read_filled(target)
    names = _order(cell for _, cell in cells) if classes is None else classes
    index = {name: label for label, name in enumerate(names)}
    _refuse_unknown(table, cells, names)
    return names, [index.get(cell, 0) for _, cell in cells]


def _read_lists(table: Table, target: str, classes: list[str] | None) -> tuple[list[str], Tensor]:
    rows = [
        (line, [name for name in map(str.strip, cell.split(SEPARATOR)) if name])
        for line, cell in table.read_column(target)
    ]
    cells = [(line, name) for line, found in rows for name in found]
    names = _order(name for _, name in cells) if classes is None else classes
    if not names:
        raise DataError(f'{table.file}: the column "{target}" is empty in every row')
    _refuse_unknown(table, cells, names)
    return names, torch.tensor([[float(name in found) for name in names] for _, found in rows])


def _read_flags(table: Table, target: list[str], classes: list[str] | None) -> tuple[list[str], Tensor]:
    _refuse_classes(classes, "several target columns")
    columns = [[_flag(table, name, line, cell) for line, cell in table.read_filled(name)] for name in target]
    return target, torch.tensor(columns).T.contiguous()


def _read_values(table: Table, target: str | list[str], classes: list[str] | None) -> tuple[list[str], Tensor]:
    _refuse_classes(classes, "regression")
    names = [target] if isinstance(target, str) else target
    columns = [[_value(table, name, line, cell) for line, cell in table.read_filled(name)] for name in names]
    return names, torch.tensor(columns).T.contiguous()


def _flag(table: Table, column: str, line: int, cell: str) -> float:
    if cell and cell.lower() not in FLAGS:
        table.mistakes.append((line, f'the column "{column}" must be 0 or 1, not "{cell}"'))
    return FLAGS.get(cell.lower(), 0.0)


def _value(table: Table, column: str, line: int, cell: str) -> float:
    try:
        value = float(cell or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        table.mistakes.append((line, f'the column "{column}" must be a number, not "{cell}"'))
    return value


def _refuse_classes(classes: list[str] | None, reason: str) -> None:
    if classes is not None:
        raise DataError(f"classes: not for {reason}, whose names are the columns'")


def _refuse_unknown(table: Table, cells: list[tuple[int, str]], names: list[str]) -> None:
    refuse_repeated(names)
    known = set(names)
    table.mistakes += [
        (line, f'"{cell}" is not among the classes {list_names(names)}{did_you_mean(cell, names)}')
        for line, cell in cells
        if cell and cell not in known
    ]


def _order(cells: Iterable[str]) -> list[str]:
    names = sorted({cell for cell in cells if cell})
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names
