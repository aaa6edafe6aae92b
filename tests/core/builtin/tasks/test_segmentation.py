"""Segmentation: losses on masks, predictions whole, tiled and mirrored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from retinue.api import DataInfo
from retinue.builtin.tasks.segmentation import Segmentation
from retinue.errors import DataError, TrainingError

INFO = DataInfo(classes=("background", "cell"), channels=1, ignore_index=255)


class Threshold(nn.Module):
    """Bright pixels are cells; knows its own neighbourhood alone, as a network does."""

    def forward(self, image: Tensor) -> Tensor:
        bright = (image.mean(dim=1) - 0.5) * 20
        return torch.stack([-bright, bright], dim=1)


class WithAuxiliary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Conv2d(1, 2, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logits = self.main(image)
        return {"out": logits, "aux": functional.avg_pool2d(logits, 2)}


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(2, 1, 20, 30)


def test_loss_and_predictions_are_those_of_the_mask(image: Tensor) -> None:
    mask = (image[:, 0] > 0.5).to(torch.uint8)
    task = Segmentation(Threshold(), nn.CrossEntropyLoss(), INFO)
    output = task({"image": image, "mask": mask})
    assert output.preds.shape == (2, 2, 20, 30)
    assert torch.equal(output.preds.argmax(1), output.target)
    assert output.loss == functional.cross_entropy(Threshold()(image), mask.long())


def test_auxiliary_outputs_of_another_size_count_in_training_alone(image: Tensor) -> None:
    task = Segmentation(WithAuxiliary(), nn.CrossEntropyLoss(), INFO, aux_weight=0.5)
    batch = {"image": image, "mask": torch.ones(2, 20, 30, dtype=torch.uint8)}
    logits = task.model.main(image)
    auxiliary = functional.interpolate(functional.avg_pool2d(logits, 2), (20, 30), mode="bilinear")
    ones = torch.ones(2, 20, 30, dtype=torch.long)
    main, aux = (functional.cross_entropy(outputs, ones) for outputs in (logits, auxiliary))
    torch.testing.assert_close(task(batch).loss, main + 0.5 * aux)
    torch.testing.assert_close(task.eval()(batch).loss, main)


@pytest.mark.parametrize("size", [(20, 30), (16, 16), (17, 45)])
@pytest.mark.parametrize(
    "options", [{}, {"window": 16}, {"window": 7, "overlap": 0.25}, {"flips": ["horizontal", "vertical"]}]
)
def test_predictions_tell_each_pixel(size: tuple[int, int], options: dict[str, object]) -> None:
    torch.manual_seed(1)
    image = torch.rand(2, 1, *size)
    task = Segmentation(Threshold(), nn.CrossEntropyLoss(), INFO, **options)
    answers = task.predict(image)
    for picture, answer in zip(image, answers, strict=True):
        assert answer["mask"].dtype == torch.uint8
        assert torch.equal(answer["mask"].bool(), picture[0] > 0.5)
        assert answer["classes"]["cell"] == pytest.approx((picture > 0.5).float().mean().item())


def test_mirrored_pictures_are_averaged(image: Tensor) -> None:
    class Corner(nn.Module):
        """Sees the first column alone, wherever the picture is turned."""

        def forward(self, image: Tensor) -> Tensor:
            logits = torch.zeros(len(image), 2, *image.shape[-2:])
            logits[..., 0] = torch.tensor([-50.0, 50.0]).view(1, 2, 1)
            return logits

    probabilities = Segmentation(Corner(), nn.CrossEntropyLoss(), INFO, flips=["horizontal"]).probabilities(image)
    assert probabilities[0, 1, 0].tolist() == pytest.approx([0.75, *[0.5] * 28, 0.75])


def test_what_does_not_fit_is_one_sentence(image: Tensor) -> None:
    task = Segmentation(Threshold(), nn.CrossEntropyLoss(), DataInfo(classes=("a", "b", "c")))
    with pytest.raises(TrainingError, match=r"gives 2 x 20 x 30 .* needs 3 x height x width"):
        task.predict(image)
    with pytest.raises(DataError, match='needs "mask" in every sample, and the data set gives: image, label'):
        task({"image": image, "label": torch.zeros(2)})
