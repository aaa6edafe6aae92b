"""Lengths of time in a run: "5ep" is five epochs, "500it" five hundred optimizer steps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from typing import Any

_PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ep|it)")


@dataclass(frozen=True)
class Duration:
    """A length of time in a run.

    Attributes:
        amount: how many; fractions of an epoch are allowed.
        unit: "ep" or "it".
    """

    amount: float
    unit: str

    @classmethod
    def parse(cls, value: Any) -> Duration:
        """Read "5ep", "0.5ep" or "500it".

        Raises:
            ValueError: it is neither.
        """
        match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is None or (match[2] == "it" and "." in match[1]) or isinf(float(match[1])):
            shown = json.dumps(value, ensure_ascii=False)
            raise ValueError(f'a length of time such as "5ep" (epochs) or "500it" (steps) is needed, this is {shown}')
        return cls(float(match[1]), match[2])

    def steps(self, steps_per_epoch: int) -> int:
        """Return it as a number of optimizer steps."""
        return round(self.amount * (steps_per_epoch if self.unit == "ep" else 1))

    def __str__(self) -> str:
        # Neither rounded nor with an exponent, so that it is read as what it was.
        return f"{Decimal(repr(self.amount)).normalize():f}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.parse,
            json_schema_input_schema=core_schema.str_schema(pattern=f"^{_PATTERN.pattern}$"),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )
