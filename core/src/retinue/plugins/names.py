"""The form of names: plug-in ids, component names, aliases."""

from __future__ import annotations

import re

KEBAB_CASE = 'small letters and digits, in words joined by "-"'
"""What a name is made of."""


def is_kebab_case(name: str) -> bool:
    """Say whether a name has the form that plug-ins and components are named in."""
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) is not None
