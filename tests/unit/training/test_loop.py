"""The properties of the training loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from noisewalk import UserError
from noisewalk.training.capture import Captured
from noisewalk.training.data import LabelledPictures
from noisewalk.training.loop import TrainConfig, epoch_rows, learning_rate, start, train

DATA = LabelledPictures(torch.arange(40, dtype=torch.uint8).view(10, 1, 2, 2), torch.arange(10))


def test_an_epoch_is_every_row_once_in_an_order_of_its_own() -> None:
    config = TrainConfig(epochs=3, batch_size=5)
    orders = [torch.cat([epoch_rows(2 * epoch + i, 10, config) for i in range(2)]) for epoch in range(3)]
    assert all(sorted(order.tolist()) == list(range(10)) for order in orders)
    assert not torch.equal(orders[0], orders[1])
    across = torch.cat([epoch_rows(i, 10, TrainConfig(epochs=3, batch_size=4)) for i in range(5)])
    assert torch.equal(across, torch.cat(orders[:2]))  # batches that do not divide an epoch go on into the next


def test_the_courses_decay_is_to_a_tenth_by_equal_factors_after_each_epoch() -> None:
    """ExponentialLR(gamma = 0.1 ** (1 / epochs)), stepped once an epoch."""
    config = TrainConfig(epochs=20, learning_rate=1e-3, warmup=0, decay="exponential")
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=1e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1 / 20))
    for epoch in range(20):
        for step in (5 * epoch, 5 * epoch + 4):
            assert learning_rate(step, 100, config) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        schedule.step()


def test_averaged_weights_follow_their_recursion() -> None:
    torch.manual_seed(0)
    config = TrainConfig(epochs=2, batch_size=2, ema_decay=0.3, warmup=0, bf16=False)
    state = start(nn.Conv2d(1, 1, 1), DATA, config)
    expected = state.network.weight.detach().clone()
    for n, _ in enumerate(train(state, DATA, lambda net, x, y, g: (net(x) - 1).square().flatten(1).mean(1), config), 1):
        keep = min(0.3, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * state.network.weight.detach()
    assert torch.allclose(state.averaged.weight, expected, atol=1e-7)


def test_a_loss_that_is_not_finite_stops_the_run_before_the_weights_change() -> None:
    config = TrainConfig(epochs=2, batch_size=2, bf16=False)
    state = start(nn.Conv2d(1, 1, 1), DATA, config)
    before = state.network.weight.detach().clone()
    with pytest.raises(UserError, match="the loss became nan at step 0"):
        next(train(state, DATA, lambda net, x, y, g: net(x).flatten(1).mean(1) * float("nan"), config))
    assert torch.equal(state.network.weight, before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU captures this network")
def test_a_network_that_cannot_be_captured_is_called_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    network, x = nn.Linear(2, 2), torch.randn(3, 2)
    captured = Captured(network)
    assert torch.equal(captured(x), network(x))
    assert torch.equal(captured(2 * x), network(2 * x))
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "this network cannot be captured as CUDA graphs"
    ]


@pytest.mark.gpu
def test_a_captured_network_is_trained_as_the_same_network_alone() -> None:
    def losses(compile: bool) -> list[float]:
        torch.manual_seed(0)
        config = TrainConfig(epochs=4, batch_size=5, warmup=0, bf16=False, compile=compile)
        network, data = (
            nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 1, 1)),
            DATA.to(torch.device("cuda")),
        )
        state = start(network, data, config, "cuda")
        return [each.loss for each in train(state, data, lambda net, x, *_: (net(x) - x).square().flatten(1).mean(1), config)]

    assert losses(compile=True) == pytest.approx(losses(compile=False), rel=1e-5)
