import pytest
import torch
import torch.nn.functional as F
from torch import nn

from retinue.builtin.models.lenet import LeNet
from retinue.errors import DataError


class TutorialNet(nn.Module):
    """The network of PyTorch's "Training a Classifier", as printed there."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def test_it_is_the_tutorials_network_for_cifar() -> None:
    torch.manual_seed(0)
    tutorial, ours = TutorialNet(), LeNet(10, (32, 32))
    assert sum(p.numel() for p in ours.parameters()) == 62_006
    ours.load_state_dict(tutorial.state_dict())
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(ours(images), tutorial(images), rtol=0, atol=0)


@pytest.mark.parametrize("size", [(4, 4), (8, 8), (15, 16), (16, 16), (17, 40), (28, 28), (33, 7), (224, 224)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_channels(size: tuple[int, int], channels: int) -> None:
    assert LeNet(7, size, channels)(torch.rand(2, channels, *size)).shape == (2, 7)


def test_smaller_pictures_are_told_the_smallest() -> None:
    with pytest.raises(DataError, match="4 x 4 and larger, not 3 x 28"):
        LeNet(10, (3, 28))
