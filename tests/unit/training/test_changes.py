"""What can be chosen about a training: each choice against its formula, or against the distribution that it must draw."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noisewalk import UserError
from noisewalk.models.nets.build import SCHEDULES
from noisewalk.models.nets.unet import SIZES, SelfAttention, UNet, UNetConfig
from noisewalk.models.network import NetworkModel
from noisewalk.training import tables
from noisewalk.training.changes import with_coupling, with_target
from noisewalk.training.coupling import coupled
from noisewalk.training.data import Flipped, LabelledPictures
from noisewalk.training.datasets import Dataset, open_dataset
from noisewalk.training.gradients import add_gradients
from noisewalk.training.loop import TrainConfig, start, train
from noisewalk.training.objectives import Objective, min_snr_weight, uniform_times
from noisewalk.training.photographs import read_cifar, read_svhn
from noisewalk.training.recipe import fast
from noisewalk.walk import TARGETS, Bound, LinearPath, cosine_schedule, ddim, levels, linspace, sample, to_target

NONE = (torch.tensor([3]),)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_tables_that_flags_read_are_the_registries() -> None:
    assert set(tables.PREDICTION_TYPES) == set(TARGETS)
    assert set(tables.NETWORK_SIZES) == set(SIZES)
    assert set(tables.SCHEDULES) == set(SCHEDULES) - {"ve"}


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_the_gradients_of_parts_add_up_to_that_of_the_batch(parts: int) -> None:
    """Every random draw (times, noise, coupling, dropped conditions) is the whole batch's, so only rounding differs."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(image_size=8, channels=(16, 32), embed_dim=16, num_classes=3))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    objective = Objective(LinearPath(), "flow_prediction", 0.3, NONE, optimal_transport=True, min_snr=5)
    pictures, labels = torch.randn(8, 1, 8, 8, generator=seeded()), (torch.arange(8) % 3,)

    def gradient(parts: int) -> tuple[float, Tensor, Tensor]:
        network.zero_grad()
        generator = seeded(1)
        loss = add_gradients(objective.loss, network, pictures, labels, generator, parts)
        return loss, torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]), generator.get_state()

    (whole, expected, after), (added, found, then) = gradient(1), gradient(parts)
    assert added == pytest.approx(whole, rel=1e-6)
    assert (found - expected).norm() < 1e-6 * expected.norm()
    assert torch.equal(after, then)  # the run goes on with the same numbers


def test_min_snr_weights_are_those_of_the_paper() -> None:
    """Hang et al. 2023, section 3.4, for x0, eps and v, on a variance-preserving path."""
    level = cosine_schedule()(torch.linspace(0.01, 0.99, 50, dtype=torch.float64))
    snr = (level.alpha / level.sigma) ** 2
    limited = snr.clamp(max=5)
    for prediction_type, expected in (("sample", limited), ("epsilon", limited / snr), ("v_prediction", limited / (snr + 1))):
        torch.testing.assert_close(min_snr_weight(level, prediction_type, 5), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("prediction_type", TARGETS)
def test_min_snr_weighs_the_error_of_x0_alike_whatever_the_target_is(prediction_type: str) -> None:
    """The same wrong x0 costs min(SNR, gamma) times its squared error under every target, on the linear path too."""
    level = LinearPath()(torch.linspace(0.05, 0.95, 19, dtype=torch.float64))
    x_t, x0, wrong = torch.tensor(0.3), torch.tensor(0.2), torch.tensor(-0.5)

    def target(x0: Tensor) -> Tensor:
        return to_target(x0, (x_t - level.alpha * x0) / level.sigma, level, prediction_type)

    weighted = min_snr_weight(level, prediction_type, 5) * (target(wrong) - target(x0)) ** 2
    expected = (level.alpha / level.sigma).square().clamp(max=5) * (wrong - x0) ** 2
    torch.testing.assert_close(weighted, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("prediction_type", TARGETS)
def test_min_snr_weights_are_finite_at_the_clean_end(prediction_type: str) -> None:
    weight = min_snr_weight(LinearPath()(torch.tensor([0.0, 1e-30])), prediction_type, 5)
    assert weight.isfinite().all()
    assert weight[0] == (5 if prediction_type == "sample" else 0)


def test_a_weighted_loss_is_the_loss_times_its_weight() -> None:
    level: list[Tensor] = []

    def network(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        level.append(t)
        return torch.zeros_like(x)

    pictures, labels = torch.randn(16, 1, 4, 4, generator=seeded()), (torch.zeros(16, dtype=torch.long),)
    plain, weighted = (
        Objective(cosine_schedule(), "v_prediction", 0.0, NONE, min_snr=gamma).loss(network, pictures, labels, seeded(1))
        for gamma in (0, 5)
    )
    expected = plain * min_snr_weight(cosine_schedule()(level[0]), "v_prediction", 5)
    torch.testing.assert_close(weighted, expected)
    assert not torch.allclose(weighted, plain)


def cost(x0: Tensor, eps: Tensor) -> float:
    return float((x0 - eps).square().sum())


def test_the_coupling_is_the_optimal_transport_and_only_another_order() -> None:
    x0, eps = torch.randn(6, 1, 2, 2, generator=seeded()), torch.randn(6, 1, 2, 2, generator=seeded(1))
    found = coupled(x0, eps, torch.zeros(6))
    assert sorted(found[:, 0, 0, 0].tolist()) == sorted(eps[:, 0, 0, 0].tolist())
    assert {tuple(each.flatten().tolist()) for each in found} == {tuple(each.flatten().tolist()) for each in eps}
    best = min(cost(x0, eps[list(order)]) for order in itertools.permutations(range(6)))
    assert cost(x0, found) == pytest.approx(best, rel=1e-6)
    assert best < cost(x0, eps)


def test_noise_is_exchanged_within_a_class_alone() -> None:
    """So that a class does not get the noise that lies in its direction, which walks do not start from."""
    labels = torch.tensor([0, 1, 0, 1, 2, 1, 0])
    x0, eps = torch.randn(7, 1, 2, 2, generator=seeded()), torch.randn(7, 1, 2, 2, generator=seeded(1))
    found = coupled(x0, eps, labels)
    for label in range(3):
        ours, theirs = (sorted(each[labels == label, 0, 0, 0].tolist()) for each in (found, eps))
        assert ours == theirs
    assert cost(x0, found) < cost(x0, eps)


class Affine(nn.Module):
    """What is exact for a Gaussian, an affine function of x_t, with coefficients that a small network reads from the time."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = nn.Sequential(nn.Linear(7, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        t = t.float()[:, None]
        features = torch.cat([t, *(f for n in (1, 2, 4) for f in ((n * torch.pi * t).sin(), (n * torch.pi * t).cos()))], 1)
        scale, shift = self.coefficients(features)[:, :, None, None, None].unbind(1)
        return scale * x + shift


@pytest.mark.parametrize(
    ("prediction_type", "schedule", "more"),
    [
        ("flow_prediction", "linear", {}),
        ("sample", "linear", {}),
        ("v_prediction", "cosine", {}),
        ("epsilon", "ddpm-1000", {}),
        ("flow_prediction", "cosine", {"min_snr": 5.0}),
        ("flow_prediction", "linear", {"optimal_transport": True}),
    ],
)
def test_a_network_trained_a_little_draws_a_known_gaussian(prediction_type: str, schedule: str, more: dict[str, float]) -> None:
    """Pixels of mean 0.3 and deviation 0.2, whatever the target, the schedule, the weights and the coupling are."""
    torch.manual_seed(0)
    pixels = (127.5 * (1.3 + 0.2 * torch.randn(2048, 1, 2, 2, generator=seeded()))).round().clamp(0, 255)
    data = LabelledPictures(pixels.to(torch.uint8), torch.zeros(2048, dtype=torch.long))
    recipe = with_target(fast("flow", Dataset("dots", 1, 4, (), lambda: data), False), prediction_type, schedule)
    assert recipe.objective is not None
    times = recipe.objective.times if schedule != "linear" else uniform_times
    objective = Objective(SCHEDULES[schedule](), prediction_type, 1.0, NONE, times, **more)
    config = TrainConfig(epochs=75, batch_size=128, learning_rate=3e-3, ema_decay=0.99, bf16=False)
    state = start(Affine(), data, config)
    for _ in train(state, data, objective.loss, config):
        pass
    model = NetworkModel(state.averaged, objective.schedule, prediction_type)
    noise = torch.randn(4096, 1, 2, 2, generator=seeded(1))
    path = levels(objective.schedule, linspace(objective.schedule, 60))
    *_, last = sample(Bound(model, (torch.zeros(1, dtype=torch.long),)), noise, path, ddim(), lambda like: like)
    drawn = last.x_t
    assert float(drawn.mean()) == pytest.approx(0.3, abs=0.03)
    assert float(drawn.std()) == pytest.approx(0.2, abs=0.03)


def test_a_target_that_says_nothing_at_the_start_and_a_coupling_without_a_flow_are_refused() -> None:
    data = Dataset("dots", 1, 28, (), lambda: LabelledPictures(torch.zeros(2, 1, 28, 28), torch.zeros(2)))
    with pytest.raises(UserError, match="--prediction-type epsilon does not say what the picture is at pure noise"):
        with_target(fast("flow", data, False), "epsilon", None)
    with pytest.raises(UserError, match="--coupling ot is for flow matching; the schedule is 'ddpm-1000'"):
        with_coupling(fast("ddpm", data, False))


def test_about_half_of_the_pictures_are_mirrored_and_keep_their_labels() -> None:
    pictures = torch.arange(400 * 4, dtype=torch.int64).remainder(251).to(torch.uint8).view(400, 1, 1, 4)
    data = Flipped(LabelledPictures(pictures, torch.arange(400)))
    rows = torch.arange(399, -1, -1)
    shown, (labels,) = data.batch(rows, seeded())
    same = (shown == pictures[rows]).flatten(1).all(1)
    mirrored = (shown == pictures[rows].flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 160 < int(mirrored.sum()) < 240
    assert torch.equal(labels, rows)


@pytest.mark.parametrize(("size", "parameters"), [("small", 683_076), ("base", 2_402_820), ("large", 14_063_236)])
def test_sizes_differ_in_width_depth_and_attention(size: str, parameters: int) -> None:
    with torch.device("meta"):
        network = UNet(UNetConfig(num_classes=10, **SIZES[size]))
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert any(isinstance(module, SelfAttention) for module in network.modules()) == (size == "large")


def test_attention_does_not_know_where_positions_are() -> None:
    """Moved positions give the same outputs, moved; and every output depends on every position."""
    torch.manual_seed(0)
    layer = SelfAttention(32, 4).double().eval()
    nn.init.normal_(layer.out.weight)
    x = torch.randn(2, 32, 3, 4, dtype=torch.float64)
    order = torch.randperm(12)

    def moved(h: Tensor) -> Tensor:
        return h.flatten(2)[:, :, order].view_as(h)

    torch.testing.assert_close(layer(moved(x), x), moved(layer(x, x)))
    changed = x.clone()
    changed[0, 0, 0, 0] += 1
    difference = (layer(changed, x) - layer(x, x)).abs().sum(1)
    assert (difference[0] > 0).all()
    assert not difference[1].any()


def archive(path: Path, names: Callable[[int], str] = lambda i: f"cifar-10-batches-bin/data_batch_{i}.bin") -> np.ndarray:
    """The training files of CIFAR-10 with made-up records, in another order than that of their names."""
    records = np.random.default_rng(0).integers(0, 256, (50_000, 3073), dtype=np.uint8)
    records[:, 0] %= 10
    with tarfile.open(path, "w:gz", compresslevel=0) as written:
        for i in (3, 1, 2, 5, 4):
            raw = records[10_000 * (i - 1) : 10_000 * i].tobytes()
            member = tarfile.TarInfo(names(i))
            member.size = len(raw)
            written.addfile(member, io.BytesIO(raw))
    return records


def test_cifar_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    records = archive(tmp_path / "cifar.tar.gz")
    data = read_cifar(tmp_path / "cifar.tar.gz", "train")
    assert data.pictures.shape == (50_000, 3, 32, 32)
    assert data.labels.tolist() == records[:, 0].tolist()
    assert data.pictures[12_345, 2, 5, 7] == records[12_345, 1 + 2 * 1024 + 5 * 32 + 7]
    with pytest.raises(UserError, match=r"is not the binary version of CIFAR-10 \('test_batch.bin'\)"):
        read_cifar(tmp_path / "cifar.tar.gz", "test")


def test_svhn_is_read_with_its_tens_as_zeros(tmp_path: Path) -> None:
    io_of_scipy = pytest.importorskip("scipy.io")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
    labels = np.arange(1, 21, dtype=np.uint8)[:, None] % 10
    labels[labels == 0] = 10
    io_of_scipy.savemat(tmp_path / "x.mat", {"X": pixels, "y": labels}, do_compression=True)
    data = read_svhn(tmp_path / "x.mat")
    assert data.pictures.shape == (20, 3, 32, 32)
    assert data.labels.tolist() == [i % 10 for i in range(1, 21)]
    assert data.pictures[7, 1, 2, 3] == pixels[2, 3, 1, 7]
    io_of_scipy.savemat(tmp_path / "y.mat", {"X": pixels[:31], "y": labels})
    with pytest.raises(UserError, match="is not a file of SVHN"):
        read_svhn(tmp_path / "y.mat")
    (tmp_path / "z.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(UserError, match="is not a file of SVHN"):
        read_svhn(tmp_path / "z.mat")


@pytest.mark.parametrize(("name", "file"), [("cifar-10", "cifar-10-binary.tar.gz"), ("svhn", "train_32x32.mat")])
def test_another_file_than_the_official_one_is_not_read(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / file).write_bytes(b"something else")
    monkeypatch.setenv("NOISEWALK_DATA", str(tmp_path))
    with pytest.raises(UserError, match=f"is not the official file of {name}"):
        open_dataset(name).load()
