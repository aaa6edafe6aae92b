"""The whitening layer and the network around it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from retinue_airbench.network import Airbench
from retinue_airbench.whitening import EPS, Whitening


@pytest.fixture
def pictures() -> Tensor:
    """Normalised pictures whose neighbouring pixels and channels go together, as a photograph's do."""
    noise = torch.randn(32, 1, 18, 18, generator=torch.Generator().manual_seed(0))
    tinted = noise + 0.3 * torch.randn(32, 3, 18, 18, generator=torch.Generator().manual_seed(1))
    smooth = F.avg_pool2d(tinted, 3, stride=1)
    return smooth / smooth.std()


def moments(outputs: Tensor) -> Tensor:
    """Of the channels over all places."""
    values = outputs.transpose(0, 1).flatten(1)
    return values @ values.T / values.shape[1]


def test_the_first_batch_comes_out_white(pictures: Tensor) -> None:
    outputs = Whitening(3).train()(pictures)
    assert outputs.shape == (32, 24, 15, 15)
    white, negative = outputs.chunk(2, dim=1)
    assert torch.equal(white, -negative)
    patches = F.unfold(pictures, 2).transpose(0, 1).flatten(1)
    powers = torch.linalg.eigvalsh(patches @ patches.T / patches.shape[1])
    assert powers[0] < 0.1 < 1 < powers[-1]
    torch.testing.assert_close(moments(white), torch.diag(powers / (powers + EPS)), rtol=0, atol=1e-3)


def test_the_filters_stay(pictures: Tensor) -> None:
    layer = Whitening(3).train()
    layer(pictures)
    filters = layer.filters.clone()
    for _ in range(3):
        layer(pictures.flip(1) * 3)
    assert torch.equal(layer.filters, filters)


def test_evaluation_and_copies_leave_the_filters_open(pictures: Tensor) -> None:
    layer = Whitening(3).eval()
    layer(pictures)
    copy.deepcopy(layer).train()(pictures * 7)
    assert not layer.filters.any()
    layer.train()(pictures)
    assert torch.equal(layer.filters, whitened(pictures).filters)


def whitened(pictures: Tensor) -> Whitening:
    layer = Whitening(3).train()
    layer(pictures)
    return layer


def test_filters_from_a_file_stay(pictures: Tensor) -> None:
    saved = whitened(pictures).state_dict()
    layer = Whitening(3)
    layer.load_state_dict(saved)
    layer.train()(pictures * 7)
    assert torch.equal(layer.filters, saved["filters"])


def test_filters_that_a_file_lacks_are_made(pictures: Tensor) -> None:
    layer = Whitening(3)
    layer.load_state_dict({"bias": torch.zeros(24)}, strict=False)
    layer.train()(pictures)
    assert layer.filters.any()


def test_a_first_step_that_is_left_out_is_made_up_for(pictures: Tensor) -> None:
    """The learner then puts back what buffers held."""
    layer = Whitening(3).train()
    layer(torch.full_like(pictures, torch.nan))
    layer.filters.zero_()
    layer(pictures)
    assert torch.equal(layer.filters, whitened(pictures).filters)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_filters_are_exact_under_autocast(pictures: Tensor, precision: torch.dtype) -> None:
    layer = Whitening(3).train()
    with torch.autocast("cpu", precision):
        layer(pictures)
    assert torch.equal(layer.filters, whitened(pictures).filters)


def test_channels_last_is_kept(pictures: Tensor) -> None:
    layer = Whitening(3).to(memory_format=torch.channels_last).train()
    layer(pictures.to(memory_format=torch.channels_last))
    assert layer.filters.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer.filters, whitened(pictures).filters)


def test_compiled_it_does_the_same_and_is_one_graph_from_the_third_step(pictures: Tensor) -> None:
    graphs: list[str] = []

    def follow(graph: torch.fx.GraphModule, examples: list[Tensor]) -> Callable[..., Any]:
        graphs.append(graph.code)
        return graph.forward

    torch._dynamo.reset()
    layer = Whitening(3).train()
    layer.compile(backend=follow)
    outputs = [layer(pictures) for _ in range(2)]
    before = len(graphs)
    outputs += [layer(pictures) for _ in range(2)]
    assert len(graphs) == before + 1
    assert not any("eigh" in graph for graph in graphs)
    assert all(torch.equal(output, outputs[0]) for output in outputs)
    assert torch.equal(layer.filters, whitened(pictures).filters)


def test_only_the_bias_of_norms_and_of_the_first_layer_learns() -> None:
    fixed = {name for name, weight in Airbench().named_parameters() if not weight.requires_grad}
    assert fixed == {f"groups.{group}.norm{number}.weight" for group in range(3) for number in (1, 2)}
    assert "whiten.filters" not in dict(Airbench().named_parameters())


def test_the_network_has_the_originals_size_and_begins_as_it_does(pictures: Tensor) -> None:
    network = Airbench()
    learning = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    filters = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    assert learning == 24 + filters + 2 * (64 + 256 + 256) + 10 * 256
    image = torch.randn(2, 24, 8, 8)
    # The first channels pass a convolution as they are.
    assert torch.equal(network.groups[0].conv1(image)[:, :24], image)
    large = torch.rand(2, 3, 32, 32)
    assert network.eval().pool(network.groups(network.whiten(large))).shape == (2, 256, 1, 1)
