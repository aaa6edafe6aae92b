"""What tells one content of a data set from another without decoding a picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from retinue.api import Dataset
from retinue.builtin.datasets.csv_file import CsvFile
from retinue.builtin.datasets.image_folder import ImageFolder
from retinue.builtin.datasets.mask_folder import MaskFolder
from retinue.builtin.datasets.memory import MemoryDataset
from retinue.errors import DataError

FILES = {
    "image-folder": (["ants/1.png", "bees/2.png", "bees/3.png"], ImageFolder),
    "mask-folder": (
        ["images/1.png", "images/2.png", "masks/1.png", "masks/2.png"],
        lambda root: MaskFolder(root / "images", root / "masks", ["a", "b"]),
    ),
    "csv": (["1.png", "2.png"], lambda root: CsvFile(root / "t.csv")),
}


@pytest.fixture(params=FILES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[Path], Callable[[Path], Dataset]]:
    """A folder of pictures that cannot be decoded, their paths, and what makes a data set of it."""
    names, make = FILES[request.param]
    root = tmp_path / "data"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "t.csv").write_text("path,label\n1.png,a\n2.png,b\n")
    return root, [root / name for name in names], make


def test_files_are_known_by_name_and_size_wherever_they_lie(
    folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, paths, make = folder
    before = make(root).fingerprint()
    monkeypatch.chdir(tmp_path)
    assert make(Path("data")).fingerprint() == before
    monkeypatch.chdir(root)
    assert make(Path()).fingerprint() == before
    shutil.copytree(root, tmp_path / "elsewhere")
    assert make(tmp_path / "elsewhere").fingerprint() == before
    os.utime(paths[0], (0, 0))
    assert make(root).fingerprint() == before
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content + b"more")
        assert make(root).fingerprint() != before, path
        path.write_bytes(content)
    assert make(root).fingerprint() == before


def test_a_name_is_part_of_it(folder) -> None:
    root, _, make = folder
    before = make(root).fingerprint()
    for path in list(root.rglob("1.png")):
        path.rename(path.with_name("0.png"))
    (root / "t.csv").write_text("path,label\n0.png,a\n2.png,b\n")
    assert make(root).fingerprint() != before


def test_a_file_that_is_gone_is_named(folder) -> None:
    root, paths, make = folder
    dataset = make(root)
    paths[0].unlink()
    with pytest.raises(DataError, match=str(paths[0])):
        dataset.fingerprint()


def test_values_of_a_table_are_part_of_it(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "1.png")

    def read(value: str) -> str:
        (tmp_path / "t.csv").write_text(f"path,size\n1.png,{value}\n")
        return CsvFile(tmp_path / "t.csv", target="size", task="regression").fingerprint()

    assert read("0.5") != read("0.25")
    assert read("0.5") == read("0.50")


def test_pictures_in_memory_are_known_by_every_byte() -> None:
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    before = MemoryDataset(images, [0, 1], ["a", "b"]).fingerprint()
    assert MemoryDataset(images.clone(), [0, 1], ["a", "b"]).fingerprint() == before
    images[1, 0, 3, 3] = 1
    assert MemoryDataset(images, [0, 1], ["a", "b"]).fingerprint() != before
