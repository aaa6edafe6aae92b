"""What the documentation shows is what the tool does."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from pages import FENCE, PAGES, PLUGIN_GUIDE, README, ROOT, SMALL, Block, all_blocks, read_blocks
from torch.distributed.run import get_args_parser

import retinue
from retinue.cli import group
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec


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
        assert place in PAGES or place.parent == ROOT / "docs" / "examples", f"{target}: the site does not have it"
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


# --- blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_are_seen_by_the_tests_below(page):
    text = page.read_text(encoding="utf-8")
    blocks = read_blocks(page)
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(blocks)
    assert {block.language for block in blocks} <= {"toml", "python", "console", "json", "text"}
    assert not re.search(r"^ {4}(retinue|pip|uv|python|pytest|torchrun) ", FENCE.sub("", text), re.MULTILINE)


def is_registry(block: Block) -> bool:
    return block.text.startswith("schema =")


def spec_blocks() -> list[Block]:
    shown = [block for block in all_blocks("toml") if block.page != PLUGIN_GUIDE]
    return [block for block in shown if block.file is None and not is_registry(block)]


@pytest.mark.parametrize("block", spec_blocks(), ids=str)
def test_spec_is_right(block, tmp_path):
    """A whole spec as it stands; some lines of one on top of an example."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path, dirs_exist_ok=True)
    is_whole = block.text.startswith(("spec = ", "base = "))
    spec = tmp_path / "shown.toml"
    spec.write_text(block.text if is_whole else 'base = "digits.toml"\n' + block.text)
    make_plan(load_spec(spec), workspace_registry())


@pytest.mark.parametrize("block", [*filter(is_registry, all_blocks("toml"))], ids=str)
def test_registry_file_is_right(block, tmp_path):
    (tmp_path / "registry.toml").write_text(block.text)
    assert RegistryFile(tmp_path / "registry.toml").path


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_json_is_json(block):
    for line in block.text.splitlines():
        json.loads(line)


# --- commands


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the words after `retinue` call, and its arguments."""
    command: click.Command | None = group
    while isinstance(command, click.Group) and words:
        command, words = command.get_command(click.Context(command), words[0]), words[1:]
    assert command is not None
    return command, words


def check_command(words: list[str]) -> None:
    """See that a command could be called like this, without doing what it says."""
    match words:
        case ["uv", "run", *rest] | ["python", "-m", *rest]:
            check_command(rest)
        case ["retinue", *rest]:
            command, arguments = find_command(rest)
            command.make_context("retinue", arguments)
        case ["torchrun", *rest]:
            started = get_args_parser().parse_args(rest)
            assert started.module
            check_command([started.training_script, *started.training_script_args])
        case ["pip", "install", *wanted]:
            for what in wanted:
                assert what == "-e" or what.startswith((".", "retinue-")) or Requirement(what)
        case ["bash", script]:
            assert (ROOT / script).is_file()
        case [program, *_]:
            assert shutil.which(program, path=Path(sys.executable).parent), (
                f"{program} is not installed for development"
            )


def shown_commands() -> list[str]:
    """The commands in console blocks, less the tutorials': these are run."""
    blocks = [block for block in all_blocks("console") if block.page.parent.name != "tutorial"]
    return sorted({command.partition(" > ")[0] for block in blocks for command in block.commands})


@pytest.mark.parametrize("command", shown_commands())
def test_command_is_right(command):
    check_command(shlex.split(command))


def mentioned_commands() -> list[str]:
    texts = [FENCE.sub("", page.read_text(encoding="utf-8")) for page in PAGES]
    return sorted({found for text in texts for found in re.findall(r"`(retinue [a-z][^`\n]*)`", text)})


@pytest.mark.parametrize("mention", mentioned_commands())
def test_mentioned_command_exists(mention):
    """Its arguments may be placeholders."""
    command, _ = find_command(re.sub(r"[^a-z -].*", "", mention).split()[1:])
    options = {flag for option in command.params for flag in option.opts}
    assert set(re.findall(r"--[a-z-]+", mention)) <= options


# --- Python


def python_blocks() -> list[Block]:
    """Less the tutorials', which are followed as a whole, and the files of the guide to plug-ins, which train."""
    return [
        block for block in all_blocks("python") if block.page != PLUGIN_GUIDE and block.page.parent.name != "tutorial"
    ]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder like the root of the repository, with a run in runs/digits."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    overrides = {"train.epochs": 1, "log.tensorboard": False}
    retinue.train(ROOT / "docs" / "examples" / "digits.toml", overrides, out=folder / "runs" / "digits" / "0000")
    return folder


@pytest.mark.parametrize("block", python_blocks(), ids=str)
def test_python_runs(block, workplace, monkeypatch, request):
    monkeypatch.chdir(workplace)
    for weights in re.findall(r'torch\.load\("(.+?)"', block.text):
        shutil.copy(request.getfixturevalue("test_data") / "weights" / weights, workplace)
    exec(compile(block.text, str(block), "exec"), {})


# --- README


def test_readme_begins_with_two_commands():
    top = README.read_text(encoding="utf-8").split("\n## ")[0]
    found = [match[2].strip() for match in FENCE.finditer(top)]
    assert len(found) == 2
    assert all(len(command.splitlines()) == 1 for command in found)


def test_readme_shows_a_real_error(retinue, tmp_path):
    spec = next(block.text for block in read_blocks(README, "toml"))
    (tmp_path / "run.toml").write_text(re.sub(r"\s+#.*", "", spec).replace('"resnet20"', '"resnet21"'))
    shown = next(block.text for block in read_blocks(README, "text"))
    assert retinue("check", "run.toml").stderr.startswith(shown)


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
