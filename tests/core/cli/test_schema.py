"""retinue schema"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retinue.spec.schema import RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer


def test_schema_is_one_that_editors_read(command: Callable[..., Answer]) -> None:
    answer = command("schema")
    assert (answer.code, answer.err) == (0, "")
    schema = answer.json
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(RunSpec.model_fields)
    assert schema["additionalProperties"] is False
    assert {"data", "model", "optimizer"} <= set(schema["required"])
