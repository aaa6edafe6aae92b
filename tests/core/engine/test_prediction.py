from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import v2

from retinue.api import Batch, DataInfo, Output, Sample, Task
from retinue.data.preparation import Preparation
from retinue.engine.prediction import BATCH, Predictor

CPU = torch.device("cpu")


class Look(Task):
    """Says what it sees: the mean of each channel, the size of the picture and of the batch."""

    default_loss = "mse"
    default_metrics: ClassVar = {}

    def forward(self, batch: Batch) -> Output:
        raise NotImplementedError

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        assert image.dtype == torch.float32
        assert not torch.is_grad_enabled()
        return [
            {"mean": picture.mean((1, 2)).tolist(), "size": tuple(picture.shape[1:]), "batch": len(image)}
            for picture in image
        ]


def predictor(
    channels: int = 3,
    size: tuple[int, int] | None = None,
    transforms: Any = (),
    prepared_size: tuple[int, int] | None = None,
) -> Predictor:
    task = Look(nn.Identity(), nn.Identity(), DataInfo())
    return Predictor(task, Preparation(transforms), channels, size, prepared_size, CPU)


def write(path: Path, size: tuple[int, int] = (4, 6), color: tuple[int, int, int] = (255, 51, 0)) -> Path:
    Image.new("RGB", (size[1], size[0]), color).save(path)
    return path


def see(found: Predictor, pictures: list[Any]) -> list[dict[str, Any]]:
    return list(found.predict(pictures))


def test_file_image_array_and_tensor_are_seen_alike(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    pictures = [path, str(path), Image.open(path), pixels, torch.from_numpy(pixels).permute(2, 0, 1)]
    answers = see(predictor(), pictures)
    assert answers[0]["size"] == (5, 7)
    assert answers[0]["mean"] == pytest.approx((pixels / 255).mean((0, 1)).tolist())
    assert answers == [answers[0]] * 5


def test_a_picture_of_another_size_is_brought_to_the_models(tmp_path: Path) -> None:
    pictures = [write(tmp_path / "one.png", (4, 6)), write(tmp_path / "two.png", (9, 8))]
    assert [answer["size"] for answer in see(predictor(prepared_size=(4, 6)), pictures)] == [(4, 6), (4, 6)]
    assert [answer["size"] for answer in see(predictor(), pictures)] == [(4, 6), (9, 8)]


def test_grey_pictures_too(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    answers = see(predictor(1), [path, Image.open(path), pixels, pixels[..., None], torch.from_numpy(pixels)[None]])
    assert answers == [answers[0]] * 5


def test_a_turned_photograph_is_turned_however_it_comes(tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (6, 4)), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    answers = see(predictor(), [tmp_path / "turned.jpg", Image.open(tmp_path / "turned.jpg")])
    assert [answer["size"] for answer in answers] == [(6, 4), (6, 4)]


def test_an_array_turned_from_bgr_is_taken_as_it_is() -> None:
    """OpenCV's users turn it by a negative stride, which torch does not take."""
    bgr = np.zeros((4, 4, 3), dtype=np.uint8)
    bgr[..., 0] = 255
    assert see(predictor(), [bgr[..., ::-1]])[0]["mean"] == [0, 0, 1]


def test_answers_come_in_order_with_reasons_for_what_cannot_be_read(tmp_path: Path) -> None:
    good = [write(tmp_path / f"{shade}.png", color=(shade, 0, 0)) for shade in range(5)]
    broken = tmp_path / "broken.png"
    broken.write_text("not a picture")
    pictures = [broken, good[0], tmp_path / "missing.png", good[1], good[2], broken, good[3], good[4], broken]
    answers = see(predictor(), pictures)
    reds = [round(answer["mean"][0] * 255) if "mean" in answer else None for answer in answers]
    assert reds == [None, 0, None, 1, 2, None, 3, 4, None]
    assert answers[0] == {"error": f"{broken}: is no picture in a format that Pillow reads"}
    assert answers[2] == {"error": f"{tmp_path / 'missing.png'}: no such file"}


def test_nothing_but_unreadable_pictures() -> None:
    assert [set(answer) for answer in see(predictor(), ["a.png", "b.png"])] == [{"error"}, {"error"}]
    assert see(predictor(), []) == []


def test_sizes_may_be_mixed(tmp_path: Path) -> None:
    sizes = [(4, 6), (4, 6), (8, 3), (4, 6), (8, 3), (8, 3)]
    answers = see(predictor(), [write(tmp_path / f"{n}.png", size) for n, size in enumerate(sizes)])
    assert [answer["size"] for answer in answers] == sizes


def test_many_pictures_are_seen_a_batch_at_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    answers = see(predictor(), [path] * (2 * BATCH + 3))
    assert [answer["batch"] for answer in answers] == [BATCH] * 2 * BATCH + [3] * 3


def test_answers_come_before_all_pictures_are_read(tmp_path: Path) -> None:
    path, read = write(tmp_path / "a.png"), []

    def pictures() -> Any:
        for number in range(3 * BATCH):
            read.append(number)
            yield path

    next(predictor().predict(pictures()))
    assert len(read) <= BATCH + 1


def test_pictures_get_the_size_of_those_that_trained(tmp_path: Path) -> None:
    answers = see(predictor(size=(8, 8)), [write(tmp_path / "a.png", (20, 10)), np.zeros((8, 8, 3), np.uint8)])
    assert [answer["size"] for answer in answers] == [(8, 8), (8, 8)]
    assert answers[0]["mean"] == pytest.approx([1, 0.2, 0])


def test_pictures_are_prepared_as_in_validation(tmp_path: Path) -> None:
    transforms = [("center-crop", v2.CenterCrop(2)), ("to-dtype", v2.ToDtype(torch.float32, scale=True))]
    transforms.append(("normalize", v2.Normalize([0.5] * 3, [0.5] * 3)))
    answer = see(predictor(transforms=transforms), [write(tmp_path / "a.png")])[0]
    assert answer["size"] == (2, 2)
    assert answer["mean"] == pytest.approx([1, -0.6, -1])


def large_alone(sample: Sample) -> Sample:
    if sample["image"].shape[-1] < 8:
        raise ValueError("too small")
    return sample


def test_a_transform_that_fails_is_the_answer_for_that_picture(tmp_path: Path) -> None:
    small, large = write(tmp_path / "small.png", (2, 2)), write(tmp_path / "large.png", (9, 9))
    answers = see(predictor(transforms=[("cut", large_alone)]), [small, large])
    reason = f'transform "cut" failed on {small} (3 x 2 x 2, uint8): ValueError: too small'
    assert answers[0] == {"error": reason}
    assert "mean" in answers[1]


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((4, 4, 3)), "height x width x 3 in uint8 is needed, this is 4 x 4 x 3 in float64"),
        (np.zeros((4, 4, 4), np.uint8), "height x width x 3 in uint8 is needed, this is 4 x 4 x 4 in uint8"),
        (np.zeros((4, 4), np.uint8), "height x width x 3 in uint8 is needed, this is 4 x 4 x 1 in uint8"),
        (np.zeros(4, np.uint8), "height x width x 3 in uint8 is needed, this is 4 in uint8"),
        (torch.zeros(3, 4, 4), "3 x height x width in uint8 is needed, this is 3 x 4 x 4 in float32"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), "3 x height x width in uint8 is needed, this is 4 x 4 x 3 in uint8"),
    ],
)
def test_pixels_of_another_form_are_refused(picture: Any, message: str) -> None:
    assert see(predictor(), [picture]) == [{"error": f"a picture of {message}"}]


class Threshold(Look):
    """A mask of what is bright."""

    any_size = True

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        return [{"mask": (picture[0] > 0.5).byte()} for picture in image]


def see_mask(transform: Any, picture: Tensor) -> dict[str, Any]:
    task = Threshold(nn.Identity(), nn.Identity(), DataInfo())
    return see(Predictor(task, Preparation([("t", transform)]), 3, None, None, CPU), [picture])[0]


def test_a_mask_lies_where_the_crop_was() -> None:
    picture = torch.zeros(3, 8, 10, dtype=torch.uint8)
    picture[:, 2, 3], picture[:, 0, 0] = 255, 255
    mask = see_mask(v2.CenterCrop((4, 6)), picture)["mask"]
    assert mask.shape == (8, 10)
    assert (mask == 1).nonzero().tolist() == [[2, 3]]
    assert (mask[2:6, 2:8] <= 1).all()
    assert (mask == 255).sum() == 8 * 10 - 4 * 6


def test_a_mask_of_a_mirrored_picture_is_refused() -> None:
    answer = see_mask(v2.RandomHorizontalFlip(1), torch.zeros(3, 8, 10, dtype=torch.uint8))
    assert answer.keys() == {"error"}
    assert "mirror" in answer["error"]
