"""What benchmarks share: contenders that take turns, and tables of their ratios to the first."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds.

    Attributes:
        processor: of all threads, and of the processes that have ended.
        wall: on the clock.
    """

    processor: float
    wall: float


Costs = dict[str, list[Cost]]
"""By contender, one for each round."""


class Stopwatch:
    """Measures what this process does from its making on."""

    def __init__(self) -> None:
        self._processor, self._wall = _read_processor(), time.perf_counter()

    def read(self) -> Cost:
        """Return the time since then."""
        return Cost(_read_processor() - self._processor, time.perf_counter() - self._wall)


def _read_processor() -> float:
    # The clock of the processes that have ended ticks every 10 ms only.
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def measure(act: Callable[[], object]) -> Cost:
    """Return what a call costs."""
    watch = Stopwatch()
    act()
    return watch.read()


def measure_process(command: Sequence[str | Path], folder: Path, fails: bool = False) -> tuple[Cost, str]:
    """Return what a process costs from its start to its end, and what it prints.

    Args:
        fails: whether it is to end with an error.
    """
    # A file takes more than a pipe does, and nobody has to read it meanwhile.
    output = folder / "output.txt"
    # What is installed has its bytecode beside it; so must what is run from its sources.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    cost = Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start)
    process.returncode = os.waitstatus_to_exitcode(status)
    printed = output.read_text()
    if (process.returncode != 0) != fails:
        sys.exit(f"{' '.join(map(str, command))}\n{printed}exit status {process.returncode}")
    return cost, printed


def take_turns(contenders: Mapping[str, Callable[[], Cost]], rounds: int, warm_up: int = 1) -> Costs:
    """Return what contenders cost in rounds in which each has its turn, after some that do not count."""
    costs: Costs = {name: [] for name in contenders}
    for number in range(-warm_up, rounds):
        for name, contender in contenders.items():
            cost = contender()
            if number >= 0:
                costs[name].append(cost)
    return costs


def print_machine(*packages: str) -> None:
    """Print what numbers depend on: the processor, the cores, the versions."""
    versions = [f"{package} {version(package)}" for package in ("torch", *packages)]
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"{_name_processor()}, {len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}, ", end="")
    print(f"{', '.join(versions)}; OMP_NUM_THREADS {threads}; load {os.getloadavg()[0]:.1f}\n")


def _name_processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def print_table(title: str, costs: Costs, unit: str = "s", speed: bool = False) -> None:
    """Print the median time of each contender, and its ratios to the first in the same round.

    Args:
        unit: "s" or "ms".
        speed: how many times as fast as the first, in place of how much of its time it takes.
    """
    first = next(iter(costs.values()))
    width = max(map(len, (title, *costs))) + 2
    kind = "times as fast" if speed else "ratio to the first"
    print(f"{'':{width}}{f'processor time: {kind}':>40}{f'wall time: {kind}':>40}")
    print(f"{title:{width}}" + f"{unit:>16}{'min':>8}{'median':>8}{'max':>8}" * 2)
    for name, taken in costs.items():
        line = f"{name:{width}}"
        for clock in ("processor", "wall"):
            own, base = ([getattr(cost, clock) for cost in column] for column in (taken, first))
            ratios = [b / a if speed else a / b for a, b in zip(own, base, strict=True)]
            median = statistics.median(own) * {"s": 1, "ms": 1000}[unit]
            line += f"{median:16.2f}" + "".join(f"{r(ratios):8.2f}" for r in (min, statistics.median, max))
        print(line)
    print()
