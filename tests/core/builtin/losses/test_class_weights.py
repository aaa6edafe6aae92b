import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from retinue.builtin.losses.class_weights import class_weights
from retinue.errors import DataError, SpecError

COUNTS = [50, 30, 20]


def test_inverse_is_scikit_learns_balanced() -> None:
    labels = np.repeat([0, 1, 2], COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    torch.testing.assert_close(class_weights("inverse", 3, COUNTS), torch.from_numpy(expected).float())


def test_inverse_sqrt_is_between_and_has_mean_one_over_the_samples() -> None:
    weights = class_weights("inverse-sqrt", 2, [75, 300])
    assert weights is not None
    # sqrt(300 / 75) = 2, and 75 * 5/3 + 300 * 5/6 = 375.
    assert weights.tolist() == pytest.approx([5 / 3, 5 / 6])


def test_a_list_is_taken_as_it_is() -> None:
    assert class_weights([1.0, 2.5], 2, None).tolist() == [1.0, 2.5]
    assert class_weights(None, 2, [3, 0]) is None


def test_a_list_of_another_length_is_refused() -> None:
    with pytest.raises(SpecError, match="weight has 2 values and the data set 3 classes"):
        class_weights([1.0, 2.5], 3, None)


def test_a_class_without_samples_is_named() -> None:
    with pytest.raises(DataError, match="class 1 has none"):
        class_weights("inverse", 3, [4, 0, 2])


def test_unknown_counts_are_said() -> None:
    with pytest.raises(DataError, match=r'"inverse-sqrt" needs the number of training samples'):
        class_weights("inverse-sqrt", 3, None)
