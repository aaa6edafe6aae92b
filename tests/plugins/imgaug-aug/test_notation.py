"""Numbers, ranges, choices and tables: what they mean, in every parameter that takes them."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torchvision import tv_tensors

from retinue.api import Sample
from retinue.errors import SpecError
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec
from retinue_imgaug_aug import factories
from retinue_imgaug_aug.catalog import CATALOG

# The plug-in silences these itself; pytest puts its own filters in their place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imageio"),
]

PAIRS = ((1, 3), (0.1, 0.3), (3, 5), (1500, 5000))
CHOOSES_NOT = {"crop", "pad", "crop-and-pad"}
"""Those whose borders take a choice only one by one."""


def accepts(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


def find_forms(name: str) -> Iterator[tuple[str, Any]]:
    """Yield every parameter that can be drawn as a number, as a range and as a choice, and all words that it takes."""
    for key, parameter in inspect.signature(getattr(factories, name.replace("-", "_"))).parameters.items():
        adapter: TypeAdapter[Any] = TypeAdapter(parameter.annotation)
        default = [parameter.default] if isinstance(parameter.default, tuple) else []
        for low, high in [*default, *PAIRS]:
            if accepts(adapter, [low, high]) and accepts(adapter, low):
                assert name in CHOOSES_NOT or accepts(adapter, {"choice": [low, high]})
                yield from ((key, low), (key, [low, high]))
                yield from [(key, {"choice": [high, low]})] * (name not in CHOOSES_NOT)
                break
        yield from ((key, word) for word in find_words(parameter.annotation) if (name, key) != ("resize", "size"))


def find_words(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    inner = (part for part in get_args(annotation) if not isinstance(part, str | int))
    return list(dict.fromkeys(word for part in inner for word in find_words(part)))


def test_every_form_of_every_parameter_runs(build: Any, needed: Any, street: Sample) -> None:
    small = street | {"image": street["image"][:, :40, :48], "mask": street["mask"][:40, :48]}
    forms = [(name, key, value) for name in CATALOG for key, value in find_forms(name)]
    assert len(forms) > 1000
    transforms = build(
        *({"use": f"imgaug-aug/{name}", **needed.get(name, {}), key: value} for name, key, value in forms),
        ignore_index=255,
    )
    for (name, key, value), transform in zip(forms, transforms, strict=True):
        torch.manual_seed(len(name))
        after = transform(small)
        assert after["image"].dtype == torch.uint8, (name, key, value)
        assert after["mask"].shape == after["image"].shape[1:], (name, key, value)


def grey(value: int, height: int = 9, width: int = 9) -> Sample:
    return {"image": tv_tensors.Image(torch.full((1, height, width), value, dtype=torch.uint8))}


def values(transform: Any, draws: int = 60) -> set[int]:
    """Return what a picture of value 100 turns to."""
    found = set()
    for seed in range(draws):
        torch.manual_seed(seed)
        found |= set(transform(grey(100))["image"].unique().tolist())
    return found


def test_two_numbers_are_a_range_and_a_choice_says_so(build: Any) -> None:
    ranged, chosen, fixed = build(
        {"use": "imgaug-aug/add", "value": [10, 20]},
        {"use": "imgaug-aug/add", "value": {"choice": [10, 20]}},
        {"use": "imgaug-aug/add", "value": 7},
    )
    assert values(fixed) == {107}
    assert values(chosen) == {110, 120}
    assert min(values(ranged)) in (109, 110, 111)
    assert max(values(ranged)) in (119, 120)
    assert len(values(ranged)) > 6


@pytest.mark.parametrize(
    ("table", "sides"),
    [({"k": {"choice": [1, 7]}}, {1, 49}), ({"k": 3}, {9}), ({"k": [3, 4]}, {9, 16})],
)
def test_choices_of_two_stay_choices_where_imgaug_reads_a_range(
    build: Any, table: dict[str, Any], sides: set[int]
) -> None:
    (blur,) = build({"use": "imgaug-aug/average-blur", **table})
    dot = {"image": tv_tensors.Image(torch.zeros(1, 15, 15, dtype=torch.uint8))}
    dot["image"][0, 7, 7] = 255
    found = set()
    for seed in range(40):
        torch.manual_seed(seed)
        found.add(int((blur(dot)["image"] > 0).sum()))
    assert found == sides


def test_a_number_of_cells_is_chosen_too(build: Any) -> None:
    (salt,) = build({"use": "imgaug-aug/coarse-salt", "p": 0.5, "size_px": {"choice": [2, 8]}, "min_size": 1})
    found = set()
    for seed in range(40):
        torch.manual_seed(seed)
        image = salt(grey(0, 8, 8))["image"][0].numpy()
        found.add(int((np.diff(image.astype(int), axis=1) != 0).any(0).sum()))
    # Two cells change colour once at most, eight cells more often; three to seven would be a range.
    assert found <= {0, 1, 4, 5, 6, 7}
    assert found & {5, 6, 7}


def test_how_many_of_several(build: Any) -> None:
    children = [{"use": "imgaug-aug/add", "value": value} for value in (1, 2, 4)]
    two, up_to_one, none_or_all, everything = build(
        {"use": "imgaug-aug/some-of", "n": 2, "children": children},
        {"use": "imgaug-aug/some-of", "n": [0, 1], "children": children},
        {"use": "imgaug-aug/some-of", "n": {"choice": [0, 3]}, "children": children},
        {"use": "imgaug-aug/some-of", "children": children},
    )
    assert values(two) == {103, 105, 106}
    assert values(up_to_one) == {100, 101, 102, 104}
    assert values(none_or_all) == {100, 107}
    assert values(everything) == {107}


def test_each_axis_by_itself(build: Any) -> None:
    right, both = build(
        {"use": "imgaug-aug/affine", "translate_px": {"x": 2}, "order": 0},
        {"use": "imgaug-aug/affine", "translate_px": 2, "order": 0},
    )
    image = right(grey(100))["image"][0]
    assert not image[:, :2].any()
    assert (image[:, 2:] == 100).all()
    image = both(grey(100))["image"][0]
    assert not image[:2].any()
    assert not image[:, :2].any()
    assert (image[2:, 2:] == 100).all()


def test_each_border_by_itself(build: Any) -> None:
    (pad,) = build(
        {"use": "imgaug-aug/pad", "px": [1, [2, 3], {"choice": [4, 6]}, 0], "pad_cval": 9, "keep_size": False}
    )
    shapes = set()
    for seed in range(60):
        torch.manual_seed(seed)
        image = pad(grey(100))["image"][0]
        shapes.add(tuple(image.shape))
        assert (image[0] == 9).all()
        assert (image[1:10, :9] == 100).all()
        assert (image[10:] == 9).all()
    assert shapes == set(itertools.product((14, 16), (11, 12)))


def test_places(build: Any) -> None:
    corner, point = build(
        {"use": "imgaug-aug/crop-to-fixed-size", "width": 4, "height": 4, "position": "left-top"},
        {"use": "imgaug-aug/crop-to-fixed-size", "width": 4, "height": 9, "position": {"x": [0, 1], "y": 0.5}},
    )
    image = tv_tensors.Image(torch.arange(9, dtype=torch.uint8).expand(1, 9, 9).contiguous())
    assert corner({"image": image})["image"].shape == (1, 4, 4)
    starts = set()
    for seed in range(60):
        torch.manual_seed(seed)
        starts.add(int(point({"image": image})["image"][0, 0, 0]))
    assert starts == set(range(5))


@pytest.mark.parametrize(
    ("size", "height", "width"),
    [
        (20, 20, 20),
        (0.5, 20, 30),
        ({"height": 20}, 20, 60),
        ({"height": 20, "width": "keep-aspect-ratio"}, 20, 30),
        ({"shorter_side": 10, "longer_side": "keep-aspect-ratio"}, 10, 15),
        ({"width": 0.5}, 40, 30),
        ({"choice": [16, 16]}, 16, 16),
        ({"choice": [0.25, 0.25]}, 10, 15),
    ],
)
def test_sizes(build: Any, size: Any, height: int, width: int) -> None:
    (resize,) = build({"use": "imgaug-aug/resize", "size": size})
    assert resize(grey(1, 40, 60))["image"].shape == (1, height, width)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('{ use = "imgaug-aug/fliplr", q = 0.5 }', 'unknown key "q"'),
        ('{ use = "imgaug-aug/fliprl" }', "no transform named"),
        ('{ use = "imgaug-aug/fliplr", p = 1.5 }', "at least 0 and at most 1 is needed, this is 1.5"),
        ('{ use = "imgaug-aug/fliplr", p = [0.1, 0.2] }', "a number is needed, this is a list of 2"),
        ('{ use = "imgaug-aug/affine", scale = -1 }', "more than 0 is needed, this is -1"),
        ('{ use = "imgaug-aug/affine", scale = [1.2, 0.8] }', "the lower end of a range comes first"),
        ('{ use = "imgaug-aug/affine", rotate = [1, 2, 3] }', "a list of at most 2 is needed, this is a list of 3"),
        ('{ use = "imgaug-aug/affine", rotate = { choise = [0, 90] } }', 'did you mean "choice"'),
        ('{ use = "imgaug-aug/affine", scale = { x = "wide" } }', 'a number is needed, this is "wide"'),
        ('{ use = "imgaug-aug/affine", mode = "edg" }', 'did you mean "edge"'),
        ('{ use = "imgaug-aug/affine", translate_px = 1.5 }', "a whole number is needed, this is 1.5"),
        ('{ use = "imgaug-aug/add-to-hue", value = { choice = [] } }', "a list of at least 1 is needed"),
        (
            '{ use = "imgaug-aug/add-to-hue", value = { choice = [10, 400] } }',
            "at least -255 and at most 255 is needed, this is 400",
        ),
        ('{ use = "imgaug-aug/resize", size = { heigth = 20 } }', 'did you mean "height"'),
        ('{ use = "imgaug-aug/median-blur", k = 4 }', "odd numbers are needed, 4 is even"),
        ('{ use = "imgaug-aug/convolve", matrix = [[1, 2], [3]] }', "the rows of a matrix have equal lengths"),
        ('{ use = "imgaug-aug/sequential", children = [] }', "a list of at least 1 is needed"),
        ('{ use = "imgaug-aug/some-of", n = 1 }', 'needs "children"'),
    ],
)
def test_mistakes_are_told_where_they_are(tmp_path: Path, table: str, message: str) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(f"""spec = 1
[data.train]
use = "fake"
transforms = [
  {table},
]
[model]
use = "mlp"
[optimizer]
use = "sgd"
lr = 0.1
[train]
epochs = 1
""")
    with pytest.raises(SpecError) as caught:
        make_plan(load_spec(file), Registry(RegistryFile(None)))
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert problem.position is not None
    assert problem.position.line == 5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"use": "imgaug-aug/crop", "px": 1, "percent": 0.1}, "Can only pad by pixels or percent, not both"),
        ({"use": "imgaug-aug/blend-alpha"}, "at least one Augmenter"),
        ({"use": "imgaug-aug/affine", "order": 4, "backend": "cv2"}, "cv2 backend can only handle order 0, 1 or 3"),
    ],
)
def test_what_imgaug_refuses_points_at_the_spec(build: Any, table: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"{table['use']}.* cannot be built: .*{message}"):
        build(table)
