"""Every plug-in of the guide trains."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from pages import PLUGIN_GUIDE, ROOT, SMALL, Block, read_blocks

import retinue


def local_plugins() -> list[tuple[Block, Block]]:
    """Each file of the guide with the lines of a spec that use it, which come next."""
    blocks = read_blocks(PLUGIN_GUIDE)
    return [
        (block, next(filter(is_use, blocks[number + 1 :])))
        for number, block in enumerate(blocks)
        if block.language == "python" and not is_packaged(block)
    ]


def is_use(block: Block) -> bool:
    return block.language == "toml" and block.file is None and not block.text.startswith("schema =")


def is_packaged(block: Block) -> bool:
    return block.file is not None and (block.file == "pyproject.toml" or "/" in block.file)


def write_small_spec(folder: Path, lines: str) -> Path:
    (folder / "small.toml").write_text(SMALL)
    spec = folder / "spec.toml"
    spec.write_text('base = "small.toml"\n' + lines)
    return spec


def components_of(run: Path, plugin: str) -> list[dict[str, str]]:
    lock = json.loads((run / "run.lock").read_text())
    return [component for component in lock["components"] if component["name"].startswith(f"{plugin}/")]


@pytest.mark.parametrize(("file", "use"), local_plugins(), ids=lambda block: block.file or "")
def test_file_trains(file, use, tmp_path, monkeypatch):
    if "torchmetrics" in file.text and importlib.util.find_spec("torchmetrics") is None:
        pytest.skip("torchmetrics is not installed")
    plugin = Path(file.file).stem
    (tmp_path / file.file).write_text(file.text)
    (tmp_path / "registry.toml").write_text(f'schema = 1\n[local]\n{plugin} = {{ path = "{file.file}" }}\n')
    monkeypatch.chdir(tmp_path)
    run = retinue.train(write_small_spec(tmp_path, use.text), out="run")
    assert run.steps == 2
    assert components_of(tmp_path / "run", plugin), "the spec does not use the plug-in"
    assert run.predict(ROOT / "docs" / "examples" / "seven.png")


def test_package_trains(install, tmp_path, monkeypatch):
    blocks = read_blocks(PLUGIN_GUIDE)
    for block in filter(is_packaged, blocks):
        path = tmp_path / "retinue-tiny" / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    install(tmp_path / "retinue-tiny")
    last = max(number for number, block in enumerate(blocks) if is_packaged(block))
    monkeypatch.chdir(tmp_path)
    retinue.train(write_small_spec(tmp_path, next(filter(is_use, blocks[last + 1 :])).text), out="run")
    assert [found["distribution"] for found in components_of(tmp_path / "run", "tiny")] == ["retinue-tiny"]
