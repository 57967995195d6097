"""The course's network: published parameter counts, and the conditions of both editions."""

from __future__ import annotations

import pytest
import torch

from noisewalk.models.nets import course
from noisewalk.models.nets.course import CourseUNet, CourseUNetConfig


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (CourseUNetConfig(hidden=128), 7_891_073),
        (CourseUNetConfig(), 1_975_361),
        (CourseUNetConfig(time=True), 1_996_417),
        (CourseUNetConfig(time=True, num_classes=10), 2_019_201),
    ],
)
def test_parameter_counts_are_the_published_ones(config: CourseUNetConfig, count: int) -> None:
    assert sum(p.numel() for p in CourseUNet(config).parameters()) == count


@pytest.mark.parametrize("edition", ["add", "scale"])
def test_conditions_enter_at_unflatten_and_after_the_first_up_block(edition: str) -> None:
    """The forward pass, written out from the course's figure."""
    torch.manual_seed(0)
    net = CourseUNet(CourseUNetConfig(hidden=8, time=True, num_classes=10, edition=edition)).eval()
    x, t, label = torch.randn(2, 1, 28, 28), torch.tensor([0.3, 0.9]), torch.tensor([4, 10])
    one_hot = torch.zeros(2, 10)
    one_hot[0, 4] = 1  # the second is dropped: zeros, not class 0
    t1, t2 = (block(t[:, None])[..., None, None] for block in net.times)
    c1, c2 = (block(one_hot)[..., None, None] for block in net.labels)
    a = net.init(x)
    b = net.down1(a)
    c = net.down2(b)
    unflat = c1 * net.unflatten(net.flatten(c)) + t1
    up1 = c2 * net.up1(torch.cat([unflat, c], 1)) + t2
    up2 = net.up2(torch.cat([up1, b], 1))
    assert torch.equal(net(x, t, label), net.out(torch.cat([up2, a], 1)))


@pytest.mark.parametrize("edition", ["add", "scale"])
def test_without_classes_the_editions_add_or_scale(edition: str) -> None:
    torch.manual_seed(0)
    net = CourseUNet(CourseUNetConfig(hidden=8, time=True, edition=edition)).eval()
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([0.3, 0.9])
    t1, t2 = (block(t[:, None])[..., None, None] for block in net.times)
    enter = torch.add if edition == "add" else torch.mul
    a = net.init(x)
    b = net.down1(a)
    c = net.down2(b)
    up1 = enter(net.up1(torch.cat([enter(net.unflatten(net.flatten(c)), t1), c], 1)), t2)
    assert torch.equal(net(x, t), net.out(torch.cat([net.up2(torch.cat([up1, b], 1)), a], 1)))


def test_what_is_computed_again_to_save_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs, gradients and running statistics to the bit; fewer bytes are kept for the backward pass."""

    def step(large: int) -> tuple[list[torch.Tensor], int]:
        monkeypatch.setattr(course, "LARGE", large)
        torch.manual_seed(0)
        net = CourseUNet(CourseUNetConfig(hidden=8))
        x = torch.randn(4, 1, 28, 28)
        kept: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = net(x).square().mean()
        loss.backward()
        return [loss, *(p.grad for p in net.parameters()), *net.buffers()], sum(kept.values())

    (plain, most), (again, fewer) = step(10**9), step(0)
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert fewer < 0.55 * most
