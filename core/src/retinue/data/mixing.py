"""Transforms of whole batches under their key."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.api import Batch, BatchTransform
from retinue.data.keys import Purpose, derive_key, seed_generators


def mix_batch(batch: Batch, transforms: Sequence[BatchTransform], seed: int, epoch: int, number: int) -> Batch:
    """Return batch `number` of an epoch after its transforms; what is random in them depends on the key alone."""
    if transforms:
        seed_generators(derive_key(Purpose.MIXING, seed, epoch, number))
    for transform in transforms:
        batch = transform(batch)
    return batch
