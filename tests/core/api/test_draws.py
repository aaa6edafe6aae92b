from __future__ import annotations

import numpy as np
import pytest
import torch

from retinue.api import Draws

COUNT = 20_000


def make(*keys: int) -> Draws:
    return Draws(np.array(keys, dtype=np.uint64))


def test_draws_never_change_from_one_version_to_the_next() -> None:
    draws = make(0, 2**64 - 1)
    assert draws.uniform().tolist() == [0.8833108082136426, 0.64635420864685]
    assert draws.integers(0, 1000).tolist() == [431, 705]


def test_a_sample_draws_the_same_alone_and_in_a_batch() -> None:
    together, alone = make(3, 1, 4), make(1)
    for _ in range(3):
        assert together.uniform(-1, 2)[1] == alone.uniform(-1, 2)[0]
        assert together.integers(5, 90)[1] == alone.integers(5, 90)[0]


def test_draws_that_are_joined_go_on_where_they_stood() -> None:
    first, second = make(3), make(8)
    first.uniform()
    expected = make(3), make(8)
    expected[0].uniform()
    assert Draws.join([first, second]).uniform().tolist() == [float(part.uniform()) for part in expected]


def test_draws_are_uniform_and_apart_from_those_of_neighbours() -> None:
    draws = make(*range(COUNT))
    first, second = draws.uniform(), draws.uniform()
    for drawn in (first, second):
        counts = torch.histc(drawn, 10, 0, 1).tolist()
        assert counts == pytest.approx([COUNT / 10] * 10, abs=5 * (COUNT / 10) ** 0.5)
    pairs = torch.stack([first[1:], second[1:], first[:-1]])
    assert (torch.corrcoef(pairs) - torch.eye(3)).abs().max() < 4 / COUNT**0.5
    assert set(make(*range(COUNT)).integers(-1, 3).tolist()) == {-1, 0, 1, 2}


def test_a_table_has_the_rows_of_as_many_calls() -> None:
    keys = np.arange(5, dtype=np.uint64)
    table, calls = Draws(keys), Draws(keys)
    rows = np.stack([calls.uniform().numpy() for _ in range(3)])
    assert np.array_equal(table.table(3), rows)
    assert torch.equal(table.uniform(), calls.uniform())
