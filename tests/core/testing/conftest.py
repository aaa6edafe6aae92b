"""A plug-in under the kit, and what each of its tests says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retinue.testing import Case, check_plugin

Verdicts = dict[str, str]
"""By the name of each test that does not pass, its message."""


def judge(test: Callable[..., None], factory: pytest.TempPathFactory) -> tuple[Verdicts, Verdicts]:
    """Run the tests of a plug-in; return those that fail and those that are skipped."""
    failed, skipped = {}, {}
    for parameter in test.pytestmark[0].args[1]:  # type: ignore[attr-defined]
        try:
            test(*parameter.values, factory)
        except pytest.fail.Exception as error:
            failed[parameter.id] = str(error)
        except pytest.skip.Exception as error:
            skipped[parameter.id] = str(error)
        except Exception as error:
            failed[parameter.id] = "\n".join([f"{type(error).__name__}: {error}", *error.__notes__])
    return failed, skipped


@pytest.fixture
def check(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Verdicts, Verdicts]]:
    """Write a plug-in of one file and run its tests."""

    def write_and_run(source: str, *cases: Case, id: str = "local") -> tuple[Verdicts, Verdicts]:
        (tmp_path / f"{id}.py").write_text(source, encoding="utf-8")
        registry = tmp_path / "registry.toml"
        registry.write_text(f'schema = 1\n[local]\n{id} = {{ path = "{id}.py" }}\n', encoding="utf-8")
        return judge(check_plugin(id, cases, registry=registry), tmp_path_factory)

    return write_and_run


@pytest.fixture
def run_tests(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return lambda test: judge(test, tmp_path_factory)
