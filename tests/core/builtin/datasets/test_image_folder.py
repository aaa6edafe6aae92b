from __future__ import annotations

import os
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from retinue.builtin.datasets.image_folder import SUFFIXES, ImageFolder
from retinue.errors import DataError


@pytest.fixture
def flowers(tmp_path, save_picture) -> Path:
    for name in ("rose/b.png", "rose/a.png", "daisy/c.png"):
        save_picture(tmp_path / "train" / name)
    return tmp_path / "train"


def refusal(*args: object, **kwargs: object) -> str:
    with pytest.raises(DataError) as caught:
        ImageFolder(*args, **kwargs)
    return str(caught.value)


def test_classes_are_the_folders_in_alphabetical_order(flowers):
    dataset = ImageFolder(flowers)
    assert dataset.info.classes == ("daisy", "rose")
    assert dataset.info.channels == 3
    assert dataset.info.image_size is None
    assert not dataset.in_memory
    assert dataset.labels == [0, 1, 1]
    assert [sample["label"] for sample in dataset] == [0, 1, 1]
    assert [Path(sample["path"]).name for sample in dataset] == ["c.png", "a.png", "b.png"]


def test_real_photographs(hymenoptera):
    train, val = ImageFolder(hymenoptera / "train"), ImageFolder(hymenoptera / "val")
    assert (len(train), len(val)) == (244, 153)
    assert train.info.classes == val.info.classes == ("ants", "bees")
    assert Counter(val.labels) == {0: 70, 1: 83}
    assert not any("imageNotFound" in path for path in train.paths)
    for index in (0, 100, len(train) - 1):
        sample = train[index]
        with Image.open(sample["path"]) as file:
            assert sample["image"].permute(1, 2, 0).numpy().tobytes() == file.tobytes()


@pytest.mark.parametrize("part", ["train", "val"])
def test_takes_the_samples_that_torchvision_takes(part, hymenoptera):
    ours, theirs = ImageFolder(hymenoptera / part), datasets.ImageFolder(hymenoptera / part)
    assert list(zip(ours.paths, ours.labels, strict=True)) == theirs.samples


def test_pictures_of_any_suffix_in_any_case_and_at_any_depth(tmp_path, save_picture):
    for suffix in SUFFIXES:
        save_picture(tmp_path / "a" / f"x{suffix}")
        save_picture(tmp_path / "b" / "deep" / "deeper" / f"x{suffix}").rename(tmp_path / "b" / f"Y{suffix.upper()}")
    save_picture(tmp_path / "b" / "deep" / "deeper" / "z.JpEg")
    dataset = ImageFolder(tmp_path)
    assert Counter(dataset.labels) == {0: len(SUFFIXES), 1: len(SUFFIXES) + 1}
    for sample in dataset:
        assert sample["image"].shape == (3, 4, 6)
        assert abs(sample["image"].float().mean() - 100) < 2


def test_hidden_and_other_files_are_left_out(flowers, save_picture):
    save_picture(flowers / "rose" / "._a.png")
    save_picture(flowers / "rose" / ".cache" / "a.png")
    save_picture(flowers / ".ipynb_checkpoints" / "a.png")
    save_picture(flowers / "rose" / "moving.gif")
    (flowers / "rose" / "Thumbs.db").write_bytes(b"")
    (flowers / "README.txt").write_text("")
    dataset = ImageFolder(flowers)
    assert dataset.info.classes == ("daisy", "rose")
    assert len(dataset) == 3


def test_one_channel(flowers):
    dataset = ImageFolder(flowers, channels=1)
    assert dataset.info.channels == 1
    assert dataset[0]["image"].shape == (1, 4, 6)


def test_listed_classes_fix_the_labels_where_a_folder_is_lacking(flowers):
    dataset = ImageFolder(flowers, classes=["tulip", "rose", "aster", "daisy"])
    assert dataset.info.classes == ("tulip", "rose", "aster", "daisy")
    assert {Path(sample["path"]).parent.name: sample["label"] for sample in dataset} == {"rose": 1, "daisy": 3}


def test_listed_class_may_have_an_empty_folder(flowers):
    (flowers / "tulip").mkdir()
    assert len(ImageFolder(flowers, classes=["daisy", "rose", "tulip"])) == 3


def test_listed_class_may_not_have_files_that_are_no_pictures(flowers):
    (flowers / "tulip").mkdir()
    (flowers / "tulip" / "a.npy").write_bytes(b"")
    assert "the class tulip has no pictures" in refusal(flowers, classes=["daisy", "rose", "tulip"])


def test_folder_that_is_not_listed(flowers):
    message = refusal(flowers, classes=["daisy", "roses"])
    assert "the folder rose is not among the classes daisy, roses" in message
    assert 'did you mean "roses"?' in message


def test_class_listed_twice(flowers):
    assert "classes: rose listed more than once" in refusal(flowers, classes=["rose", "daisy", "rose"])


def test_no_listed_class_has_pictures(tmp_path):
    assert "has no pictures of the classes a, b" in refusal(tmp_path, classes=["a", "b"])


def test_missing_root_says_what_there_is(flowers):
    message = refusal(flowers.parent / "trian")
    assert message.startswith(f"{flowers.parent / 'trian'}: no such folder; {flowers.parent} has the folders train")
    assert 'did you mean "train"?' in message


def test_missing_root_far_below_what_there_is(flowers):
    message = refusal(flowers / "roze" / "red" / "big")
    assert f"{flowers} has the folders daisy, rose" in message
    assert 'did you mean "rose"?' in message


def test_missing_relative_root_names_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(Path("data/train")) == f"data/train: no such folder; {tmp_path} has no folders"


def test_root_that_is_an_archive(tmp_path):
    (tmp_path / "flowers.tar.gz").write_bytes(b"")
    assert "flowers.tar.gz: is a file, not a folder: unpack it" in refusal(tmp_path / "flowers.tar.gz")


def test_home_is_expanded(flowers, monkeypatch):
    monkeypatch.setenv("HOME", str(flowers.parent))
    assert len(ImageFolder(Path("~/train"))) == 3


def test_pictures_without_class_folders(tmp_path, save_picture):
    save_picture(tmp_path / "a.PNG")
    assert "has no class folders: pictures lie directly in it, and root/CLASS/pic" in refusal(tmp_path)


def test_empty_root(tmp_path):
    assert "has no class folders: it has no folders" in refusal(tmp_path)


def test_root_one_folder_too_high(hymenoptera):
    message = refusal(hymenoptera)
    assert "its folders (train, val) are parts of a data set, not classes" in message
    assert f'did you mean root = "{hymenoptera / "train"}"?' in message


def test_class_folder_without_pictures_is_named(flowers):
    (flowers / "tulip").mkdir()
    message = refusal(flowers)
    assert f"{flowers / 'tulip'}: the class tulip has no pictures" in message
    assert "it is empty; remove the folder, or list the classes" in message
    (flowers / "tulip" / "imageNotFound.gif").write_bytes(b"")
    assert "it has imageNotFound.gif" in refusal(flowers)


def test_links_are_followed_and_their_loops_end(flowers, save_picture, tmp_path):
    save_picture(tmp_path / "elsewhere" / "d.png")
    (flowers / "tulip").symlink_to(tmp_path / "elsewhere")
    (flowers / "rose" / "itself").symlink_to(flowers / "rose")
    (flowers / "rose" / "all").symlink_to(flowers)
    dataset = ImageFolder(flowers)
    assert dataset.info.classes == ("daisy", "rose", "tulip")
    assert dataset.labels == [0, 1, 1, 2]


def test_broken_link_is_named(flowers):
    (flowers / "rose" / "gone.jpg").symlink_to(flowers / "nowhere.jpg")
    assert f"{flowers / 'rose' / 'gone.jpg'}: is a link to a file that does not exist" in refusal(flowers)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every folder")
def test_folder_that_may_not_be_read(flowers):
    (flowers / "rose").chmod(0)
    try:
        assert "rose: cannot be read (Permission denied)" in refusal(flowers)
    finally:
        (flowers / "rose").chmod(0o755)


def test_damaged_picture_is_named_when_read(flowers):
    (flowers / "daisy" / "c.png").write_bytes(b"\x89PNG nothing")
    dataset = ImageFolder(flowers)
    with pytest.raises(DataError, match=r"daisy.c\.png: is no picture"):
        dataset[0]


def test_files_of_every_kind_come_as_rgb(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    grey = Image.fromarray(np.full((4, 6), 100, np.uint8))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        grey.convert("RGB").convert(mode).save(folder / f"{mode}.png")
    grey.convert("CMYK").save(folder / "cmyk.JPG")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 6)).save(folder / "turned.jpg", exif=exif)
    for sample in pickle.loads(pickle.dumps(ImageFolder(tmp_path))):
        assert sample["image"].shape == (3, 4, 6), sample["path"]
