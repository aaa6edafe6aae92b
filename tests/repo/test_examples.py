"""Every example spec runs, on real data where it is there."""

from __future__ import annotations

import gzip
import math
import re
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retinue
from retinue.documents import SUFFIXES
from retinue.spec.loading import load_spec

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SPECS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in SUFFIXES)

CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR_RECORD = 1 + 3 * 32 * 32
SOURCES = {"membrane": "isbi-membrane"}
FEW = 10
"""Pictures of each folder that are taken."""


def unpack_few(archive: Path, folder: Path) -> None:
    """Unpack the first pictures of each folder, in the order of their names, without the archive's own top folder."""
    taken: Counter[str] = Counter()
    with tarfile.open(archive) as files:
        for member in sorted(files.getmembers(), key=lambda member: member.name):
            path = folder / member.name.removeprefix("./").partition("/")[2]
            if member.isfile() and taken[str(path.parent)] < FEW:
                taken[str(path.parent)] += 1
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.extractfile(member).read())


def part_membrane(archive: Path, folder: Path) -> None:
    """Unpack the first and the last of the 30 pictures as train and val, as MANIFEST.md parts them."""
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            path = Path(member.name)
            if path.stem.isdecimal() and int(path.stem) not in range(4, 28):
                part = folder / ("train" if int(path.stem) < 24 else "val") / path.parent.name
                part.mkdir(parents=True, exist_ok=True)
                (part / path.name).write_bytes(files.extractfile(member).read())


def write_cifar_pictures(records: Path, folder: Path) -> None:
    """Write the first lossless pictures of each class; the data set itself takes only CIFAR's own archive."""
    values = np.frombuffer(gzip.decompress(records.read_bytes()), np.uint8).reshape(-1, CIFAR_RECORD)
    for part, rows in (("train", values[:400]), ("test", values[400:800])):
        for number, row in enumerate(rows):
            path = folder / part / CIFAR_CLASSES[row[0]] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(path)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """A folder to call `retinue` in, its data/ filled as the examples ask for it."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "data").mkdir()
    return folder


def provide(name: str, workplace: Path, test_data: Path) -> None:
    """Put the data set `data/NAME` where the examples look for it."""
    place, source = workplace / "data" / name, test_data / SOURCES.get(name, name)
    if place.exists():
        return
    if not source.is_dir():
        pytest.skip(f"no {source}")
    archives = list(source.glob("*.tar"))
    if name == "cifar10":
        write_cifar_pictures(source / "cifar10_train_first4000.bin.gz", place)
    elif name == "membrane":
        part_membrane(archives[0], place)
    elif archives:
        unpack_few(archives[0], place)
    else:
        shutil.copytree(source, place)


def data_needed(spec: Path) -> set[str]:
    documents = load_spec(spec).layers.documents
    return {name for document in documents for name in re.findall(r"\bdata/([\w-]+)", document.text)}


def changes_for_a_test(spec: Path) -> list[str]:
    loaded = load_spec(spec).spec
    assert loaded is not None
    changes = ["~train.epochs"] if loaded.train.epochs else []
    changes += ["train.steps=2", "log.tensorboard=false"]
    for section in ("train", "val"):
        data = getattr(loaded.data, section)
        if data.use == "cifar10":
            root = f"data/cifar10/{data.parameters['part']}"
            changes += [f"data.{section}.use=image-folder", f"data.{section}.root={root}"]
        elif data.parameters.get("download"):
            changes.append(f"data.{section}.download=false")
    return changes


def provide_data(spec: Path, workplace: Path, request: pytest.FixtureRequest) -> set[str]:
    needed = data_needed(spec)
    for name in needed:
        provide(name, workplace, request.getfixturevalue("test_data"))
    return needed


def train_earlier(spec: Path, workplace: Path, request: pytest.FixtureRequest) -> None:
    """Train what a spec says in its first lines that comes before it."""
    said = re.search(r"^# retinue train (\S+) (\S+) --out (\S+)$", spec.read_text(encoding="utf-8"), re.MULTILINE)
    if said:
        provide_data(ROOT / said[1], workplace, request)
        retinue.train(ROOT / said[1], [*changes_for_a_test(ROOT / said[1]), said[2]], out=said[3])


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_example_runs(spec, workplace, tmp_path, monkeypatch, request):
    needed = provide_data(spec, workplace, request)
    pictures = [file for name in needed for file in (workplace / "data" / name).rglob("*.[jp][pn]g")]
    monkeypatch.chdir(workplace)
    train_earlier(spec, workplace, request)
    run = retinue.train(spec, changes_for_a_test(spec), out=tmp_path / "run")
    assert run.steps == 2
    assert all(math.isfinite(value) for value in run.metrics.values())
    assert any(name.startswith("val/") for name in run.metrics)
    assert run.predict((pictures or [EXAMPLES / "seven.png"])[0])


def test_every_example_is_in_the_list():
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in SPECS if path.name not in listed] == []
