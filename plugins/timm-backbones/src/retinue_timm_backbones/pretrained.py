"""The weights that timm publishes: from the cache, from the network, or a quick word that they cannot be had."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import huggingface_hub
import torch.hub
from huggingface_hub import constants

from retinue.errors import Problem, SpecError
from retinue_timm_backbones.catalog import Entry

FILES = ("model.safetensors", "pytorch_model.bin")
"""What weights are called in a repository of the Hugging Face hub, in timm's order."""

PATIENCE = 3.0
"""Seconds that a server has to answer. The hub's own client would go on trying for most of a minute."""


def choose_source(entry: Entry) -> dict[str, str]:
    """Return what tells timm where a model's weights are: its cached file, or nothing where timm shall look itself.

    Raises:
        SpecError: there are none, or they are not in the cache and their server does not answer.
    """
    published = entry.published
    if published.hf_hub_id:
        cached = _find_cached(published.hf_hub_id)
        if cached:
            # Asked by name, the hub would be called nevertheless.
            return {"file": cached}
        page = f"{constants.ENDPOINT}/{published.hf_hub_id}"
        _require_server(entry, constants.ENDPOINT, Path(constants.HF_HUB_CACHE), page, FILES[0])
    elif published.url:
        cache, url = Path(torch.hub.get_dir()) / "checkpoints", str(published.url)
        file = Path(urlparse(url).path).name
        if not (cache / file).is_file():
            _require_server(entry, url, cache, url, file)
    else:
        raise SpecError([Problem(f"there are no published weights of {entry.label}: leave `weights` out")])
    return {}


def _find_cached(hub_id: str) -> str | None:
    repository, _, revision = hub_id.partition("@")
    for file in FILES:
        cached = huggingface_hub.try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str):
            return cached
    return None


def _require_server(entry: Entry, server: str, cache: Path, page: str, file: str) -> None:
    obstacle = "HF_HUB_OFFLINE forbids to fetch them"
    if not constants.HF_HUB_OFFLINE:
        if _answers_in_time(server):
            return
        obstacle = f"{urlparse(server).netloc} does not answer"
    message = f"the weights of {entry.label} are not in {cache}, and {obstacle}"
    note = f'fetch them where there is a network, from {page}, and name the file: weights = "{file}"'
    raise SpecError([Problem(message, note=note)])


def _answers_in_time(server: str) -> bool:
    answers: list[bool] = []
    # Looking up a name has no time limit of its own.
    thread = threading.Thread(target=lambda: answers.append(_answers(server)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answers == [True]


def _answers(server: str) -> bool:
    request = urllib.request.Request(server, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except urllib.error.URLError as error:
        # The hub's client may know certificates that Python does not.
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
    return True
