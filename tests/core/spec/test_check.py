"""Mistakes through the command itself: exit 2, no traceback, and torch only where it is needed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from retinue.cli import group

FORMS = {
    "toml": """\
spec = 1
sede = 3
data = { train = "digits" }

[model]
use = "lenett"

[optimizer]
use = "sgd"
lr = "x"

[train]
epochs = "three"
""",
    "yaml": """\
spec: 1
sede: 3
data: {train: digits}
model:
  use: lenett
optimizer: {use: sgd, lr: x}
train:
  epochs: three
""",
    "json": """\
{"spec": 1,
 "sede": 3,
 "data": {"train": "digits"},
 "model": {"use": "lenett"},
 "optimizer": {"use": "sgd", "lr": "x"},
 "train": {"epochs": "three"}}
""",
}
PLACES = {"toml": [(2, 1), (6, 7), (13, 10)], "yaml": [(2, 1), (5, 8), (8, 11)], "json": [(2, 2), (4, 19), (6, 22)]}
SHOWN = """\
spec.toml:2:1  error: unknown key "sede"
  2 | sede = 3
    | ^^^^ did you mean "seed"? known: base, callbacks,"""
SHOWN_LATER = """\
spec.toml:6:7  error: no model named "lenett"
  6 | use = "lenett"
    |       ^^^^^^^^ did you mean "lenet"? (builtin/lenet, retinue """
SHOWN_LAST = """\
spec.toml:13:10  error: a whole number is needed, this is "three"
  13 | epochs = "three"
     |          ^^^^^^^

parameters were not checked yet: these mistakes come first
"""


def imports(result: subprocess.CompletedProcess[str]) -> tuple[set[str], str]:
    """Part what Python says of its imports from what the command says."""
    lines = result.stderr.splitlines(keepends=True)
    told = [line for line in lines if line.startswith("import time:")]
    said = "".join(line for line in lines if not line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().split(".")[0] for line in told}, said


@pytest.fixture
def told(retinue):
    """Run the command and let Python tell what it imports."""
    return lambda *arguments: retinue(*arguments, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})


@pytest.mark.parametrize("form", FORMS)
def test_mistakes_of_the_first_stage_as_json(form: str, told, tmp_path: Path) -> None:
    (tmp_path / f"spec.{form}").write_text(FORMS[form])
    result = told("check", f"spec.{form}", "--json")
    imported, said = imports(result)
    assert (result.returncode, said) == (2, "")
    assert "retinue" in imported
    assert not imported & {"torch", "torchvision", "numpy"}
    found = json.loads(result.stdout)
    assert found["ok"] is False
    keys = ("file", "line", "column", "message", "suggestion")
    assert [tuple(error[key] for key in keys) for error in found["errors"]] == [
        (f"spec.{form}", *place, message, suggestion)
        for place, message, suggestion in zip(
            PLACES[form],
            (
                'unknown key "sede"',
                'no model named "lenett"',
                'a whole number is needed, this is "three"',
            ),
            ("seed", "lenet", None),
            strict=True,
        )
    ]


def test_mistakes_as_a_person_reads_them(retinue, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(FORMS["toml"])
    result = retinue("check", "spec.toml")
    assert (result.returncode, result.stdout) == (2, "")
    first, second, third = result.stderr.split("\n\n", 2)
    assert first.startswith(SHOWN)
    assert second.startswith(SHOWN_LATER)
    assert third == SHOWN_LAST


def test_training_does_not_begin_and_imports_nothing_heavy(told, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(FORMS["yaml"])
    result = told("train", "spec.yaml", "--out", "run")
    imported, said = imports(result)
    assert result.returncode == 2
    assert 'spec.yaml:5:8  error: no model named "lenett"' in said
    assert "Traceback" not in said
    assert "torch" not in imported
    assert not (tmp_path / "run").exists()


def test_mistakes_of_the_second_stage(retinue, tmp_path: Path) -> None:
    text = FORMS["json"].replace("sede", "seed").replace("lenett", "lenet").replace('"three"', "3")
    (tmp_path / "spec.json").write_text(text.replace('{"use": "lenet"}', '{"use": "lenet", "widht": 3}'))
    result = retinue("check", "spec.json", "optimizer.momentum=much", "--json")
    assert (result.returncode, result.stderr) == (2, "")
    found = json.loads(result.stdout)
    assert not found["ok"]
    assert [(e["file"], e["line"], e["column"], e["message"]) for e in found["errors"]] == [
        ("command line", 1, 20, 'a number is needed, this is "much"'),
        ("spec.json", 4, 28, 'unknown key "widht"'),
        ("spec.json", 5, 36, 'a number is needed, this is "x"'),
    ]


def test_spec_without_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = FORMS["yaml"].replace("sede", "seed").replace("lenett", "lenet").replace("three", "3").replace("x}", "0.1}")
    (tmp_path / "spec.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(group, ["check", "spec.yaml", "train.epochs=5", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["ok"], found["errors"]) == (True, [])
    origins = {value["key"]: (value["value"], value["origin"]) for value in found["values"]}
    assert origins["train.epochs"] == (5, "command line")
    assert origins["optimizer.lr"] == (0.1, "spec.yaml")
    assert origins["optimizer.momentum"] == (0.0, "default")
    assert origins["model.num_classes"][1] == "data"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("nothing.toml", None, "error: nothing.toml: no such file or directory"),
        ("spec.toml", b"spec = 1\n[model\n", "spec.toml:2:7  error: not valid TOML"),
        ("spec.yaml", b"spec: 1\nmodel: *x\n", "spec.yaml:2:8  error: not valid YAML"),
        ("spec.json", b'{"spec": 1,\n "spec": 2}', 'spec.json:2:2  error: "spec" is written twice'),
    ],
)
def test_what_cannot_be_read(name: str, data: bytes | None, said: str, retinue, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    result = retinue("check", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [("list", "--json"), ("plugins", "list", "--json"), ("--help",)], ids=" ".join)
def test_commands_that_only_list_do_not_import_torch(command: tuple[str, ...], told) -> None:
    result = told(*command)
    imported, said = imports(result)
    assert (result.returncode, said) == (0, "")
    assert "torch" not in imported
    assert result.stdout
