"""imgaug 0.4.0 on today's NumPy, OpenCV and scikit-image. All of imgaug is imported from here.

Upstream stopped in 2020. What it lacks since, or always did, is mended below, each with its reason. Pickles name
classes of modules that import this one, so the mending comes before anything of imgaug is unpickled.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@contextmanager
def _removed_names() -> Iterator[None]:
    """Importing imgaug reads np.sctypes, which NumPy 2 removed."""
    if hasattr(np, "sctypes"):
        yield
        return
    kinds = {"float": (16, 32, 64), "int": (8, 16, 32, 64), "uint": (8, 16, 32, 64)}
    np.sctypes = {  # type: ignore[attr-defined]
        kind: [np.dtype(f"{kind}{bits}").type for bits in sizes] for kind, sizes in kinds.items()
    }
    try:
        yield
    finally:
        del np.sctypes  # type: ignore[attr-defined]


def load(name: str) -> Any:
    """Import a module of imgaug."""
    with _removed_names():
        return importlib.import_module(f"imgaug.{name}")


color = load("augmenters.color")
geometric = load("augmenters.geometric")
pillike = load("augmenters.pillike")
meta = load("augmenters.meta")
parameters = load("parameters")
RNG = load("random").RNG
SegmentationMapsOnImage = load("augmentables.segmaps").SegmentationMapsOnImage

VOID_ATTRIBUTES = (
    "_cval_segmentation_maps",
    "_pad_cval_segmentation_maps",
    "_segmentation_maps_cval",
    # PadToFixedSize pads masks with what is meant for heatmaps.
    "_pad_cval_heatmaps",
)
"""Where augmenters keep the label of what they bring in; upstream's is 0 throughout, the first class."""


class _Amended:
    """A module with some names of its own."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        self._module = module
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


# Frequency noise names np.complex, which NumPy 1.24 removed.
parameters.np = _Amended(np, complex=complex)
# Scaled by OpenCV's plain nearest, a mask is up to half a pixel away from its picture.
load("imgaug").cv2 = _Amended(cv2, INTER_NEAREST=cv2.INTER_NEAREST_EXACT)
# Made with the first augmenter, and missing where one comes out of a pickle.
color.AddToHueAndSaturation._LUT_CACHE = color.AddToHueAndSaturation._generate_lut_table()

_generate_shift_maps = geometric.ElasticTransformation._generate_shift_maps


def _generate_narrow_shift_maps(
    shape: tuple[int, ...], alpha: float, sigma: float, random_state: Any
) -> tuple[NDArray[np.float32], ...]:
    """Return them in float32: OpenCV refuses the float64 that comes of some forms of alpha."""
    return tuple(shift.astype(np.float32) for shift in _generate_shift_maps(shape, alpha, sigma, random_state))


geometric.ElasticTransformation._generate_shift_maps = staticmethod(_generate_narrow_shift_maps)

_autocontrast = pillike.autocontrast


def _autocontrast_by_number(image: NDArray[np.uint8], cutoff: Any = 0, ignore: Any = None) -> Any:
    """Pillow wants the cut-off as a number, Autocontrast hands on an array with one."""
    return _autocontrast(image, np.asarray(cutoff).item(), ignore)


pillike.autocontrast = _autocontrast_by_number


def _lift_labels(labels: NDArray[np.int32], void: int) -> NDArray[np.int32]:
    """Make room at 0 for what is filled with 0, and put void there."""
    return np.where(labels == void, 0, labels + 1).astype(np.int32)


def _lower_labels(labels: NDArray[np.int32], void: int) -> NDArray[np.int32]:
    return np.where(labels == 0, void, labels - 1).astype(np.int32)


def _each(change: Callable[[Any, int], Any], maps: list[Any], augmenter: Any) -> list[Any]:
    for each in maps:
        each.arr = change(each.arr, augmenter._cval_segmentation_maps)
    return maps


_polar = geometric.WithPolarWarping
_warp_masks, _unwarp_masks = _polar._warp_segmentation_maps_, _polar._invert_warp_segmentation_maps_


def _warp_masks_with_void(self: Any, maps: list[Any]) -> Any:
    """What lies outside the picture in polar coordinates is void; upstream, it is the first class."""
    _each(_lift_labels, maps, self)
    maps, inverse = _warp_masks(maps)
    return _each(_lower_labels, maps, self), inverse


def _unwarp_masks_with_void(self: Any, maps: list[Any], inverse: Any) -> Any:
    _each(_lift_labels, maps, self)
    return _each(_lower_labels, _unwarp_masks(maps, inverse), self)


_polar._cval_segmentation_maps = 0
_polar._warp_segmentation_maps_ = _warp_masks_with_void
_polar._invert_warp_segmentation_maps_ = _unwarp_masks_with_void

_jigsaw = geometric.Jigsaw
_cut_and_swap = _jigsaw._augment_batch_


def _cut_and_swap_with_masks(self: Any, batch: Any, random_state: Any, parents: Any, hooks: Any) -> Any:
    """The mask grows with the picture, and what is added is void; upstream scales it back to the size from before."""
    _each(_lift_labels, batch.segmentation_maps or [], self)
    batch = _cut_and_swap(self, batch, random_state, parents, hooks)
    _each(_lower_labels, batch.segmentation_maps or [], self)
    return batch


def _keep_size(batch: Any, shapes: Any) -> Any:
    return batch


_jigsaw._cval_segmentation_maps = 0
_jigsaw._augment_batch_ = _cut_and_swap_with_masks
_jigsaw._invert_resize_maps = staticmethod(_keep_size)


_warp_affine = pillike.warp_affine


def _warp_affine_any_channels(image: NDArray[np.uint8], *, fillcolor: Any, **values: Any) -> Any:
    """Pillow refuses three values for the one channel of a grey picture, which Affine hands on for all."""
    return _warp_affine(image, fillcolor=fillcolor[: image.shape[2]], **values)


def _warp_masks_as_pillow(self: Any, maps: list[Any], samples: Any, *_: Any) -> list[Any]:
    """Upstream's affine transformation by Pillow refuses masks, and with it RandAugment."""
    for row, each in enumerate(maps):
        values = samples.get_affine_parameters(row, arr_shape=each.arr.shape, image_shape=each.shape)
        # Pillow takes the nearest pixel, so labels survive as the bytes of three channels.
        warped = pillike.warp_affine(
            _split_bytes(each.arr[..., 0]),
            **{key: value for key, value in values.items() if not key.endswith("_rad")},
            fillcolor=tuple(_split_bytes(np.int32(self._cval_segmentation_maps))),
            center=(samples.center_x[row], samples.center_y[row]),
        )
        each.arr = (warped.astype(np.int32) << [0, 8, 16]).sum(-1, keepdims=True, dtype=np.int32)
    return maps


def _split_bytes(labels: Any) -> NDArray[np.uint8]:
    return np.stack([labels & 255, labels >> 8 & 255, labels >> 16 & 255], -1).astype(np.uint8)


pillike.warp_affine = _warp_affine_any_channels
pillike.Affine._augment_batch_ = geometric.Affine._augment_batch_
pillike.Affine._augment_maps_by_samples = _warp_masks_as_pillow

# scikit-image warns of two methods that it will remove; the version that does is out of this plug-in's range.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"imgaug\.")
# Samples are prepared side by side, and threads that OpenCV started in a parent process hang in its children.
cv2.setNumThreads(0)
