"""From a data set's samples to prepared ones: transforms under keys, and batches of what comes out."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import default_collate

from retinue.api import Batch, Dataset, Sample
from retinue.data.keys import Purpose, derive_key, preserve_generators, seed_generators
from retinue.data.sampling import SampleKey
from retinue.errors import DataError, RetinueError
from retinue.plugins.registration import import_local_files, list_local_files

Transform = Callable[[Sample], Sample]


class Preparation:
    """The transforms of one section of the data, each with the name that messages give it."""

    def __init__(self, transforms: Sequence[tuple[str, Transform]] = ()) -> None:
        self.transforms = list(transforms)

    def __call__(self, sample: Sample) -> Sample:
        """Apply them in order.

        Raises:
            DataError: one of them fails; says which, and on what.
        """
        for name, transform in self.transforms:
            try:
                sample = transform(sample)
            except RetinueError:
                raise
            except Exception as error:
                raise DataError(
                    f'transform "{name}" failed on {describe_sample(sample)}: {type(error).__name__}: {error}'
                ) from error
        return sample


class PreparedSamples(torch.utils.data.Dataset[Any]):
    """Batches of prepared samples by their keys; what each becomes depends on seed, epoch and index alone."""

    def __init__(self, dataset: Dataset, preparation: Preparation, seed: int, skips: bool = False) -> None:
        """Make them.

        Args:
            skips: whether samples that cannot be read are left out of their batches.
        """
        self.dataset = dataset
        self.preparation = preparation
        self.seed = seed
        self.skips = skips

    def __getstate__(self) -> dict[str, Any]:
        """A worker that is spawned knows nothing of local plug-ins; one that is forked unpickles nothing."""
        return {"local": list_local_files(), "packed": pickle.dumps(self.__dict__)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import_local_files(state["local"])
        self.__dict__.update(pickle.loads(state["packed"]))

    def __getitem__(self, key: SampleKey) -> Sample:
        return self._transform(key, self.dataset[key[1]])

    def _transform(self, key: SampleKey, sample: Sample) -> Sample:
        seed_generators(derive_key(Purpose.SAMPLE, self.seed, *key))
        return self.preparation(sample)

    def __getitems__(self, keys: list[SampleKey]) -> PreparedBatch | RetinueError:
        """Return a batch, or the error that a worker process could not raise without its traceback."""
        with preserve_generators():
            try:
                return self._prepare(keys)
            except RetinueError as error:
                return error

    def _prepare(self, keys: list[SampleKey]) -> PreparedBatch:
        samples: list[Sample] = []
        unreadable: list[str] = []
        for key in keys:
            try:
                sample = self.dataset[key[1]]
            except DataError as error:
                if not self.skips:
                    error.add_note('data.unreadable = "skip" leaves out samples that cannot be read, and counts them')
                    raise
                unreadable.append(str(error))
            else:
                samples.append(self._transform(key, sample))
        if not samples:
            raise DataError(f"no sample of a batch can be read: {unreadable[0]}")
        return PreparedBatch(collate(samples), unreadable)


@dataclass(frozen=True)
class PreparedBatch:
    """A batch, and why samples are missing in it."""

    batch: Batch
    unreadable: list[str]


def collate(samples: list[Sample]) -> Batch:
    """Stack samples.

    Raises:
        DataError: their keys, types or sizes differ.
    """
    first = samples[0]
    for sample in samples:
        if sample.keys() != first.keys():
            raise DataError(
                f"{describe_sample(sample)} has {sorted(sample)}, {describe_sample(first)} has {sorted(first)}"
            )
        for key in first:
            _compare(key, first, sample)
    batch: Batch = default_collate(samples)
    return batch


def slice_batch(batch: Batch, start: int, end: int) -> Batch:
    """Return some samples of a batch."""
    return {key: value[start:end] for key, value in batch.items()}


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Return batches as one."""
    return {
        key: torch.cat([batch[key] for batch in batches])
        if isinstance(value, torch.Tensor)
        else [item for batch in batches for item in batch[key]]
        for key, value in batches[0].items()
    }


def _compare(key: str, first: Sample, sample: Sample) -> None:
    ours, theirs = _type_name(first[key]), _type_name(sample[key])
    if ours != theirs:
        # Stacking would make them one type in silence: bytes beside values in [0, 1].
        raise DataError(
            f"{key}s of a batch differ in type: {ours} of {describe_sample(first)}, {theirs} of "
            f"{describe_sample(sample)}; a transform that changes the type must act on every sample"
        )
    if isinstance(first[key], torch.Tensor) and first[key].shape != sample[key].shape:
        raise DataError(
            f"{key}s of a batch differ in size: {describe_sample(first)} and {describe_sample(sample)}; "
            "a transform that gives them one size is needed, such as resize or center-crop"
        )


def _type_name(value: Any) -> str:
    return str(value.dtype)[6:] if isinstance(value, torch.Tensor) else type(value).__name__


def describe_sample(sample: Sample) -> str:
    """Name a sample in a message: its file, and the size of its picture."""
    image = sample.get("image")
    size = f" ({' x '.join(map(str, image.shape))}, {str(image.dtype)[6:]})" if isinstance(image, torch.Tensor) else ""
    return f"{sample.get('path', 'a sample')}{size}"
