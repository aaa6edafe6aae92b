"""What many plug-ins cost: `python tests/benchmarks/plugin_scale.py [COUNT...]`, default 10 100 1000.

Each plug-in has 10 components, and metadata and a package as pip leaves them. Each command runs in a process of its
own: the least processor time of several runs, which others on the machine hardly change, and the peak memory. The last
columns are the cost of one more plug-in between each two counts: equal where growth is linear.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

COMPONENTS = 10
REPEATS = 2

HOOK = """\
from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
"""
SPEC = """\
spec = 1
name = "scale"
data.train = { use = "digits", split = { fraction = 0.8 } }
data.val = { use = "digits", split = { fraction = 0.8 } }
model = "net-0-0"
optimizer = { use = "sgd", lr = 0.1 }
train.steps = 1
"""
SCAN = "from retinue.plugins.discovery import find_plugins; find_plugins()"
RESOLUTION = """\
from retinue.plugins.registry import Registry
registry = Registry()
for number in range({count}):
    registry.resolve("model", f"net-{{number}}-0")
"""
MISS = """\
from retinue.plugins.registry import Registry
try:
    Registry().resolve("model", "nett-0-0")
except Exception as error:
    str(error)
"""
COMMANDS = {
    "metadata scan": ["-c", SCAN],
    "plugins list": ["-m", "retinue", "plugins", "list"],
    "list": ["-m", "retinue", "list"],
    "check": ["-m", "retinue", "check", "scale.toml"],
    "every bare name": ["-c", RESOLUTION],
    "an unknown name": ["-c", MISS],
    "plugins doctor": ["-m", "retinue", "plugins", "doctor"],
}


def install_plugins(folder: Path, count: int) -> None:
    """Write plug-ins as pip leaves them."""
    for number in range(count):
        package = folder / f"retinue_scale_{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        lines = [
            f'    register("net-{number}-{part}", "retinue_scale_{number}.parts:build", summary="part {part}")\n'
            for part in range(COMPONENTS)
        ]
        (package / "plugin.py").write_text(HOOK + "".join(lines))
        (package / "parts.py").write_text(
            "from torch import nn\n\n\n"
            "def build(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:\n"
            "    values = in_channels * image_size[0] * image_size[1]\n"
            "    return nn.Sequential(nn.Flatten(), nn.Linear(values, num_classes))\n"
        )
        info = folder / f"retinue_scale_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: retinue-scale-{number}\nVersion: 1.0\nRequires-Dist: retinue>=0.1,<1\n"
        )
        (info / "entry_points.txt").write_text(f"[retinue]\nscale-{number} = retinue_scale_{number}.plugin\n")
        (info / "RECORD").write_text("")


def measure(arguments: list[str], workspace: Path, site: Path) -> tuple[float, float]:
    """Return processor seconds and MiB of one run in a process of its own."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(arguments)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main(counts: list[int]) -> None:
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "scale.toml").write_text(SPEC)
        for count in counts:
            site = workspace / str(count)
            install_plugins(site, count)
            for name, arguments in COMMANDS.items():
                told = [argument.format(count=count) if argument == RESOLUTION else argument for argument in arguments]
                # The first compiles the modules.
                runs = [measure(told, workspace, site) for _ in range(1 + REPEATS)][1:]
                measured[name].append((min(seconds for seconds, _ in runs), max(memory for _, memory in runs)))
    print_table(counts, measured)


def print_table(counts: list[int], measured: dict[str, list[tuple[float, float]]]) -> None:
    steps = list(pairwise(counts))
    head = "".join([*(f"{count:>9,}" for count in counts), *(f"{a:,} to {b:,}".rjust(16) for a, b in steps)])
    for place, (unit, small, factor) in enumerate((("s", "ms", 1000), ("MiB", "KiB", 1024))):
        print(f"{unit:<16}{head}   ({small} for one more)")
        for name, values in measured.items():
            column = [value[place] for value in values]
            slopes = [
                (now - before) * factor / (b - a) for (before, now), (a, b) in zip(pairwise(column), steps, strict=True)
            ]
            print(f"{name:<16}{''.join(f'{v:>9.2f}' for v in column)}{''.join(f'{v:>16.2f}' for v in slopes)}")
        print()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10, 100, 1000])
