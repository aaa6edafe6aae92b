import pytest
import torch
from torch import nn

from retinue.builtin.models.mlp import MLP


def test_widths_and_parameters() -> None:
    model = MLP(10, (28, 28), 1, hidden=(256, 128))
    assert [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)] == [
        (784, 256),
        (256, 128),
        (128, 10),
    ]
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_without_hidden_layers_it_is_linear() -> None:
    model = MLP(3, (2, 5), in_channels=3, hidden=())
    a, b = torch.rand(2, 1, 3, 2, 5)
    torch.testing.assert_close(model(a + b), model(a) + model(b) - model(torch.zeros_like(a)))


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_activation_and_dropout_stand_between_the_layers(activation: str) -> None:
    torch.manual_seed(0)
    model = MLP(4, (2, 2), 1, hidden=(64,), activation=activation, dropout=0.5)
    function = getattr(torch, activation, None) or getattr(nn.functional, activation)
    first, last = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    image = torch.rand(1, 1, 2, 2)
    torch.testing.assert_close(model.eval()(image), last(function(first(image.flatten(1)))))
    assert not torch.equal(model.train()(image), model(image))
