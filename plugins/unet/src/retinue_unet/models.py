"""U-Net: an encoder's feature maps, a decoder that leads them back to the picture's size, a class at every pixel."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.nn import functional as F

from retinue.api import NestedPyramid
from retinue_unet.blocks import Norm, Upsampling, initialize
from retinue_unet.paths import ContractingPath, ExpandingPath


class UNet(nn.Module):
    """U-Net of Ronneberger et al. 2015, arXiv:1505.04597, with the encoder of the paper or another.

    Float N x in_channels x H x W, any H and W, gives logits N x num_classes x H x W. Inside, a picture is continued at
    the right and the bottom by its last pixels up to a multiple of what the encoder reduces it by, and the output is
    cut back. Training with norm "batch" needs more than one value a channel at the smallest level, so more than one
    picture in a batch or a larger one; with norm "instance" a larger picture.

    The paper's has norm "none" and convolutions without padding, so that its output is smaller than the picture.

    Args:
        num_classes: classes; two of them give two outputs.
        in_channels: channels of a picture. An encoder has its own.
        encoder: a model that gives feature maps level by level, in place of the paper's encoder. It keeps its own
            norms, and the weights that it came with.
        depth: poolings of the paper's encoder, 4 there and by default; without `encoder` only.
        width: channels at the picture's size; with every halving there are twice as many. 64 in the paper and by
            default; with `encoder` it is the decoder's alone, by default 16.
        norm: after each convolution: "batch"; "group", 8 groups; "instance", with weights; "none".
        upsampling: "transpose": the paper's up-convolution. "bilinear": interpolation after a 1x1 convolution.
        dropout: probability that a value of the smallest level is dropped; the paper drops there too.

    Raises:
        ValueError: both `encoder` and `depth`; or the encoder's reductions are not multiples of one another.
    """

    def __init__(
        self,
        num_classes: Annotated[int, Gt(0)],
        in_channels: Annotated[int, Gt(0)] = 3,
        encoder: NestedPyramid | None = None,
        depth: Annotated[int, Ge(1)] | None = None,
        width: Annotated[int, Gt(0)] | None = None,
        norm: Norm = "batch",
        upsampling: Upsampling = "transpose",
        dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        if encoder is not None and depth is not None:
            raise ValueError(f"depth = {depth} is the paper's encoder's: with `encoder`, leave it out")
        width = width or (64 if encoder is None else 16)
        self.encoder = encoder if encoder is not None else ContractingPath(in_channels, depth or 4, width, norm)
        self.dropout = nn.Dropout(dropout)
        self.decoder = ExpandingPath(self.encoder.channels, self.encoder.reductions, width, upsampling, norm)
        self.head = nn.Conv2d(self.decoder.out_channels, num_classes, 1)
        for part in (self.decoder, self.head) if encoder is not None else (self,):
            initialize(part)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        *fine, coarsest = self.encoder(_continue(image, self.encoder.divisor))
        logits: Tensor = self.head(self.decoder([*fine, self.dropout(coarsest)]))
        return logits[..., :height, :width]


def _continue(image: Tensor, divisor: int) -> Tensor:
    """Repeat the last row and column until height and width are multiples of `divisor`."""
    height, width = image.shape[-2:]
    missing = (0, -width % divisor, 0, -height % divisor)
    return F.pad(image, missing, mode="replicate") if any(missing) else image
