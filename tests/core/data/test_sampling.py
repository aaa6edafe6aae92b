import pytest

from retinue.data.sampling import EpochBatches


def batches(size: int = 23, batch: int = 5, seed: int = 0, learnt: bool = True, drop_last: bool = False, at=(0, 0)):
    sampler = EpochBatches(size, batch, seed, learnt, drop_last)
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
    assert indices(batches(learnt=False, at=(4, 0))) == list(range(23))


@pytest.mark.parametrize(("size", "sizes"), [(23, [5, 5, 5, 5]), (25, [5] * 5), (4, [])])
def test_drop_last_leaves_out_a_smaller_batch(size: int, sizes: list[int]) -> None:
    found = batches(size=size, drop_last=True)
    assert [len(batch) for batch in found] == sizes
    assert len(EpochBatches(size, 5, 0, True, True)) == len(sizes)


@pytest.mark.parametrize("size", [1, 5, 23])
def test_its_length_is_that_of_a_whole_epoch(size: int) -> None:
    sampler = EpochBatches(size, 5, 0, learnt=True, drop_last=False)
    sampler.start = 1
    assert len(sampler) == len(batches(size=size))


def test_a_batch_may_hold_everything() -> None:
    assert [len(batch) for batch in batches(size=3, batch=100)] == [3]


def shares(size: int, processes: int, learnt: bool, batch: int = 5, at=(1, 0)) -> list[list[list[tuple[int, int]]]]:
    """The batches of each process."""
    found = []
    for process in range(processes):
        sampler = EpochBatches(size, batch, 0, learnt, False, process, processes)
        sampler.epoch, sampler.start = at
        found.append(list(sampler))
    return found


@pytest.mark.parametrize("start", [0, 2])
@pytest.mark.parametrize("size", [20, 22, 23])
@pytest.mark.parametrize("processes", [1, 2, 3, 5, 7])
def test_the_shares_of_a_training_batch_are_that_batch(processes: int, size: int, start: int) -> None:
    whole = batches(size=size, at=(1, start))
    parts = shares(size, processes, learnt=True, at=(1, start))
    assert {len(part) for part in parts} == {len(whole)}
    samplers = [EpochBatches(size, 5, 0, True, False, process, processes) for process in range(processes)]
    for number, (batch, *own) in enumerate(zip(whole, *parts, strict=True), start=start):
        counts = [sampler.count(number) for sampler in samplers]
        assert [key for count, share in zip(counts, own, strict=True) for key in share[:count]] == batch
        assert max(counts) - min(counts) <= 1
        assert samplers[0].length(number) == sum(counts) == len(batch)
        # One without a sample of its own computes on another's, as the others wait for it.
        assert [len(share) for share in own] == [count or 1 for count in counts]
        assert all(key in batch for share in own for key in share)


@pytest.mark.parametrize("size", [3, 20, 23])
@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_evaluation_batches_go_round(processes: int, size: int) -> None:
    whole = batches(size=size, learnt=False, at=(1, 0))
    parts = shares(size, processes, learnt=False)
    samplers = [EpochBatches(size, 5, 0, False, False, process, processes) for process in range(processes)]
    turns = -(-len(whole) // processes)
    assert [len(part) for part in parts] == [turns] * processes
    counted = [
        part[turn]
        for turn in range(turns)
        for part, sampler in zip(parts, samplers, strict=True)
        if sampler.counts(turn)
    ]
    assert counted == whole
    # One without a batch of its own computes on a sample, as the others wait for it.
    padding = [
        part[turn] for turn in range(turns) for part, s in zip(parts, samplers, strict=True) if not s.counts(turn)
    ]
    assert padding == [whole[0][:1]] * (turns * processes - len(whole))


@pytest.mark.parametrize("drop_last", [False, True])
def test_the_length_of_each_batch_is_known(drop_last: bool) -> None:
    sampler = EpochBatches(23, 5, 0, True, drop_last)
    assert [sampler.length(number) for number in range(len(sampler))] == [len(batch) for batch in sampler]
