"""A single file of Stable Diffusion draws what its folder draws; another file is one line that says what it is."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import diffusers
import original_layout as original
import pytest
import tiny_pipelines as tiny
import torch
from oracles import F64
from pipelines_in_float64 import SEED, close, streams
from safetensors.torch import load_file, save_file

import noisewalk as nw
from noisewalk.models import zoo
from noisewalk.models.doctor import examine
from noisewalk.models.header import read_header

pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers
PROMPT = "a red fox"
XL_V = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    zoo._open.cache_clear()


def written(builder: Any, root: Path, *, options: Any = None, **metadata: str) -> tuple[Path, Path]:
    """Return the folder of a pipeline, and its single file with the tokenizer beside it."""
    folder = tiny.save(builder, root / "folder", **(options or {}))
    file = original.single_file(folder, root / "model.safetensors", resolution="16x16", **metadata)
    shutil.copytree(folder / "tokenizer", root / "model" / "tokenizer")
    return folder, file


@pytest.mark.parametrize(
    ("builder", "kind", "scale", "options", "metadata"),
    [
        (original.sd1, "StableDiffusionPipeline", 7.5, {}, {}),
        (original.sd2, "StableDiffusionPipeline", 7.5, {}, {"architecture": "stable-diffusion-v2-768-v"}),
        (original.sd2, "StableDiffusionPipeline", 7.5, {"target": "epsilon"}, {"prediction_type": "epsilon"}),
        (original.sdxl, "StableDiffusionXLPipeline", 5.0, {}, {}),
        (original.sdxl, "StableDiffusionXLPipeline", 5.0, {"prediction_type": "v_prediction"}, {"predict_key": "v"}),
    ],
    ids=["1", "2 velocity", "2 noise", "xl", "xl velocity"],
)
def test_a_single_file_is_its_pipeline(
    builder: Any, kind: str, scale: float, options: Any, metadata: Any, tmp_path: Path, theirs: Any
) -> None:
    folder, file = written(builder, tmp_path, options=options, **metadata)
    mine = nw.generate(nw.load(str(file), dtype=F64), PROMPT, steps=3, seed=SEED).tensor
    pipe = theirs(getattr(diffusers, kind), folder, *streams())
    other = pipe(PROMPT, num_inference_steps=3, guidance_scale=scale, output_type="pt").images
    close((mine + 1) / 2, other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single file of Stable Diffusion 1, with its tokenizer beside it, and its folder."""
    return written(original.sd1, tmp_path_factory.mktemp("whole"))[1]


@pytest.fixture
def file(whole: Path, tmp_path: Path) -> Path:
    """A copy of the file that a test may change."""
    shutil.copytree(whole.with_suffix(""), tmp_path / "model")
    return Path(shutil.copy(whole, tmp_path / "model.safetensors"))


def drawn(file: Path, steps: int = 1, **how: Any) -> Any:
    zoo._open.cache_clear()
    return nw.generate(nw.load(str(file), **how), PROMPT, steps=steps, seed=SEED)


def changed(file: Path, change: Any, **metadata: str) -> Path:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, {"modelspec.resolution": "16x16", **metadata})
    return file


def refused(file: Path, said: str) -> None:
    with pytest.raises(nw.UserError, match=said) as caught:
        drawn(file)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_of_halves_is_the_folder_of_halves(file: Path, whole: Path) -> None:
    folder = file.parent / "halves"
    diffusers.DiffusionPipeline.from_pretrained(whole.with_name("folder")).to(torch.float16).save_pretrained(folder)
    changed(file, lambda tensors: tensors.update({k: v.half() for k, v in tensors.items() if v.is_floating_point()}))
    torch.testing.assert_close(drawn(file, dtype=F64).tensor, drawn(folder, dtype=F64).tensor, rtol=0, atol=1e-12)


def test_the_scheduler_beside_a_file_says_what_the_file_does_not(tmp_path: Path) -> None:
    folder, file = written(original.sd2, tmp_path)
    refused(file, r"may predict the noise or the velocity, .* put .*scheduler_config\.json beside it")
    shutil.copytree(folder / "scheduler", tmp_path / "model" / "scheduler")
    torch.testing.assert_close(drawn(file, dtype=F64).tensor, drawn(folder, dtype=F64).tensor, rtol=0, atol=1e-12)
    scheduler = tmp_path / "model" / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("v_prediction", "epsilon"))
    assert (drawn(file, dtype=F64).tensor - drawn(folder, dtype=F64).tensor).abs().max() > 1e-5


def test_the_terminal_level_of_an_xl_file_is_pure_noise_if_it_says_so(tmp_path: Path) -> None:
    folder, file = written(original.sdxl, tmp_path, options=XL_V)
    changed(file, lambda tensors: tensors.update(v_pred=torch.zeros(0), ztsnr=torch.zeros(0)))
    torch.testing.assert_close(drawn(file, 2, dtype=F64).tensor, drawn(folder, 2, dtype=F64).tensor, rtol=0, atol=1e-12)


def test_the_vocabulary_comes_from_the_cache_of_the_hub_or_is_asked_for(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = drawn(file).tensor
    tokenizer = shutil.move(file.with_suffix("") / "tokenizer", tmp_path / "tokenizer")
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = [str(each) for each in examine(str(file), offline=True)]
    assert any("does not contain the vocabulary" in each for each in found)
    refused(file, "does not contain the vocabulary of its text encoder: run `hf download openai/clip-vit-large-patch14")
    repository = tmp_path / "hub" / "models--openai--clip-vit-large-patch14"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    shutil.copytree(tokenizer, repository / "snapshots" / "c0ffee")
    assert torch.equal(drawn(file).tensor, mine)
    assert any("vocabulary of 54 tokens" in str(each) for each in examine(str(file), offline=True))


def test_a_picture_of_a_single_file_replays_after_the_file_moved(file: Path, tmp_path: Path) -> None:
    result = drawn(file)
    result.save(tmp_path / "made" / "fox.png")
    moved = Path(shutil.move(file, tmp_path / "made" / "other.safetensors"))
    shutil.move(file.with_suffix(""), moved.with_suffix(""))
    zoo._open.cache_clear()
    assert torch.equal(nw.replay(tmp_path / "made" / "fox.png").result.tensor, result.tensor)


def test_an_adapter_changes_a_single_file_as_it_changes_its_folder(file: Path, whole: Path) -> None:
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_{}.weight"
    lora = file.with_name("style.safetensors")
    save_file({name.format("A"): torch.randn(2, 64), name.format("B"): torch.randn(64, 2)}, lora)
    mine, other, plain = (
        drawn(model, dtype=F64, lora=adapters).tensor
        for model, adapters in ((file, [str(lora)]), (whole.with_name("folder"), [str(lora)]), (file, []))
    )
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)
    assert (mine - plain).abs().max() > 1e-6


DAMAGE: dict[str, tuple[Any, str]] = {
    "a weight is missing": (lambda t: t.pop("model.diffusion_model.out.2.bias"), "is not a whole Stable Diffusion 1"),
    "a layer too many": (
        lambda t: t.update({"model.diffusion_model.adapter.weight": torch.zeros(3)}),
        "its unet has tensors that no network of this kind has",
    ),
    "no first convolution": (
        lambda t: t.pop("model.diffusion_model.input_blocks.0.0.weight"),
        r"not those of Stable Diffusion 1 \(see 'input_blocks\.0\.0\.weight'\)",
    ),
    "for inpainting": (
        lambda t: t.update({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(32, 9, 3, 3)}),
        "a U-Net of 9 channels for latents of 4; it may be one for inpainting",
    ),
    "bytes as weights": (
        lambda t: t.update({"model.diffusion_model.out.2.bias": torch.zeros(4, dtype=torch.uint8)}),
        "weights of the dtype U8, which noisewalk does not read",
    ),
    "a width of nothing": (
        lambda t: t.update({"model.diffusion_model.input_blocks.1.0.out_layers.3.weight": torch.zeros(2**20, 0, 3, 3)}),
        "block_out_channels",
    ),
    "another shape": (
        lambda t: t.update({"model.diffusion_model.out.2.weight": torch.zeros(4)}),
        "is not a whole Stable Diffusion 1|cannot build the unet",
    ),
    "a vector as text": (
        lambda t: t.update({"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": torch.zeros(3)}),
        "not those of Stable Diffusion 1",
    ),
    "no levels": (
        lambda t: [t.pop(k) for k in list(t) if k.startswith("model.diffusion_model.input_blocks.1.")],
        "block_out_channels",
    ),
    "of videos": (lambda t: t.update({"model.diffusion_model.x.time_stack.y": torch.zeros(1)}), "is a model of videos"),
    "no autoencoder": (
        lambda t: [t.pop(k) for k in list(t) if k.startswith("first_stage_model.")],
        "is a Stable Diffusion without its autoencoder or its text encoder",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_whole_is_one_line(damage: str, file: Path) -> None:
    change, said = DAMAGE[damage]
    refused(changed(file, change), said)


def test_the_autoencoder_of_xl_computes_in_float32_where_float16_overflows(tmp_path: Path) -> None:
    _, file = written(original.sdxl, tmp_path)
    for dtype in (torch.float16, torch.bfloat16):
        parts: Any = nw.load(str(file), dtype=dtype).parts
        assert parts.vae().dtype == (torch.float32 if dtype == torch.float16 else dtype)


def test_a_header_is_bounded_and_a_cut_file_is_one_line(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    refused(file, "it may be cut short")
    header = json.dumps({"__metadata__": {"a": "x" * (33 << 20)}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"x")
    with pytest.raises(nw.UserError, match=r"the header of .* has 34,60\d,\d+ bytes, but the limit is 33,554,432"):
        read_header(file)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "is a single file of Flux"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "is a single file of Stable Diffusion 3"),
        ("model.diffusion_model.layers.0.attention.qkv.weight", "is a single file of another kind"),
        ("conditioner.embedders.0.model.ln_final.weight", "is the refiner of Stable Diffusion XL"),
        ("control_model.input_blocks.0.0.weight", "is a ControlNet"),
        ("low_scale_model.betas", "is an upscaler"),
        ("edm_mean", "is Playground 2.5"),
        ("edm_vpred.sigma_max", "is CosXL"),
        ("decoder.up.0.block.0.conv1.weight", "is an autoencoder alone"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", r"is a text encoder \(CLIP\) alone"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", r"is a text encoder \(T5\) alone"),
        ("emb_params", "is an embedding of textual inversion"),
        ("down_blocks.0.resnets.0.conv1.weight", "is the network of a folder that diffusers saved"),
        ("model.diffusion_model.input_blocks.0.0.weight", "is a Stable Diffusion without its autoencoder"),
        ("lora_unet_mid_block.lora_down.weight", "is a LoRA adapter; give it to lora"),
        ("net.blocks.0.attn.qkv.weight", "is a checkpoint of JiT"),
        ("anything", "noisewalk did not write it"),
    ],
)
def test_another_file_says_what_it_is(tensor: str, said: str, tmp_path: Path) -> None:
    save_file({tensor: torch.zeros(2)}, tmp_path / "one.safetensors")
    refused(tmp_path / "one.safetensors", said)
