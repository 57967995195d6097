"""Embeddings on disk: a cache that cannot be written or was damaged stops no drawing, and what is imported is checked."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import tiny_pipelines as tiny
import torch
from safetensors.torch import save_file

import noisewalk as nw
from noisewalk.files import cache_folder
from noisewalk.models import zoo
from noisewalk.models.cache import TensorCache
from noisewalk.models.text.embeddings import read_pth


@pytest.mark.filterwarnings("ignore")
def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.save(tiny.if_stage1, tmp_path / "if")
    (tmp_path / "file").touch()
    pictures = []
    for cache in (tmp_path / "good", tmp_path / "file" / "below"):  # a folder under a file is unwritable for root too
        monkeypatch.setenv("NOISEWALK_CACHE", str(cache))
        zoo._open.cache_clear()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            pictures.append(nw.load(str(folder)).encode("a fox")[0])
        told = [str(one.message) for one in said if "embedding" in str(one.message)]
        assert len(told) == ("file" in str(cache))
        assert all("NOISEWALK_CACHE" in one and "--out" not in one for one in told)
    assert torch.equal(*pictures)


def test_a_damaged_entry_counts_as_not_there(tmp_path: Path) -> None:
    cache = TensorCache("e", tmp_path)
    path = cache.put("a", (torch.ones(1, 2, 3),))
    whole = path.read_bytes()
    good = {"noisewalk": '{"encoder": "e", "prompt": "a"}'}
    assert cache.get("a") is not None
    for damage in (whole[:-3], b"", b"\xff" * 99):
        path.write_bytes(damage)
        assert cache.get("a") is None
    for tensors in ({"1": torch.ones(1)}, {"x": torch.ones(1)}, {}):
        save_file(tensors, path, good)
        assert cache.get("a") is None
    path.unlink()
    path.mkdir()
    assert cache.get("a") is None


def test_the_users_folder_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", "~/kept")
    assert cache_folder() == Path.home() / "kept"


@pytest.mark.parametrize(
    "embedding",
    [
        torch.full((1, 2, 3), float("nan")),
        torch.zeros(1).expand(1, 10**6, 10**6),
        torch.zeros(2, 3, 4),
        torch.zeros(1, 0, 4),
        torch.zeros(3),
        torch.zeros(1, 2, 3, dtype=torch.int64),
    ],
)
def test_what_no_encoder_makes_is_not_imported(embedding: torch.Tensor, tmp_path: Path) -> None:
    torch.save({"a": embedding}, tmp_path / "e.pth")
    with pytest.raises(nw.UserError, match="does not hold a dictionary of embeddings"):
        read_pth(tmp_path / "e.pth")
