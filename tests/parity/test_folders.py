"""What people have in folders: half-precision variants, shards and .bin files equal their pipelines, or are one line."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import tiny_pipelines as tiny
import torch
from oracles import F64
from pipelines_in_float64 import SEED, close, streams

import noisewalk as nw
from noisewalk.models import zoo
from noisewalk.models.diffusers.hub import locate

pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers
PROMPT = "a red fox"


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    zoo._open.cache_clear()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


SAVED: dict[str, dict[str, Any]] = {
    "half": {"variant": "fp16"},
    "half shards": {"variant": "fp16", "max_shard_size": "20KB"},
    "shards": {"max_shard_size": "20KB"},
    "bin": {"safe_serialization": False},
    "bin shards": {"safe_serialization": False, "max_shard_size": "20KB"},
}


@pytest.mark.parametrize("how", SAVED)
def test_a_folder_of_any_files_is_its_pipeline(how: str, root: Path, tmp_path: Path, theirs: Any) -> None:
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(tiny.saved("sd-ddim", root))
    options = SAVED[how]
    pipe.to(torch.float16 if "variant" in options else torch.float32).save_pretrained(tmp_path / "model", **options)
    names = {file.name for file in (tmp_path / "model" / "unet").iterdir()}
    assert any("-00001-of-" in name for name in names) == ("shards" in how), names
    mine = nw.generate(nw.load(str(tmp_path / "model"), dtype=F64), PROMPT, steps=3, seed=SEED).tensor
    asked: dict[str, Any] = {"variant": options.get("variant")}
    if "bin" in how:  # the pipeline of diffusers finds shards of .bin files only if each part is asked for them
        kinds = {"unet": diffusers.UNet2DConditionModel, "vae": diffusers.AutoencoderKL}
        bins = {"use_safetensors": False, "torch_dtype": F64}
        asked |= {part: kind.from_pretrained(tmp_path / "model" / part, **bins) for part, kind in kinds.items()}
    pipe = theirs(diffusers.StableDiffusionPipeline, tmp_path / "model", *streams(), safety_checker=None, **asked)
    close((mine + 1) / 2, pipe(PROMPT, num_inference_steps=3, guidance_scale=7.5, output_type="pt").images)


class Runs:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_a_pickle_that_runs_code_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(tiny.saved("ddpm", root), tmp_path / "model"))
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(
        pickle.dumps({"conv_in.weight": Runs(), "fill": "x" * 40_000})
    )
    with pytest.raises(nw.UserError, match=r"cannot load the unet|do not fit|numbers, but its weights hold"):
        nw.generate(nw.load(str(folder)), "", steps=1)
    assert not Path("ran").exists()


def test_a_variant_that_is_not_read_is_named(root: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny.saved("ddpm", root), tmp_path / "model"))
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.rename(weights.with_name("diffusion_pytorch_model.non_ema.safetensors"))
    with pytest.raises(nw.UserError, match=r"but diffusion_pytorch_model\.non_ema\.safetensors; download that variant"):
        nw.load(str(folder))


def test_other_models_in_pixels_are_one_line(tmp_path: Path) -> None:
    for name in (
        "MCG-NJU/PixNerd-XXL-P16-T2I",
        "ShoufaChen/PixelFlow-Text2Image",
        "someone/JiT-B-16",
        "nvidia/PixelDiT-1300M-1024px",
        "zehongma/PixelGen",
    ):
        with pytest.raises(nw.UserError, match="of models in pixels, prxpixel and deepfloyd work"):
            locate(f"hub:{name}", offline=True)
    (tmp_path / "model.ckpt").write_bytes(b"x")
    with pytest.raises(nw.UserError, match=r"may hold code, which is why noisewalk reads no \.ckpt file"):
        nw.load(str(tmp_path / "model.ckpt"))
