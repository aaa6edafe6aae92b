"""Values that belong to classes."""

from __future__ import annotations

import pytest

from retinue.builtin.callbacks.class_values import draw_matrix, find_matrices, is_cell, write_table

# A name may hold what parts names.
CLASSES = ("a/b", "b", "c|d")
MATRIX = {f"val/cm/{true}/{found}": 10.0 * n + m for n, true in enumerate(CLASSES) for m, found in enumerate(CLASSES)}
SCORES = {"val/f1": 0.5, "val/f1/a/b": 0.25, "val/f1/b": 0.5, "val/f1/c|d": 0.75, "lr": 0.1}


def test_a_matrix_is_found_among_other_values() -> None:
    values = {**SCORES, **MATRIX, "val/cut/a/b/a/b": 1.0}
    assert find_matrices(values, CLASSES) == {"val/cm": [[0, 1, 2], [10, 11, 12], [20, 21, 22]]}
    assert [name for name in values if is_cell(name, {"val/cm": []})] == list(MATRIX)


def test_the_table_has_a_column_for_each_metric_of_all_classes() -> None:
    values = {**SCORES, "val/iou/a/b": 1 / 3, "val/iou/b": 1.0, "val/iou/c|d": float("nan"), "val/part/b": 1.0}
    assert write_table(values, CLASSES).splitlines() == [
        "| class | f1 | iou |",
        "| --- | ---: | ---: |",
        "| a/b | 0.25 | 0.3333 |",
        "| b | 0.5 | 1 |",
        "| c&#124;d | 0.75 | nan |",
    ]
    assert write_table({"val/f1": 0.5}, CLASSES) == ""


def test_counts_of_a_multilabel_matrix_are_columns() -> None:
    counts = {f"val/cm/{name}/{count}": 1.0 for name in CLASSES for count in ("tn", "fp", "fn", "tp")}
    assert find_matrices(counts, CLASSES) == {}
    assert write_table(counts, CLASSES).startswith("| class | cm tn | cm fp | cm fn | cm tp |\n")


@pytest.mark.parametrize("count", [1, 2, 10, 60, 500])
def test_a_cell_is_the_darker_the_larger_its_share_of_the_row(count: int) -> None:
    cells = [
        [8.0 if column == row else 2.0 * (column == (row + 1) % count) for column in range(count)]
        for row in range(count)
    ]
    picture = draw_matrix(cells, [f"class {number}" for number in range(count)]).float().mean(dim=0)
    side = max(1, min(48, 480 // count))
    edge = min(picture.shape) - 12 - count * side
    # The first pixel of a cell: its number is written in the middle.
    shades = picture[edge : edge + count * side : side, edge : edge + count * side : side]
    assert shades.shape == (count, count)
    assert (shades.diagonal() < 130).all()
    if count > 2:
        assert (shades[range(count - 1), range(1, count)] > 180).all()
        assert shades[0, 2:].min() == 255
    assert max(picture.shape) < 720


def test_rows_are_the_true_classes() -> None:
    picture = draw_matrix([[0.0, 1.0], [0.0, 0.0]], ["no", "yes"]).float().mean(dim=0)
    edge = picture.shape[0] - 12 - 2 * 48
    assert picture[edge + 1, edge + 48 + 1] < 128
    assert picture[edge + 48 + 1, edge + 1] == 255
