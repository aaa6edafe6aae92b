"""Each plug-in, as a wheel beside the core alone, works by name; without it, an error names its package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

SPEC = """
spec = 1
name = "tiny"
data.train = { use = "digits", split = { fraction = 0.8 } }
data.val = { use = "digits", split = { fraction = 0.8 } }
model = "mlp"
optimizer = { use = "sgd", lr = 0.1 }
train = { steps = 2, device = "cpu" }
log.tensorboard = false
"""
SCENES = [
    "task=segmentation",
    *(f'data.{part}={{ use = "digit-scenes", part = "{part}", samples = 64 }}' for part in ("train", "val")),
]
LARGER = [f'data.{part}.transforms=[{{ use = "resize", size = [16, 16] }}]' for part in ("train", "val")]
USES: dict[str, tuple[str, str, list[str]]] = {
    "airbench": ("model", "airbench", ["model.use=airbench", *LARGER]),
    "dice": ("loss", "dice", ["loss.use=dice"]),
    "imgaug-aug": ("transform", "imgaug-aug/fliplr", ['data.train.transforms=[{ use = "imgaug-aug/fliplr" }]']),
    "resnet": ("model", "resnet20", ["model.use=resnet20"]),
    "timm-backbones": ("model", "timm-backbones/resnet10t", ["model.use=timm-backbones/resnet10t"]),
    "unet": ("model", "unet", [*SCENES, 'model={ use = "unet", width = 4, depth = 2 }']),
}
"""For each plug-in the kind and name of a component, and what brings it into SPEC."""


def uv(*arguments: object) -> None:
    """Run uv in the workspace, whose pins it takes."""
    command = [os.environ.get("UV", "uv"), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


class Environment:
    """A virtual environment with wheels of this project."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def install(self, *packages: object) -> None:
        # Compiling all of torch would take a minute; what the core imports is compiled once, and copied.
        uv("pip", "install", "--python", self.python, "--no-compile-bytecode", *packages)

    def uninstall(self, package: str) -> None:
        uv("pip", "uninstall", "--python", self.python, package)

    def run(self, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        # -I: neither PYTHONPATH nor the working directory adds anything.
        command = [self.python, "-I", "-m", "retinue", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)

    def read(self, folder: Path, *arguments: object) -> Any:
        done = self.run(folder, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    uv("build", "--all-packages", "--wheel", "--out-dir", folder)
    return {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Path:
    """The folder of an environment with the core alone, which trains."""
    folder = tmp_path_factory.mktemp("core")
    uv("venv", "--python", sys.executable, folder / "venv")
    environment = Environment(folder / "venv")
    environment.install(wheels["retinue"])
    (folder / "tiny.toml").write_text(SPEC)
    trained = environment.run(folder, "train", "tiny.toml", "--out", "run")
    assert trained.returncode == 0, trained.stderr
    return folder / "venv"


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPEC)
    return tmp_path


def test_every_plugin_is_built(wheels: dict[str, Path]) -> None:
    assert {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")} == USES.keys()
    assert wheels.keys() == {"retinue", *(f"retinue-{plugin}" for plugin in USES)}


@pytest.mark.parametrize("plugin", USES)
def test_a_plugin_alone_comes_and_goes(plugin: str, core: Path, wheels: dict[str, Path], workplace: Path) -> None:
    kind, name, changes = USES[plugin]
    distribution = f"retinue-{plugin}"
    shutil.copytree(core, workplace / "venv", symlinks=True, copy_function=os.link)
    environment = Environment(workplace / "venv")
    # The workspace puts this build of OpenCV in the place of the one that imgaug asks for.
    environment.install(wheels[distribution], *(["opencv-python-headless"] if plugin == "imgaug-aug" else []))

    others = {found["distribution"] for found in environment.read(workplace, "plugins", "list")} - {"retinue"}
    assert others == {distribution}
    described = environment.read(workplace, "describe", kind, name)
    assert described["distribution"] == distribution
    listed = environment.read(workplace, "list", kind, "--plugin", plugin)
    assert described["name"] in {found["name"] for found in listed}
    trained = environment.run(workplace, "train", "tiny.toml", *changes, "--out", "run")
    assert trained.returncode == 0, trained.stderr
    lock = json.loads((workplace / "run" / "run.lock").read_text())
    assert described["name"] in {component["name"] for component in lock["components"]}

    environment.uninstall(distribution)
    for command in (["check", "tiny.toml", *changes], ["evaluate", "run"]):
        refused = environment.run(workplace, *command)
        assert refused.returncode == 2, refused.stdout
        assert f"pip install {distribution}" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_what_the_registry_requires_is_named_by_its_requirement(core: Path, workplace: Path) -> None:
    (workplace / "registry.toml").write_text('schema = 1\n[plugins]\nrequired = ["acme-nets>=2,<3"]\n')
    refused = Environment(core).run(workplace, "check", "tiny.toml", "model.use=acme/net")
    assert refused.returncode == 2
    assert "not installed (acme-nets>=2,<3): retinue plugins sync" in refused.stderr
