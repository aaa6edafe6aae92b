"""A step in Retinue and in its peers: `python tests/benchmarks/peers.py [ROUNDS]`.

The perceptron of `engine_overhead.py` learns from the same batches that are ready, on one thread; loss and accuracy
are logged for each epoch. Each peer is installed in an environment of its own, with this one's torch, in the folder
that RETINUE_BENCHMARK_CACHE names, by uv; a peer that cannot be is told. Its loop is in `peers/`, as its own
documentation writes it. Processor time of a step; epoch by epoch the tutorial's loop takes its turn in the same
process, and a ratio is between neighbours.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from comparison import print_machine

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("RETINUE_BENCHMARK_CACHE", Path(tempfile.gettempdir()) / "retinue-benchmarks")).absolute()
DISTRIBUTIONS = {
    "retinue": "retinue",
    "lightning": "lightning",
    "ignite": "pytorch-ignite",
    "accelerate": "accelerate",
    "mmengine": "mmengine",
    "fastai": "fastai",
    "composer": "mosaicml>=0.30",
}
LOOPS = {
    "Retinue": ["retinue"],
    "Ignite": ["ignite"],
    "Accelerate": ["accelerate"],
    "MMEngine": ["mmengine"],
    "Lightning, no bar, logger, checkpoints": ["lightning", "quiet"],
    "Lightning": ["lightning"],
    "fastai": ["fastai"],
    "Composer": ["composer"],
}


def find_python(peer: str) -> Path | None:
    """Return the interpreter of a peer's environment, if it is there."""
    if peer == "retinue":
        return Path(sys.executable)
    python = CACHE / peer / "bin" / "python"
    return python if (CACHE / peer / "complete").is_file() else None


def install(peer: str) -> str:
    """Make a peer's environment where there is none; return why it cannot be."""
    if find_python(peer):
        return ""
    CACHE.mkdir(parents=True, exist_ok=True)
    pins = [f"{name}=={version(name).partition('+')[0]}" for name in ("torch", "torchvision", "numpy")]
    # Composer asks for an older torch, and runs with this one.
    (CACHE / "overrides.txt").write_text("\n".join(pins))
    environment = CACHE / peer
    into: list[str | Path] = ["--python", environment / "bin" / "python", "--overrides", CACHE / "overrides.txt"]
    commands: list[list[str | Path]] = [
        ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, environment],
        ["uv", "pip", "install", "--quiet", *into, *pins, DISTRIBUTIONS[peer]],
    ]
    for command in commands:
        # Not in this folder: uv would take the pins of this workspace.
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr.strip().splitlines()[-1]
    (environment / "complete").touch()
    return ""


def read_version(peer: str) -> str:
    """Return a peer's name and version."""
    name = DISTRIBUTIONS[peer].partition(">=")[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    printed = subprocess.check_output([find_python(peer) or "", "-c", code], text=True)
    return f"{name} {printed.strip()}"


def run_loop(peer: str, options: list[str], rounds: int) -> list[tuple[float, float]] | str:
    """Return microseconds of a step, the tutorial's and the peer's, epoch by epoch; or why there are none."""
    done = subprocess.run(
        [find_python(peer) or "", HERE / "peers" / f"{peer}_loop.py", str(rounds), *options],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
    )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0:
        return lines[-1] if lines else f"exit status {done.returncode}"
    # A progress bar may come after it.
    found: list[tuple[float, float]] = json.loads(next(line for line in reversed(lines) if line.startswith("[[")))
    return found


def main(rounds: int = 20) -> None:
    """Print the table."""
    print_machine("retinue")
    reasons = {peer: install(peer) for peer in DISTRIBUTIONS}
    print(", ".join(read_version(peer) for peer, reason in reasons.items() if not reason), end="\n\n")
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, (peer, *options) in LOOPS.items():
            found = reasons[peer] or run_loop(peer, options, rounds)
            if isinstance(found, str):
                reasons[peer] = found
            else:
                taken[name] = found
    print(f"{'ratio to the tutorial loop':40}{'us':>8}{'min':>8}{'median':>8}{'max':>8}")
    for name, (peer, *_) in LOOPS.items():
        if reasons[peer]:
            print(f"{name:40}none: {reasons[peer]}")
            continue
        ratios = [own / tutorial for tutorial, own in taken[name]]
        print(f"{name:40}{statistics.median(own for _, own in taken[name]):8.0f}", end="")
        print("".join(f"{choose(ratios):8.2f}" for choose in (min, statistics.median, max)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
