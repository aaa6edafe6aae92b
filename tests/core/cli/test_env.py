"""retinue env"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer


def test_json_tells_versions_and_the_device_and_why(command: Callable[..., Answer]) -> None:
    answer = command("env", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    assert found["python"] == platform.python_version()
    assert (found["retinue"], found["torch"]) == (version("retinue"), version("torch"))
    assert found["cuda"] == torch.version.cuda
    assert len(found["gpus"]) == torch.cuda.device_count()
    assert torch.ones(1, device=found["device"]).device.type == found["device"].split(":")[0]
    assert found["reason"]
    assert "driver" in found


def test_table_tells_the_same(command: Callable[..., Answer]) -> None:
    rows = dict(line.split(maxsplit=1) for line in command("env").out.splitlines())
    assert rows["torch"] == version("torch")
    assert {"python", "cuda", "driver", "device", "reason"} <= set(rows)
