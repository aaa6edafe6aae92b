"""A first layer that whitens: its filters come from the pictures, not from gradients.

Sources: K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, arXiv:2404.00498; before it tysam-code's
hlb-CIFAR10, 2023, and D. Page, "How to train your ResNet", 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

EPS = 5e-4
"""Added to each eigenvalue, so that what hardly varies in normalised pictures is not blown up."""


class Whitening(nn.Module):
    """A convolution whose outputs on the first batch are uncorrelated and of power 1, and their negatives.

    Float N x in_channels x H x W gives N x 2K x H - size + 1 x W - size + 1, K being in_channels * size * size, the
    values of a patch. Its filters are the eigenvectors of the patches' second moments, each over the root of its
    eigenvalue. They are made from the first batch that it sees in train mode, of all processes together (where
    train.accumulate cuts it, from the first parts), and stay: they are a buffer. Only the bias learns. Before that
    batch all filters are zero.

    The original takes 5,000 training pictures without augmentation.

    Args:
        in_channels: of the picture.
        size: height and width of a patch.
    """

    def __init__(self, in_channels: int, size: int = 2) -> None:
        super().__init__()
        values = in_channels * size * size
        self.filters: Tensor
        self.register_buffer("filters", torch.zeros(2 * values, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(2 * values))
        # Not read from the filters at each step: on a GPU that would wait for it.
        self.pending = True
        self.begun = False
        self.register_load_state_dict_post_hook(_see_what_was_loaded)  # type: ignore[no-untyped-call]

    def forward(self, image: Tensor) -> Tensor:
        if self.training and self.pending:
            self._settle(image)
        return F.conv2d(image, self.filters.to(image.dtype), self.bias.to(image.dtype))

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def _settle(self, image: Tensor) -> None:
        # A step that is left out, as its loss was not finite, takes back what it wrote into buffers.
        if self.begun and self.filters.any():
            self.pending = False
        else:
            self.filters.copy_(make_filters(image, self.filters.shape[-1]))
            self.begun = True


def make_filters(image: Tensor, size: int) -> Tensor:
    """Return filters that whiten patches of pictures, and their negatives.

    Args:
        image: N x C x H x W; of all processes together, where there are several.
        size: height and width of a patch.

    Returns:
        2K x C x size x size, K being C * size * size, on the CPU.
    """
    with torch.autocast(image.device.type, enabled=False):
        patches = F.unfold(image.float(), size).transpose(0, 1).flatten(1)
        moments, count = patches @ patches.T, torch.tensor(float(patches.shape[1]), device=image.device)
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(moments)
        distributed.all_reduce(count)
    # What is not finite would fail here; further on the loss is not finite either, and the run says where.
    moments = (moments / count).nan_to_num(0.0, 0.0, 0.0)
    # So small a matrix is solved before a GPU has loaded its solver.
    eigenvalues, eigenvectors = torch.linalg.eigh(moments.cpu())
    filters = (eigenvectors / (eigenvalues.clamp(min=0) + EPS).sqrt()).T.reshape(-1, image.shape[1], size, size)
    return torch.cat([filters, -filters])


def _see_what_was_loaded(module: Whitening, keys: object) -> None:
    module.pending = not module.filters.any()
