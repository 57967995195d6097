"""The measures are correct."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from noisewalk import UserError, load
from noisewalk.images import PICTURES, prepare_picture
from noisewalk.judge.digits import digit_features, digit_probabilities
from noisewalk.judge.evaluate import evaluate_digits, nearest_neighbours, real_moments
from noisewalk.judge.frechet import Moments, frechet, moments
from noisewalk.judge.scorer import DigitScorer, get_scorer
from noisewalk.training.data import LabelledPictures, from_uint8


def test_frechet_of_diagonal_gaussians_has_its_closed_form() -> None:
    a = Moments(torch.tensor([0.0, 1.0], dtype=torch.float64), torch.diag(torch.tensor([4.0, 9.0], dtype=torch.float64)), 9)
    b = Moments(torch.tensor([3.0, 1.0], dtype=torch.float64), torch.diag(torch.tensor([1.0, 16.0], dtype=torch.float64)), 9)
    assert frechet(a, b) == pytest.approx(9 + (2 - 1) ** 2 + (3 - 4) ** 2, abs=1e-12)


def test_frechet_of_correlated_gaussians_agrees_with_a_general_matrix_root() -> None:
    """The expected tr (C_a C_b)^(1/2) comes from the eigenvalues of the product, in another way than in the code."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(50, 6, generator=generator, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64,
            generator=generator) for _ in range(2))  # fmt: skip
    a, b = moments(x), moments(y)
    root = torch.linalg.eigvals(a.cov @ b.cov).real.clamp(min=0).sqrt().sum()
    expected = (a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * root
    assert frechet(a, b) == pytest.approx(expected.item(), rel=1e-9)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("digit", [4, 5, 7, 8])
def test_the_reader_reads_real_digits(digit: int) -> None:
    picture = prepare_picture(PICTURES / f"digit-{digit}.png", (1, 28, 28)).tensor
    assert digit_probabilities(picture)[0, digit] > 0.8
    assert digit_features(picture).shape == (1, 128)


def test_the_readers_accuracy_on_the_whole_test_set(mnist_test: LabelledPictures) -> None:
    assert (digit_probabilities(from_uint8(mnist_test.pictures)).argmax(1) == mnist_test.labels).float().mean() >= 0.995


def test_nearest_neighbours_find_a_planted_copy() -> None:
    generator = torch.Generator().manual_seed(0)
    among = torch.rand(700, 1, 28, 28, generator=generator)
    pictures = torch.cat([among[123:124], among[600:601] + 0.5])
    distances, rows = nearest_neighbours(pictures, among, batch=1)
    assert rows[0] == 123
    assert distances[0] < 1e-3
    brute = (pictures[1] - among).square().mean((1, 2, 3)).sqrt()
    assert distances[1] == pytest.approx(brute.min().item(), rel=1e-4)
    assert rows[1] == brute.argmin()


def test_copies_of_the_training_set_are_called_copies(mnist_test: LabelledPictures) -> None:
    real = from_uint8(mnist_test.pictures[:3000])
    train, test = real[:2000], real[2000:]
    asked = mnist_test.labels[:300]
    found = evaluate_digits(train[:300], asked, train, test)
    assert found.copies > 0.95
    assert found.agreement is not None
    assert found.agreement > 0.98
    assert sum(found.per_digit) == pytest.approx(1)
    assert evaluate_digits(test[:300], None, train, test).copies <= 0.03


def test_the_moments_of_real_digits_are_kept_and_damage_is_noticed(
    mnist_test: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "kept"))
    digits = from_uint8(mnist_test.pictures[:200])
    made = real_moments(digits)
    (file,) = (tmp_path / "kept/moments").glob("*")
    whole = file.read_bytes()
    twice = load_file(file)
    twice["0"] *= 2
    metadata = {"noisewalk": safe_open(file, "pt").metadata()["noisewalk"]}
    save_file(twice, file, metadata)
    assert torch.equal(real_moments(digits).mean, 2 * made.mean)  # so the file is used
    wrong = {"0": made.mean, "1": made.cov[:1]}, {"0": made.mean.float(), "1": made.cov}, {"0": made.mean / 0, "1": made.cov}
    damaged = [whole[:-9], b""]
    for tensors in wrong:
        save_file(tensors, file, metadata)
        damaged.append(file.read_bytes())
    for content in damaged:
        file.write_bytes(content)
        again = real_moments(digits)
        assert torch.equal(again.mean, made.mean)
        assert torch.equal(again.cov, made.cov)
        assert file.read_bytes() == whole
    real_moments(digits[:100])
    assert len(list(file.parent.glob("*"))) == 2
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "file"))  # a folder below a file cannot be written, by root neither
    with pytest.warns(UserWarning, match="computed anew each time: cannot write .*NOISEWALK_CACHE"):
        assert torch.equal(real_moments(digits).cov, made.cov)


def test_the_digit_scorer_scores_what_the_reader_reads() -> None:
    """The columns follow the prompts in any form, and '' means the clearest digit."""
    pictures = torch.cat([prepare_picture(PICTURES / f"digit-{digit}.png", (1, 28, 28)).tensor for digit in (4, 5, 7)])
    scores = get_scorer("auto", load("digits")).score(pictures, ["seven", "4", "", "a handwritten 5"])
    torch.testing.assert_close(scores.exp()[:, [1, 3, 0]], digit_probabilities(pictures)[:, [4, 5, 7]])
    assert torch.equal(scores[:, 2], scores[:, [1, 3, 0]].diagonal())


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 28, 28)])
def test_the_digit_scorer_refuses_what_it_cannot_read(shape: tuple[int, int, int]) -> None:
    with pytest.raises(UserError, match="reads pictures of 1x28x28"):
        DigitScorer().score(torch.zeros(1, *shape), ["7"])


def test_a_model_without_a_scorer_says_so() -> None:
    model = replace(load("digits"), name="mine", encode=lambda prompt: (), card={})
    with pytest.raises(UserError, match="'mine' has no scorer of its own; choose one with --scorer: digits"):
        get_scorer("auto", model)
    with pytest.raises(UserError, match="unknown scorer 'digit'; did you mean 'digits'"):
        get_scorer("digit", model)
