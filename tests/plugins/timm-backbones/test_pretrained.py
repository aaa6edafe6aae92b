"""Published weights, without ever asking the hub itself."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from retinue.errors import SpecError
from retinue_timm_backbones.models import create

NAME = "test_resnet"
"""timm's smallest ResNet."""

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Weights as timm would publish them, of 1000 classes."""
    torch.manual_seed(0)
    file = tmp_path / "published.safetensors"
    save_file(timm.create_model(NAME, num_classes=1000).state_dict(), file)
    return file


@pytest.fixture
def hub(published: Path, empty_cache: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A server that has them where the hub has them."""
    content = published.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            known = self.path in ("/", "/timm/test_resnet.r160_in1k/resolve/main/model.safetensors")
            self.send_response(200 if known else 404)
            self.send_header("ETag", hashlib.sha256(content).hexdigest())
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(content) if known else 0))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    yield server
    server.shutdown()
    server.server_close()


def test_they_are_fetched_once_and_then_taken_from_the_cache(
    hub: ThreadingHTTPServer, published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = load_file(published)
    fetched = create(NAME, weights="pretrained").state_dict()
    assert all(torch.equal(fetched[key], theirs[key]) for key in theirs)
    hub.shutdown()
    hub.server_close()
    cached = create(NAME, weights="pretrained").state_dict()
    assert all(torch.equal(cached[key], theirs[key]) for key in theirs)
    assert not [record for record in caplog.records if record.name == "retinue"]


def test_a_head_for_other_classes_starts_afresh_and_is_named(
    hub: ThreadingHTTPServer, published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = load_file(published)
    with caplog.at_level(logging.WARNING, "retinue"):
        ours = create(NAME, num_classes=4, weights="pretrained").state_dict()
    assert [key for key in ours if ours[key].shape != theirs[key].shape] == ["fc.weight", "fc.bias"]
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if not key.startswith("fc."))
    assert "no head for 4 classes: fc.weight, fc.bias start afresh" in caplog.text


def test_an_encoder_has_them_too(hub: ThreadingHTTPServer, published: Path) -> None:
    theirs = load_file(published)
    ours = create(NAME, num_classes=4, weights="pretrained", pyramid=True).state_dict()
    assert {key.removeprefix("model.") for key in ours} == {key for key in theirs if not key.startswith("fc.")}
    assert all(torch.equal(ours[key], theirs[key.removeprefix("model.")]) for key in ours)


@pytest.mark.parametrize(
    ("name", "page", "file"),
    [
        ("resnet50", "/timm/resnet50.a1_in1k", "model.safetensors"),
        ("gcvit_tiny", "https://github.com/", "gcvit_tiny_224_nvidia-ac783954.pth"),
    ],
)
def test_offline_says_where_they_are(
    name: str, page: str, file: str, empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SpecError) as caught:
        create(name, weights="pretrained")
    message = str(caught.value)
    assert f"the weights of timm-backbones/{name} are not in " in message
    assert "HF_HUB_OFFLINE forbids" in message
    assert page in message
    assert f'weights = "{file}"' in message


def test_a_hub_that_does_not_answer_is_named(empty_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    with pytest.raises(SpecError, match=r"are not in .*127\.0\.0\.1:9 does not answer"):
        create(NAME, weights="pretrained")


def test_a_model_without_says_so() -> None:
    with pytest.raises(SpecError, match="no published weights of timm-backbones/coatnet_0_224"):
        create("coatnet_0_224", weights="pretrained")


def test_an_unknown_tag_lists_those_there_are() -> None:
    with pytest.raises(SpecError, match='no tag "a1_in1"') as caught:
        create("resnet50", weights="pretrained", tag="a1_in1")
    assert 'did you mean "a1_in1k"?' in str(caught.value)
    assert "tv_in1k" in str(caught.value)
