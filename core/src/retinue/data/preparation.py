"""The transforms of a section of the data, in their order, on samples and on whole batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from retinue.api import Batch, Draws, KeyedTransform, Sample
from retinue.data.batches import describe_sample
from retinue.errors import DataError, RetinueError

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
