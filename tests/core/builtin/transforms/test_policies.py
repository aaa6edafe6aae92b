from __future__ import annotations

import pytest

from retinue.builtin.transforms import policies
from retinue.errors import SpecError


def test_magnitude_outside_the_bins_is_refused() -> None:
    with pytest.raises(SpecError, match="magnitude = 31 is not below num_magnitude_bins = 31"):
        policies.rand_augment(magnitude=31)
