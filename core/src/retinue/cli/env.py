"""retinue env"""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from retinue.cli.output import json_option, print_json, print_table


@click.command("env")
@json_option
def command(as_json: bool) -> None:
    """Show versions, and the device that `device = "auto"` takes and why."""
    import torch

    from retinue.data.workers import count_cores
    from retinue.engine.devices import select_device

    device, reason = select_device("auto")
    packages = ("retinue", "torch", "torchvision", "numpy", "pydantic", "pluggy")
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        **{package: version(package) for package in packages},
        "cuda": torch.version.cuda,
        "driver": _driver_version(),
        "gpus": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())],
        "cores": count_cores(),
        "device": str(device),
        "reason": reason,
    }
    if as_json:
        print_json(found)
    else:
        print_table([(key, str(value)) for key, value in found.items()])


def _driver_version() -> str | None:
    """The driver says it itself, where there is one."""
    file = Path("/sys/module/nvidia/version")
    return file.read_text().strip() if file.is_file() else None
