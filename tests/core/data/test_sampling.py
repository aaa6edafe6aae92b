import pytest

from retinue.data.sampling import EpochBatches


def batches(size: int = 23, batch: int = 5, seed: int = 0, shuffle: bool = True, drop_last: bool = False, at=(0, 0)):
    sampler = EpochBatches(size, batch, seed, shuffle, drop_last)
    sampler.epoch, sampler.start = at
    return list(sampler)


def indices(found) -> list[int]:
    return [index for batch in found for _, index in batch]


@pytest.mark.parametrize("epoch", [0, 1, 17])
def test_an_epoch_has_every_sample_once(epoch: int) -> None:
    found = batches(at=(epoch, 0))
    assert sorted(indices(found)) == list(range(23))
    assert [len(batch) for batch in found] == [5, 5, 5, 5, 3]
    assert {key[0] for batch in found for key in batch} == {epoch}


def test_epochs_and_seeds_differ_and_repeat() -> None:
    assert batches(at=(0, 0)) == batches(at=(0, 0))
    orders = [indices(batches(seed=seed, at=(epoch, 0))) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert list(range(23)) not in orders


def test_the_order_is_the_same_on_any_day() -> None:
    assert indices(batches(size=10, at=(1, 0))) == [4, 6, 7, 9, 0, 5, 3, 1, 2, 8]


@pytest.mark.parametrize("start", range(6))
def test_entered_anywhere_it_gives_the_tail_of_the_whole(start: int) -> None:
    assert batches(at=(3, start)) == batches(at=(3, 0))[start:]


def test_without_shuffling_the_order_is_the_data_sets() -> None:
    assert indices(batches(shuffle=False, at=(4, 0))) == list(range(23))


@pytest.mark.parametrize(("size", "sizes"), [(23, [5, 5, 5, 5]), (25, [5] * 5), (4, [])])
def test_drop_last_leaves_out_a_smaller_batch(size: int, sizes: list[int]) -> None:
    found = batches(size=size, drop_last=True)
    assert [len(batch) for batch in found] == sizes
    assert len(EpochBatches(size, 5, 0, True, True)) == len(sizes)


@pytest.mark.parametrize("size", [1, 5, 23])
def test_its_length_is_that_of_a_whole_epoch(size: int) -> None:
    sampler = EpochBatches(size, 5, 0, shuffle=True, drop_last=False)
    sampler.start = 1
    assert len(sampler) == len(batches(size=size))


def test_a_batch_may_hold_everything() -> None:
    assert [len(batch) for batch in batches(size=3, batch=100)] == [3]
