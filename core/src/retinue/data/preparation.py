"""From a data set's samples to prepared ones: transforms under keys, and batches of what comes out."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, Dataset, Draws, KeyedTransform, Sample
from retinue.data.batches import change_tensors, collate, describe_sample, strip_kinds
from retinue.data.keys import Purpose, derive_key, derive_sample_keys, preserve_generators, seed_generators
from retinue.data.sampling import SampleKey
from retinue.errors import DataError, RetinueError
from retinue.plugins.registration import import_local_files, list_local_files

Transform = Callable[[Sample], Sample]


class TransformError(DataError):
    """A transform fails, on a sample that could be read."""


class Preparation:
    """The transforms of one section of the data, each with the name that messages give it."""

    def __init__(self, transforms: Sequence[tuple[str, Transform]] = ()) -> None:
        self.transforms = list(transforms)

    @property
    def unkeyed(self) -> list[str]:
        """Names of the transforms that draw from the global generators, and act on single samples only."""
        return [name for name, transform in self.transforms if not isinstance(transform, KeyedTransform)]

    @property
    def fixing(self) -> str | None:
        """Name of the first transform after which pictures have one size."""
        count = self._count_until_fixed()
        return None if count is None else self.transforms[count - 1][0]

    def _count_until_fixed(self) -> int | None:
        kinds = enumerate((kind for _, kind in self.transforms), start=1)
        return next((n for n, kind in kinds if isinstance(kind, KeyedTransform) and kind.fixes_size), None)

    def explain_unkeyed(self) -> str:
        """Say why whole batches cannot go through."""
        return f"there is no batch form of {', '.join(self.unkeyed)}"

    def part(self) -> tuple[Preparation, Preparation]:
        """Return the transforms that see samples one by one, up to that which gives them one size, and those after
        it, which may see whole batches: all of them are keyed."""
        kinds = enumerate((kind for _, kind in self.transforms), start=1)
        unkeyed = (n for n, kind in kinds if not isinstance(kind, KeyedTransform))
        end = max(self._count_until_fixed() or len(self.transforms), *unkeyed, 0)
        return Preparation(self.transforms[:end]), Preparation(self.transforms[end:])

    def __call__(self, sample: Sample, draws: Draws | None = None) -> Sample:
        """Apply them in order, the keyed ones with `draws` where there are any.

        Raises:
            TransformError: one of them fails; says which, and on what.
        """
        for name, transform in self.transforms:
            if draws is not None and isinstance(transform, KeyedTransform):
                transform = partial(transform.transform, draws=draws)
            sample = _apply(name, transform, sample)
        return sample

    def find_dropped(self, sample: Sample) -> dict[str, str]:
        """Return the keys that a sample has and loses on its way, each with the name of the transform that drops it."""
        dropped: dict[str, str] = {}
        for name, transform in self.transforms:
            before = set(sample)
            sample = _apply(name, transform, sample)
            dropped |= dict.fromkeys(before - set(sample), name)
        return dropped

    def prepare_batch(self, batch: Batch, draws: Draws) -> Batch:
        """Apply them to a batch; all must be keyed.

        Raises:
            TransformError: one of them fails; says which, and on what.
        """
        for name, transform in self.transforms:
            assert isinstance(transform, KeyedTransform)
            batch = _apply(name, partial(transform.transform_batch, draws=draws), batch)
        return batch


def _apply(name: str, transform: Transform, sample: Sample) -> Sample:
    try:
        return transform(sample)
    except DataError as error:
        raise TransformError(*error.args) from error
    except RetinueError:
        raise
    except Exception as error:
        raise TransformError(
            f'transform "{name}" failed on {describe_sample(sample)}: {type(error).__name__}: {error}'
        ) from error


class PreparedSamples(torch.utils.data.Dataset[Any]):
    """Batches of prepared samples by their keys; what each becomes depends on seed, epoch and index alone."""

    def __init__(
        self,
        dataset: Dataset,
        preparation: Preparation,
        seed: int,
        skips: bool = False,
        late: bool = False,
        gathers: bool = False,
    ) -> None:
        """Make them.

        Args:
            skips: whether samples that cannot be read are left out of their batches.
            late: whether transforms that may see whole batches are left to `finish`.
            gathers: whether samples become a batch before all transforms, which are keyed, where their pictures have
                one size.
        """
        self.dataset = dataset
        self.preparation = preparation
        self.seed = seed
        self.skips = skips
        self.late = late
        self.gathers = gathers
        self._single, self._whole = preparation.part()

    def __getstate__(self) -> dict[str, Any]:
        """A worker that is spawned knows nothing of local plug-ins; one that is forked unpickles nothing."""
        return {"local": list_local_files(), "packed": pickle.dumps(self.__dict__)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import_local_files(state["local"])
        self.__dict__.update(pickle.loads(state["packed"]))

    def __getitem__(self, key: SampleKey) -> Sample:
        self._seed(key)
        return self.preparation(self.dataset[key[1]], self._draw(key))

    def _seed(self, key: SampleKey) -> None:
        if self.preparation.unkeyed:
            seed_generators(derive_key(Purpose.SAMPLE, self.seed, *key))

    def _draw(self, key: SampleKey) -> Draws:
        epoch, index = key
        return Draws(derive_sample_keys(self.seed, epoch, [index]))

    def __getitems__(self, keys: Iterable[SampleKey]) -> PreparedBatch | RetinueError:
        """Return a batch, or the error that a worker process could not raise without its traceback."""
        # The generators are the process's: threads leave them alone.
        with preserve_generators() if self.preparation.unkeyed else nullcontext():
            try:
                prepared = self._prepare(keys)
                return prepared if self.late else self.finish(prepared)
            except RetinueError as error:
                return error

    def finish(self, prepared: PreparedBatch) -> PreparedBatch:
        """Apply the transforms that may see whole batches, where its tensors are.

        Raises:
            DataError: one of them fails; names the sample, where it fails on that alone.
        """
        whole = self.preparation if prepared.gathered else self._whole
        if not whole.transforms:
            return prepared
        try:
            batch = whole.prepare_batch(prepared.restore(), Draws.join(prepared.draws))
        except DataError:
            for key in prepared.keys:
                self[key]
            raise
        return replace(prepared, batch=strip_kinds(batch))

    def _prepare(self, keys: Iterable[SampleKey]) -> PreparedBatch:
        unreadable: list[str] = []
        found: Iterable[tuple[SampleKey, Sample]] = self._read(keys, unreadable)
        if self.gathers:
            found = list(found)
            if len({sample["image"].shape for _, sample in found}) == 1:
                return self._gather(found, unreadable)
        samples: list[Sample] = []
        read: list[SampleKey] = []
        draws: list[Draws] = []
        for key, sample in found:
            self._seed(key)
            read.append(key)
            draws.append(self._draw(key))
            samples.append(self._single(sample, draws[-1]))
        if not samples:
            raise DataError(f"no sample of a batch can be read: {unreadable[0]}")
        return PreparedBatch(collate(samples), unreadable, read, draws, _find_kinds(samples[0]))

    def _gather(self, found: list[tuple[SampleKey, Sample]], unreadable: list[str]) -> PreparedBatch:
        read, samples = [key for key, _ in found], [sample for _, sample in found]
        draws = Draws(derive_sample_keys(self.seed, read[0][0], [index for _, index in read]))
        return PreparedBatch(collate(samples), unreadable, read, [draws], _find_kinds(samples[0]), gathered=True)

    def _read(self, keys: Iterable[SampleKey], unreadable: list[str]) -> Iterator[tuple[SampleKey, Sample]]:
        """Yield the samples that can be read, and tell why others cannot."""
        for key in keys:
            try:
                yield key, self.dataset[key[1]]
            except TransformError:
                raise
            except DataError as error:
                if not self.skips:
                    error.add_note('data.unreadable = "skip" leaves out samples that cannot be read, and counts them')
                    raise
                unreadable.append(str(error))


@dataclass(frozen=True)
class PreparedBatch:
    """A batch of samples.

    Attributes:
        batch: plain tensors.
        unreadable: why samples are missing in it.
        keys: of those that are there.
        draws: what each goes on to draw.
        kinds: what the tensors were in the samples.
        gathered: whether no transform has acted yet.
    """

    batch: Batch
    unreadable: list[str]
    keys: list[SampleKey]
    draws: list[Draws]
    kinds: dict[str, type[tv_tensors.TVTensor]]
    gathered: bool = False

    def restore(self) -> Batch:
        """Return the batch with its tensors of the kinds that they were."""
        items = self.batch.items()
        return {key: value.as_subclass(self.kinds[key]) if key in self.kinds else value for key, value in items}

    def pin_memory(self) -> PreparedBatch:
        """Return it where a GPU takes it from without waiting; torch's DataLoader asks for it by this name."""
        return replace(self, batch=change_tensors(self.batch, Tensor.pin_memory))


def _find_kinds(sample: Sample) -> dict[str, type[tv_tensors.TVTensor]]:
    return {key: type(value) for key, value in sample.items() if isinstance(value, tv_tensors.TVTensor)}
