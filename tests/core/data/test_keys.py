import random
from pathlib import Path

import numpy as np
import pytest
import torch

from retinue.data.keys import (
    Purpose,
    derive_key,
    derive_sample_keys,
    preserve_generators,
    read_generators,
    seed_generators,
    seed_torch,
    set_generators,
    vary_key,
)


def draw() -> tuple[float, float, float]:
    return torch.rand(()).item(), float(np.random.random()), random.random()


def test_keys_never_change_from_one_version_to_the_next() -> None:
    """A run that is resumed on another day, with another version, draws what it would have drawn."""
    assert derive_key(Purpose.WEIGHTS, 0) == 5983670273984330465
    assert derive_key(Purpose.ORDER, 0, 3) == 6729758829151217439
    assert derive_key(Purpose.SAMPLE, 7, 3, 1234) == 4936162963211556724
    assert derive_key(Purpose.MIXING, 2**63 - 1, 0, 0) == 9106827316032209328
    assert derive_key(Purpose.STEP, 0, 1) == 1808899111304528707
    assert derive_key(Purpose.SPLIT, 0, -1) == 8040421873942254125


def test_no_two_positions_or_purposes_share_a_key() -> None:
    keys = [
        derive_key(purpose, seed, *position)
        for purpose in Purpose
        for seed in range(3)
        for position in [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1), (256, 0), (0, 256)]
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**63 for key in keys)


def test_seeding_decides_all_three_generators() -> None:
    with preserve_generators():
        seed_generators(5)
        first = draw()
        seed_generators(6)
        other = draw()
        seed_generators(5)
        assert draw() == first
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_the_largest_key_seeds_them() -> None:
    with preserve_generators():
        seed_generators(2**63 - 1)


@pytest.mark.parametrize("fails", [False, True])
def test_generators_are_given_back_as_they_were(fails: bool) -> None:
    with preserve_generators():
        seed_generators(1)
        expected = draw()
        seed_generators(1)
        try:
            with preserve_generators():
                seed_generators(2)
                draw()
                if fails:
                    raise ValueError
        except ValueError:
            pass
        assert draw() == expected


def test_numpy_and_python_go_on_from_states_that_a_checkpoint_can_hold(tmp_path: Path) -> None:
    with preserve_generators():
        seed_generators(5)
        np.random.normal()
        torch.save(read_generators(), tmp_path / "states.pt")
        expected = np.random.normal(size=3).tolist(), random.random()
        seed_generators(6)
        set_generators(torch.load(tmp_path / "states.pt", weights_only=True))
        assert (np.random.normal(size=3).tolist(), random.random()) == expected


def test_a_key_varies_with_both_numbers() -> None:
    keys = {vary_key(derive_key(Purpose.STEP, 0), first, second) for first in range(100) for second in range(8)}
    assert len({key & 0xFFFFFFFF for key in keys}) == 800
    assert all(0 <= key < 2**63 for key in keys)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_gpu_draws_from_the_key_too() -> None:
    device = torch.device("cuda", 0)
    with preserve_generators():
        seed_torch(5, device)
        first = torch.rand(8, device=device)
        torch.rand(8, device=device)
        seed_torch(5, device)
        assert torch.equal(torch.rand(8, device=device), first)


def test_keys_of_samples_never_change_and_never_meet() -> None:
    assert derive_sample_keys(7, 3, [1234]).tolist() == [6140416089479503497]
    keys = [derive_sample_keys(seed, epoch, range(1000)) for seed in range(2) for epoch in range(3)]
    assert len(np.unique(np.concatenate(keys))) == 6000
    assert derive_sample_keys(1, 2, [5, 900]).tolist() == keys[5][[5, 900]].tolist()
