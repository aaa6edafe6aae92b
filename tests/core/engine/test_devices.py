import pytest
import torch

from retinue.data.batches import move_batch
from retinue.engine.devices import measure_memory, scale_image, select_device
from retinue.errors import TrainingError


def test_bytes_become_shares_at_the_models_door() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    scaled = scale_image({"image": image, "label": torch.tensor([1])})
    assert scaled["image"].dtype == torch.float32
    assert scaled["image"].flatten().tolist() == pytest.approx([0.0, 0.2, 1.0])
    assert scaled["label"].tolist() == [1]
    assert image.flatten().tolist() == [0, 51, 255]


def test_what_a_transform_made_float_is_left_alone() -> None:
    image = torch.tensor([-3.0, 200.0])
    assert scale_image({"image": image})["image"] is image


def test_tensors_move_and_the_rest_stays() -> None:
    batch = {"image": torch.zeros(2), "path": ["a.png", "b.png"]}
    moved = move_batch(batch, torch.device("meta"))
    assert moved["image"].device.type == "meta"
    assert moved["path"] is batch["path"]
    assert batch["image"].device.type == "cpu"


def test_the_processor_is_always_there() -> None:
    assert select_device("cpu")[0] == torch.device("cpu")


def test_auto_takes_what_torch_sees_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert select_device("auto") == (torch.device("cpu"), "torch sees no GPU")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert select_device("auto")[0].type == "mps"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    assert select_device("auto") == (torch.device("cuda", 0), "torch sees Some GPU")
    with pytest.raises(TrainingError, match="more processes than GPUs, which are 1"):
        select_device("auto", local_rank=1)


@pytest.mark.parametrize("wanted", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_refused(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(TrainingError, match=f'^device "{wanted}" is asked for, but torch sees none'):
        select_device(wanted)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert select_device("cuda:1")[0] == torch.device("cuda", 1)
    with pytest.raises(TrainingError, match='"cuda:2" is asked for, but torch sees 2 CUDA devices'):
        select_device("cuda:2")


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_each_process_of_a_machine_takes_a_gpu_of_its_own(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    assert [select_device(wanted, rank)[0].index or 0 for rank in (0, 1)] == [0, 1]


def test_memory_is_counted_in_mebibytes() -> None:
    held = torch.ones(100 * 2**18)
    assert held.numel() * held.element_size() == 100 * 2**20
    assert 100 < measure_memory(torch.device("cpu")) < 100_000
