from __future__ import annotations

import os
import socket
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a part of the real data, or skip."""
    folder = Path(os.environ.get("RETINUE_TEST_DATA", CHECKOUT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"no {name} in {folder}: set RETINUE_TEST_DATA")
        return path

    return find


@pytest.fixture(scope="session")
def hymenoptera(real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hymenoptera")
    with tarfile.open(real_data("hymenoptera/hymenoptera_data.tar")) as archive:
        archive.extractall(folder, filter="data")
    return folder / "hymenoptera_data"


@pytest.fixture
def save_picture() -> Callable[[Path], Path]:
    """Return a function that writes a small picture, with the folders that it needs."""

    def save(path: Path, value: int = 100) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(path)
        return path

    return save


@pytest.fixture
def no_network() -> Iterator[None]:
    """Send every request to a port that refuses it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    route_requests(port)
    yield
    urllib.request.install_opener(None)


@pytest.fixture
def silent_network() -> Iterator[None]:
    """Send every request to a server that takes it and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        route_requests(server.getsockname()[1])
        yield
    urllib.request.install_opener(None)


def route_requests(port: int) -> None:
    # Not through the environment: urllib reads that once in a process.
    proxy = f"http://127.0.0.1:{port}"
    urllib.request.install_opener(
        urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    )
