"""Samples of a data set, prepared under their keys, and batches of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, Dataset, Draws, Sample
from retinue.data.batches import change_tensors, collate, strip_kinds
from retinue.data.keys import Purpose, derive_key, derive_sample_keys, preserve_generators, seed_generators
from retinue.data.preparation import Preparation, TransformError
from retinue.data.sampling import SampleKey
from retinue.errors import DataError, RetinueError
from retinue.plugins.registration import import_local_files, list_local_files


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
