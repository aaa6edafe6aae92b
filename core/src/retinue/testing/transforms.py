"""Rules for transforms of samples and of batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, BatchTransform, Draws, KeyedTransform, Sample
from retinue.data.batches import change_tensors, collate
from retinue.data.keys import preserve_generators, seed_generators
from retinue.testing.alignment import compare
from retinue.testing.case import Case
from retinue.testing.inputs import COUNT, draw_photo, draw_pictures, draw_scene
from retinue.testing.processes import run_elsewhere
from retinue.testing.rule import NotApplicable, require, rule
from retinue.testing.subject import Subject

KEYS = range(8)
MARGIN, LEAST = 0.1, 0.5
"""How much more of a picture another mask may explain, as warped pixels lie between two colours; and what masks that
were moved explain on the average."""

MISALIGNED = (
    "picture and mask do not show the same areas any more: draw once and move both by it, as torchvision.transforms.v2 "
    "does with tv_tensors"
)

FLOATS = (torch.float16, torch.float32)


def draw(transform: Callable[[Any], Any], given: Any, key: int) -> Any:
    """Apply a transform under a key."""
    with preserve_generators():
        seed_generators(key)
        return transform(given)


def make_input(transform: Any, case: Case) -> Sample | Batch:
    """Return what the transform takes: a sample, or a batch."""
    if not isinstance(transform, BatchTransform):
        photo = draw_photo(case)
        return photo if case.masks else {key: value for key, value in photo.items() if key != "mask"}
    label = torch.arange(COUNT) % case.classes
    return {"image": draw_pictures(case), "label": label, "path": [f"{number}.png" for number in range(COUNT)]}


def same(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)


@rule("transform")
def gives_a_valid_sample(subject: Subject) -> None:
    """What comes out is what the next transform or the model can take."""
    transform = subject.build()
    given = make_input(transform, subject.case)
    for key in KEYS:
        result = draw(transform, given, key)
        require(isinstance(result, dict), f"return a sample, a dict, not {type(result).__name__}")
        lost = sorted(set(given) - set(result))
        require(not lost, f"{', '.join(lost)} is lost: return {{**sample, ...}}, every key with it")
        require(result["path"] == given["path"], "leave `path` as it is: messages name files by it")
        _check_picture(subject, result["image"], given["image"])
        if "mask" in given:
            _check_mask(subject, result, given)


def _check_picture(subject: Subject, image: Any, before: Tensor) -> None:
    require(
        isinstance(image, Tensor) and image.ndim == before.ndim and image.shape[-3] in (1, 3),
        f"`image` must stay a tensor of {'N x ' * (before.ndim - 3)}C x H x W with 1 or 3 channels",
    )
    if before.dtype == torch.uint8:
        require(
            isinstance(image, tv_tensors.Image),
            "`image` is a tv_tensors.Image no more, and later transforms pass it by: wrap it again with "
            "tv_tensors.wrap(image, like=before)",
        )
    require(
        image.dtype in (torch.uint8, *FLOATS),
        f"`image` is {image.dtype}: give uint8, or float32 in place of it",
    )
    require(bool(image.isfinite().all()), "`image` has values that are not finite")


def _check_mask(subject: Subject, result: Sample, given: Sample) -> None:
    mask = result["mask"]
    require(
        mask.dtype == given["mask"].dtype and mask.shape == result["image"].shape[-2:],
        f"the mask is {mask.dtype} {list(mask.shape)} and the picture {list(result['image'].shape)}: "
        "resize, crop and pad both, and keep the mask's type",
    )
    known = {*given["mask"].unique().tolist(), 0, subject.case.ignore_index}
    new = sorted(set(mask.unique().tolist()) - known)
    require(
        not new,
        f"the mask has the labels {new[:8]}, which it had not before: take the nearest pixel's label, "
        "never one between two, and fill with `ignore_index` or 0",
    )


@rule("transform")
def same_key_same_sample(subject: Subject) -> None:
    """The generators that are seeded before each sample are all that it draws from."""
    transform = subject.build()
    given = make_input(transform, subject.case)
    first = [draw(transform, given, key) for key in KEYS]
    # In another order, and built anew: neither what it drew before nor what it was built with may matter.
    anew = subject.build(key=1)
    second = [draw(anew, given, key) for key in reversed(KEYS)][::-1]
    require(
        all(same(one, other) for one, other in zip(first, second, strict=True)),
        "one key gives two samples: draw from torch's, NumPy's or Python's own generators, which are "
        "seeded before each sample, and keep no generator or counter",
    )


@rule("transform")
def other_key_other_sample(subject: Subject) -> None:
    """A random transform gives different samples, a fixed one never."""
    transform = subject.build()
    given = make_input(transform, subject.case)
    results = [draw(transform, given, key) for key in KEYS]
    differ = any(not same(results[0], other) for other in results)
    if subject.case.fixed:
        require(not differ, "it draws something: leave `fixed` out of the case")
        return
    require(
        differ,
        f"{len(results)} keys give one sample: draw from torch's, NumPy's or Python's own generators "
        "without seeding them; of a transform that draws nothing say Case(..., fixed=True), and give one that acts "
        "seldom or not by default parameters by which it does",
    )


@rule("transform")
def leaves_its_input_alone(subject: Subject) -> None:
    """A data set in memory gives the same tensors again."""
    transform = subject.build()
    given = make_input(transform, subject.case)
    before = change_tensors(given, Tensor.clone)
    for key in KEYS:
        draw(transform, given, key)
        changed = [name for name in before if not _equal(before[name], given.get(name))]
        require(
            not changed and given.keys() == before.keys(),
            f"it writes into its input ({', '.join(changed) or 'keys'}), and the data set in memory is "
            "another from then on: clone() first, and return a new dict",
        )


@rule("transform")
def picture_and_mask_stay_aligned(subject: Subject) -> None:
    """Whatever moves the picture moves the mask."""
    transform = subject.build()
    if isinstance(transform, BatchTransform):
        raise NotApplicable("a transform of batches")
    if not subject.case.masks:
        raise NotApplicable("the case says that it takes no masks")
    given, moved = draw_scene(subject.case), []
    for key in KEYS:
        result = draw(transform, given, key)
        found, better = compare(result["image"], result["mask"], given["mask"])
        require(better <= MARGIN, f"{MISALIGNED} (under key {key} the mask, moved, would tell {better:.0%} more of it)")
        if not _equal(result["mask"], given["mask"]):
            moved.append(found)
    told = sum(moved) / max(len(moved), 1)
    require(not moved or told >= LEAST, f"{MISALIGNED} (masks tell {told:.0%} of the pictures)")


@rule("transform")
def forms_agree(subject: Subject) -> None:
    """The two forms of a keyed transform give equal samples from equal draws, and draw as often."""
    transform = subject.build()
    if not isinstance(transform, KeyedTransform):
        raise NotApplicable("no keyed transform")
    samples, keys = _vary(make_input(transform, subject.case)), np.arange(COUNT, dtype=np.uint64)
    together = Draws(keys)
    batch = transform.transform_batch(stack(samples), together)
    for number, (sample, follows) in enumerate(zip(samples, together.uniform().tolist(), strict=True)):
        alone = Draws(keys[number : number + 1])
        result = transform.transform(sample, alone)
        require(result.keys() == batch.keys(), "transform and transform_batch give other keys")
        for key, value in result.items():
            require(
                _near(value, batch[key][number]),
                f"transform and transform_batch give another `{key}` from equal draws: draw from `draws` alone, one "
                "number for each sample at each call",
            )
        require(
            float(alone.uniform()) == follows,
            "transform and transform_batch draw another number of times: call `draws` as often whatever it gives",
        )


@rule("transform")
def draws_nothing_if_it_says_so(subject: Subject) -> None:
    """What says `random = False` may act once for all epochs."""
    transform = subject.build()
    if not isinstance(transform, KeyedTransform) or transform.random:
        raise NotApplicable("no keyed transform with `random = False`")
    given = make_input(transform, subject.case)
    first, *others = [
        draw(partial(transform.transform, draws=Draws(np.array([key], dtype=np.uint64))), given, key) for key in KEYS
    ]
    require(
        all(same(first, other) for other in others),
        "it says `random = False`, and another key gives another sample: leave `random` out, or draw nothing",
    )


def _vary(given: Sample) -> list[Sample]:
    """Return other pictures of that kind, whose masks are moved alike."""
    return [
        {
            key: tv_tensors.wrap(value.roll(3 * number, -1), like=value) if isinstance(value, Tensor) else value
            for key, value in given.items()
        }
        for number in range(COUNT)
    ]


def stack(samples: list[Sample]) -> Batch:
    """Return samples as a keyed transform gets them: in tv_tensors."""
    batch = collate(samples)
    return {
        key: tv_tensors.wrap(value, like=samples[0][key]) if isinstance(samples[0][key], Tensor) else value
        for key, value in batch.items()
    }


def _near(one: Any, other: Any) -> bool:
    """Compare pictures up to rounding: of interpolated bytes by one level."""
    if not isinstance(one, Tensor):
        return bool(one == other)
    if one.dtype != other.dtype or one.shape != other.shape or isinstance(one, tv_tensors.Mask):
        return _equal(one, other.as_subclass(type(one)))
    return torch.allclose(one.double(), other.double(), atol=1 if one.dtype == torch.uint8 else 1e-5)


@rule("transform")
def same_in_a_worker(subject: Subject) -> None:
    """Pickled into a process that was spawned, it gives the same sample."""
    transform = subject.build()
    if isinstance(transform, BatchTransform):
        raise NotApplicable("batches are transformed in the main process")
    given = make_input(transform, subject.case)
    result = run_elsewhere(draw, transform, given, 5, local=subject.registry.file.local_files())
    require(
        same(result, draw(transform, given, 5)),
        "in a worker process it gives another sample: keep everything that shapes it on the object",
    )
