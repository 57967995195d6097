"""The sources of the digits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from noisewalk import UserError
from noisewalk.training import data
from noisewalk.training.data import SAMPLE, LabelledPictures, fashion_mnist, mnist


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no folder, no cache and no network."""
    monkeypatch.delenv("NOISEWALK_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(data, "_MIRRORS", dict.fromkeys(data._MIRRORS, "http://127.0.0.1:9/"))


@pytest.mark.usefixtures("no_network")
def test_without_a_network_the_digits_are_the_sample_and_a_warning_says_so() -> None:
    for split, count in (("train", 5000), ("test", 1000)):
        with pytest.warns(UserWarning, match=f"could not be downloaded.*the {count:,} {split} digits that come with noisewalk"):
            digits = mnist(split)
        assert digits.pictures.shape == (count, 1, 28, 28)
        assert digits.labels.unique().tolist() == list(range(10))


@pytest.mark.usefixtures("no_network")
def test_there_is_no_sample_of_other_data() -> None:
    with pytest.raises(UserError, match="fashion-mnist could not be downloaded"):
        fashion_mnist("test")


def test_the_sample_is_the_head_of_the_official_files(mnist_test: LabelledPictures) -> None:
    sample = data._read_idx(SAMPLE / "t10k-images-idx3-ubyte.gz", "")
    assert torch.equal(torch.from_numpy(sample), mnist_test.pictures[:1000, 0])


def test_a_damaged_file_is_not_replaced_by_the_sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"not the digits")
    monkeypatch.setenv("NOISEWALK_DATA", str(tmp_path))
    with pytest.raises(UserError, match="is not a complete mnist file"):
        mnist("test")
