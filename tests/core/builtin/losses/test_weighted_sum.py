import pytest
import torch
from pydantic import ValidationError

from retinue.builtin.losses.classes import CrossEntropy, Focal
from retinue.builtin.losses.weighted_sum import Term, WeightedSum

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
LABELS = torch.tensor([0, 2])


def test_terms_add_up_by_their_weights_and_move_with_the_sum() -> None:
    first, second = CrossEntropy([1.0, 2.0, 3.0]), Focal()
    total = WeightedSum([Term.model_construct(loss=first), Term.model_construct(loss=second, weight=0.5)])
    torch.testing.assert_close(total(LOGITS, LABELS), first(LOGITS, LABELS) + 0.5 * second(LOGITS, LABELS))
    assert total.to("meta").losses[0].weight.is_meta


def test_a_term_takes_a_loss_and_a_weight_alone() -> None:
    assert Term.model_validate({"loss": {"use": "focal", "gamma": 1.0}}).weight == 1.0
    with pytest.raises(ValidationError, match="wieght"):
        Term.model_validate({"loss": "focal", "wieght": 2.0})
