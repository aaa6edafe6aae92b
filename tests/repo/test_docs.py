"""What the documentation shows is what the tool does."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

import retinue
from retinue.cli import COMMANDS, group
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PLUGIN_GUIDE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("core/*.md"), *ROOT.glob("plugins/*/*.md"), *ROOT.glob("docs/**/*.md")]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SMALL = """
spec = 1
name = "small"
data.train = { use = "digits", split = { fraction = 0.8 } }
data.val = { use = "digits", split = { fraction = 0.8 } }
model = "mlp"
optimizer = { use = "sgd", lr = 0.1 }
train.steps = 2
log.tensorboard = false
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that its first line says it is."""
        match = re.match(r"# ([\w./-]+\.(?:py|toml))\n", self.text)
        return match[1] if match else None


def read_blocks(page: Path, language: str | None = None) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in FENCE.finditer(text)]
    return [block for block in found if language in (None, block.language)]


def all_blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in read_blocks(page, language)]


def workspace_registry() -> Registry:
    return Registry(RegistryFile(ROOT / "registry.toml"))


# --- links


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    slugs: list[str] = []
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        slugs.append(f"{slug}-{slugs.count(slug)}" if slug in slugs else slug)
    return set(slugs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{target}: no such file"
        assert not anchor or anchor in headings(place), f"{target}: no such heading"


def links_of(page: Path) -> set[Path]:
    links = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve() for link in links if link.endswith(".md") and ":" not in link}


def test_every_page_is_reached_from_the_index():
    reached: set[Path] = set()
    waiting = {ROOT / "docs" / "index.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        waiting |= links_of(page) - reached
    assert set(ROOT.glob("docs/**/*.md")) <= reached


def test_reference_pages_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


# --- specs and commands


def spec_blocks() -> list[Block]:
    shown = [block for block in all_blocks("toml") if block.page != PLUGIN_GUIDE]
    return [block for block in shown if block.file is None and not block.text.startswith("schema =")]


@pytest.mark.parametrize("block", spec_blocks(), ids=str)
def test_spec_is_right(block, tmp_path):
    """A whole spec as it stands; some lines of one on top of an example."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path, dirs_exist_ok=True)
    is_whole = block.text.startswith(("spec = ", "base = "))
    spec = tmp_path / "shown.toml"
    spec.write_text(block.text if is_whole else 'base = "digits.toml"\n' + block.text)
    make_plan(load_spec(spec), workspace_registry())


def commands() -> list[tuple[str, list[str]]]:
    lines = [line.strip() for block in all_blocks("console") for line in re.split(r"\n|&&", block.text)]
    return [(line, line.split("#")[0].split()) for line in lines if re.match(r"(uv run )?retinue ", line)]


@pytest.mark.parametrize(("line", "words"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_command_exists(line, words):
    name = words[words.index("retinue") + 1]
    assert name in COMMANDS
    command = group.get_command(None, name)
    if isinstance(command, click.Group):
        command = command.commands[words[words.index("retinue") + 2]]
    options = {flag for option in command.params for flag in option.opts}
    assert {word for word in words if word.startswith("--")} <= options


# --- Python


def runnable_blocks() -> list[Block]:
    pages = [README, *ROOT.glob("docs/tutorial/*.md"), *ROOT.glob("docs/how-to/*.md")]
    return [block for page in pages if page != PLUGIN_GUIDE for block in read_blocks(page, "python")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder like the root of the repository, with a run in runs/digits."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    overrides = {"train.epochs": 1, "log.tensorboard": False}
    retinue.train(ROOT / "docs" / "examples" / "digits.toml", overrides, out=folder / "runs" / "digits" / "0000")
    return folder


@pytest.mark.parametrize("block", runnable_blocks(), ids=str)
def test_python_runs(block, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    exec(compile(block.text, str(block), "exec"), {})


# --- README


def test_readme_begins_with_two_commands():
    top = README.read_text(encoding="utf-8").split("\n## ")[0]
    found = [match[2].strip() for match in FENCE.finditer(top)]
    assert len(found) == 2
    assert all(len(command.splitlines()) == 1 for command in found)


def shown_error(page: Path) -> str:
    return next(block.text for block in read_blocks(page, "text") if "error: " in block.text)


def test_readme_shows_a_real_error(retinue, tmp_path):
    spec = next(block.text for block in read_blocks(README, "toml"))
    (tmp_path / "run.toml").write_text(re.sub(r"\s+#.*", "", spec).replace('"resnet20"', '"resnet21"'))
    assert retinue("check", "run.toml").stderr.startswith(shown_error(README))


def test_tutorial_shows_a_real_error(retinue, workplace):
    shown = shown_error(ROOT / "docs" / "tutorial" / "first-run.md")
    done = retinue("train", "docs/examples/digits.toml", "model.use=lenett", cwd=workplace)
    assert (done.returncode, done.stderr) == (2, shown)


# --- the guide to plug-ins


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
def test_plugin_of_the_guide_trains(file, use, tmp_path, monkeypatch):
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


def install(folder: Path, blocks: dict[str, str]) -> None:
    """Do what pip does with a pure Python project: copy its sources and write down its entry points."""
    project = tomllib.loads(blocks["pyproject.toml"])["project"]
    for name, text in blocks.items():
        if name.startswith("src/"):
            path = folder / name.removeprefix("src/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    requirements = "".join(f"Requires-Dist: {line}\n" for line in project["dependencies"])
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{requirements}"
    )
    lines = [
        line
        for name_of_group, points in project["entry-points"].items()
        for line in (f"[{name_of_group}]", *(f"{name} = {module}" for name, module in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def test_package_of_the_guide_trains(retinue, tmp_path):
    blocks = read_blocks(PLUGIN_GUIDE)
    install(tmp_path / "site", {str(block.file): block.text for block in blocks if is_packaged(block)})
    last = max(number for number, block in enumerate(blocks) if is_packaged(block))
    spec = write_small_spec(tmp_path, next(filter(is_use, blocks[last + 1 :])).text)
    path = os.pathsep.join(filter(None, (str(tmp_path / "site"), os.environ.get("PYTHONPATH"))))
    done = retinue("train", spec, "--out", tmp_path / "run", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert [found["distribution"] for found in components_of(tmp_path / "run", "tiny")] == ["retinue-tiny"]


# --- what tutorials write, and where it is here

HABITS = ROOT / "docs" / "how-to" / "from-pytorch-tutorials.md"
ROWS = [line.split(" | ") for line in HABITS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
FRAGMENTS = [code for row in ROWS for code in re.findall(r"`([^`]+)`", row[-1])]


def test_the_habits_have_a_place_each():
    assert len(ROWS) > 20
    assert all(len(row) == 2 for row in ROWS)


@pytest.mark.parametrize("fragment", [text for text in FRAGMENTS if re.match(r"[a-z]+(\.\w+)? = ", text)])
def test_a_line_for_a_habit_fits_into_a_spec(fragment, tmp_path):
    """Its keys, its names and its parameters."""
    key, value = fragment.split(" = ", 1)
    if key in ("transforms", "split"):
        key, value = "data.train", f"{{use='digits',{key}={value.replace('...', '')}}}"
    around = {"data.train": ["~data.val"], "data.val": ["~data.train.split"], "train.epochs": ["~train.steps"]}
    spec = tmp_path / "spec.toml"
    spec.write_text(SMALL)
    make_plan(load_spec(spec, [*around.get(key, []), f"{key}={value}"]), workspace_registry())


@pytest.mark.parametrize("fragment", [text for text in FRAGMENTS if text.startswith("retinue ")])
def test_a_command_for_a_habit_is_one(fragment):
    assert fragment.split()[1] in COMMANDS
