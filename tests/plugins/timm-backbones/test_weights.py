from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from retinue.errors import SpecError
from retinue_timm_backbones.models import create

State = dict[str, Tensor]
Save = Callable[[State, Path], None]


def _state(name: str = "test_resnet", **parameters: object) -> State:
    torch.manual_seed(1)
    return create(name, **{"num_classes": 5, **parameters}).state_dict()  # type: ignore[arg-type]


def _save_as_training_scripts_do(state: State, file: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, file)


@pytest.mark.parametrize(
    ("suffix", "save"),
    [(".safetensors", save_file), (".pt", torch.save), (".pth", torch.save), (".pth", _save_as_training_scripts_do)],
)
def test_every_tensor_comes_back(suffix: str, save: Save, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(), tmp_path / f"weights{suffix}"
    save(state, file)
    loaded = create("test_resnet", num_classes=5, weights=file).state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    assert not caplog.records


def test_a_head_of_another_size_starts_afresh_and_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(), tmp_path / "weights.safetensors"
    save_file(state, file)
    torch.manual_seed(2)
    fresh = create("test_resnet", num_classes=3).state_dict()
    torch.manual_seed(2)
    with caplog.at_level(logging.WARNING, "retinue"):
        loaded = create("test_resnet", num_classes=3, weights=file).state_dict()
    head = {"fc.weight", "fc.bias"}
    assert all(torch.equal(loaded[key], (fresh if key in head else state)[key]) for key in loaded)
    assert "no head for 3 classes: fc.weight, fc.bias start afresh" in caplog.text


def test_a_file_without_a_head_gives_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(), tmp_path / "weights.pt"
    torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, file)
    loaded = create("test_resnet", num_classes=5, weights=file).state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in loaded if not key.startswith("fc."))
    assert "fc.weight, fc.bias start afresh" in caplog.text


def test_an_encoder_does_not_miss_a_head(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(), tmp_path / "weights.pt"
    torch.save(state, file)
    loaded = create("test_resnet", num_classes=3, weights=file, pyramid=True).state_dict()
    assert {key.removeprefix("model.") for key in loaded} == {key for key in state if not key.startswith("fc.")}
    assert all(torch.equal(loaded[key], state[key.removeprefix("model.")]) for key in loaded)
    assert not caplog.records


def test_a_first_convolution_for_colours_is_adapted_to_grey(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(), tmp_path / "weights.pt"
    torch.save(state, file)
    loaded = create("test_resnet", num_classes=5, in_channels=1, weights=file).state_dict()
    first = next(iter(state))
    torch.testing.assert_close(loaded[first], state[first].sum(dim=1, keepdim=True))
    assert all(torch.equal(loaded[key], state[key]) for key in loaded if key != first)
    assert f"{first} of {file} is adapted to 1 channels" in caplog.text


def test_a_first_convolution_that_cannot_be_adapted_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(in_channels=4), tmp_path / "weights.pt"
    torch.save(state, file)
    with pytest.raises(SpecError, match=r"conv1.* is \d+ x 4 x 3 x 3 there and \d+ x 2 x 3 x 3 here$"):
        create("test_resnet", num_classes=5, in_channels=2, weights=file)
    assert not caplog.records


def test_weights_of_grey_pictures_come_back_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, file = _state(in_channels=1), tmp_path / "weights.pt"
    torch.save(state, file)
    loaded = create("test_resnet", num_classes=5, in_channels=1, weights=file).state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    assert not caplog.records


def test_position_embeddings_are_resampled_to_the_pictures(tmp_path: Path) -> None:
    state, file = _state("test_vit", image_size=(160, 160)), tmp_path / "weights.pt"
    torch.save(state, file)
    loaded = create("test_vit", num_classes=5, image_size=(80, 128), weights=file).eval()
    assert loaded(torch.rand(1, 3, 80, 128)).shape == (1, 5)
    assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items() if key != "pos_embed")


def test_weights_of_another_model_name_the_tensors(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save(_state("test_vit"), file)
    with pytest.raises(SpecError, match="does not fit timm-backbones/test_resnet: it has no conv1") as caught:
        create("test_resnet", num_classes=5, weights=file)
    assert " more" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("bn1.weight"), "it has no bn1.weight"),
        (lambda state: state.update(odd=torch.zeros(1)), "it has odd, which the model has not"),
        (lambda state: state.update({"bn1.weight": torch.zeros(2)}), r"bn1.weight is 2 there and \d+ here"),
    ],
)
def test_a_tensor_too_few_too_many_or_of_another_size_is_named(
    change: Callable[[State], object], message: str, tmp_path: Path
) -> None:
    state, file = _state(), tmp_path / "weights.pt"
    change(state)
    torch.save(state, file)
    with pytest.raises(SpecError, match=f"does not fit timm-backbones/test_resnet: {message}$"):
        create("test_resnet", num_classes=5, weights=file)


def test_a_pickled_model_is_refused_with_the_line_that_converts_it(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 2), file)
    with pytest.raises(SpecError, match=r"holds pickled objects \(.*Linear.*runs code") as caught:
        create("test_resnet", num_classes=5, weights=file)
    line = str(caught.value).split('python -c "')[1].removesuffix('"')
    exec(line)
    assert torch.load(tmp_path / "model.weights.pt", weights_only=True).keys() == {"weight", "bias"}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_file_is_named(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(b"damaged")
    with pytest.raises(SpecError, match=f"weights{suffix} cannot be read as weights: "):
        create("test_resnet", num_classes=5, weights=file)


def test_a_file_without_tensors_says_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"epoch": 3, "net": {"fc.weight": torch.zeros(1)}}, file)
    with pytest.raises(SpecError, match="no tensors by name, as a state dict does, but epoch, net"):
        create("test_resnet", num_classes=5, weights=file)


def test_a_missing_file_reminds_of_the_word(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r'there is no file .*pretraind; weights are "pretrained" or a file'):
        create("test_resnet", num_classes=5, weights=tmp_path / "pretraind")
