"""LoRA adapters: a pipeline with them equals diffusers' own, and a file of another model is one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import tiny_pipelines as tiny
import torch
from oracles import F64
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image
from pipelines_in_float64 import close, streams
from safetensors.torch import load_file, save_file

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.models import zoo

PROMPT = "a red fox"
pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    zoo._open.cache_clear()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


def layers(part: Any, targets: list[str], seed: int, rank: int = 2, alpha: int = 4) -> dict[str, Any]:
    """Random LoRA tensors of a part, as peft names them."""
    part.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False), "made")
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in part.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.3, generator=draw)
    return dict(get_peft_model_state_dict(part, adapter_name="made"))


def adapter(folder: Path, kind: Any, to: Path, seed: int = 0, text: bool = False) -> Path:
    """An adapter of a saved pipeline, as its own `save_lora_weights` writes it."""
    pipe = kind.from_pretrained(folder)
    name = "unet" if "unet" in pipe.components else "transformer"
    made = {f"{name}_lora_layers": layers(getattr(pipe, name), ["to_q", "to_v"], seed)}
    if text:
        made["text_encoder_lora_layers"] = layers(pipe.text_encoder, ["q_proj", "v_proj"], seed + 1)
    kind.save_lora_weights(to.parent, **made, weight_name=to.name)
    return to


KINDS: dict[str, Any] = {
    "sd-ddim": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "if-1": diffusers.IFPipeline,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_pipeline_with_an_adapter_is_diffusers_with_it(kind: str, root: Path, tmp_path: Path, theirs: Any) -> None:
    folder = tiny.saved(kind, root)
    file = adapter(folder, KINDS[kind], tmp_path / "style.safetensors", text=kind == "sd-ddim")
    made = nw.generate(nw.load(str(folder), lora=[f"{file}:0.7"], dtype=F64), PROMPT, steps=3, seed=180, guidance_scale=3)
    plain = nw.generate(nw.load(str(folder), dtype=F64), PROMPT, steps=3, seed=180, guidance_scale=3)
    pipe = theirs(KINDS[kind], folder, *streams())
    pipe.load_lora_weights(tmp_path, weight_name=file.name, adapter_name="style")
    pipe.set_adapters(["style"], [0.7])
    pipe.to(dtype=F64)
    asked: dict[str, Any] = {"clean_caption": False} if kind == "if-1" else {}
    other = pipe(PROMPT, num_inference_steps=3, guidance_scale=3.0, output_type="pt", **asked).images
    mine = made.states[-1].x_t if kind == "if-1" else (made.tensor + 1) / 2
    close(mine, other)
    assert not torch.allclose(made.tensor, plain.tensor, atol=1e-4)


def test_adapters_are_summed_in_their_order(root: Path, tmp_path: Path, theirs: Any) -> None:
    folder = tiny.saved("sd-ddim", root)
    files = [adapter(folder, KINDS["sd-ddim"], tmp_path / f"{i}.safetensors", seed=i) for i in (3, 4)]
    model = nw.load(str(folder), lora=[str(files[0]), f"{files[1]}:-0.5"], dtype=F64)
    mine = nw.generate(model, PROMPT, steps=3, seed=180).tensor
    pipe = theirs(KINDS["sd-ddim"], folder, *streams())
    for name, file in zip("ab", files, strict=True):
        pipe.load_lora_weights(tmp_path, weight_name=file.name, adapter_name=name)
    pipe.set_adapters(["a", "b"], [1.0, -0.5])
    pipe.to(dtype=F64)
    close((mine + 1) / 2, pipe(PROMPT, num_inference_steps=3, guidance_scale=7.5, output_type="pt").images)


def test_an_adapter_of_other_programs_is_read_with_its_alpha(root: Path, tmp_path: Path, theirs: Any) -> None:
    """kohya's names: lora_unet_..., lora_down, lora_up and alpha."""
    folder = tiny.saved("sd-ddim", root)
    made = load_file(adapter(folder, KINDS["sd-ddim"], tmp_path / "a.safetensors"))
    other = {}
    for key, tensor in made.items():
        module, _, end = key.removeprefix("unet.").partition(".lora_")
        name = "lora_unet_" + module.replace(".", "_").replace("to_out_0", "to_out_0")
        other[f"{name}.lora_{'down' if end.startswith('A') else 'up'}.weight"] = tensor
        other[f"{name}.alpha"] = torch.tensor(1.0)
    save_file(other, tmp_path / "kohya.safetensors")
    mine = nw.generate(nw.load(str(folder), lora=["kohya.safetensors"], dtype=F64), PROMPT, steps=3, seed=180).tensor
    pipe = theirs(KINDS["sd-ddim"], folder, *streams())
    pipe.load_lora_weights(tmp_path, weight_name="kohya.safetensors", adapter_name="a")
    pipe.to(dtype=F64)
    close((mine + 1) / 2, pipe(PROMPT, num_inference_steps=3, guidance_scale=7.5, output_type="pt").images)


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*line: object) -> tuple[int, str]:
        status = main([str(word) for word in line])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_a_picture_remembers_its_adapters_and_is_made_again(root: Path, run: Run) -> None:
    folder = Path(shutil.copytree(tiny.saved("sd-ddim", root), "model"))
    adapter(folder, KINDS["sd-ddim"], Path("style.safetensors").absolute(), text=True)
    line = ("generate", PROMPT, "--model", "./model", "--steps", 2)
    assert run(*line, "--lora", "style.safetensors:0.5", "--out", "a.png")[0] == 0
    assert run(*line, "--out", "b.png")[0] == 0
    assert Path("a.png").read_bytes() != Path("b.png").read_bytes()
    record = json.loads(Image.open("a.png").text["noisewalk"])  # type: ignore[attr-defined]
    assert [(each["name"], each["scale"]) for each in record["model"]["lora"]] == [("style.safetensors", 0.5)]
    Path("away").mkdir()
    for name in ("a.png", "style.safetensors", "model"):
        Path(name).rename(Path("away") / name)
    status, said = run("replay", "away/a.png")
    assert (status, "every pixel agrees" in said) == (0, True), said
    save_file({key: 2 * tensor for key, tensor in load_file("away/style.safetensors").items()}, "away/style.safetensors")
    status, said = run("replay", "away/a.png")
    assert status == 2
    assert "style.safetensors" in said
    assert len(said.splitlines()) == 1


def test_a_wrong_adapter_is_one_line(root: Path, tmp_path: Path, run: Run) -> None:
    sd, xl = tiny.saved("sd-ddim", root), tiny.saved("sdxl", root)
    good = load_file(adapter(sd, KINDS["sd-ddim"], tmp_path / "good.safetensors"))
    save_file({k.replace("attentions.0", "attentions.7"): v for k, v in good.items()}, tmp_path / "far.safetensors")
    save_file({k: torch.cat([v, v]) if "lora_B" in k else v for k, v in good.items()}, tmp_path / "wide.safetensors")
    save_file({"model.weight": torch.zeros(2)}, tmp_path / "whole.safetensors")
    save_file({k.replace("unet.", "transformer."): v for k, v in good.items()}, tmp_path / "flux.safetensors")
    adapter(xl, KINDS["sdxl"], tmp_path / "xl.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "code.bin").write_bytes(b"\x80")
    cases = {
        "far.safetensors": "does not fit sd-ddim",
        "wide.safetensors": "does not fit sd-ddim",
        "flux.safetensors": "does not fit sd-ddim",
        "xl.safetensors": "does not fit sd-ddim",
        "whole.safetensors": "a whole model goes to --model",
        "cut.safetensors": "cut short or damaged",
        "code.bin": "from .safetensors files only",
        "absent.safetensors": "there is no adapter",
        "good.safetensors:900": "must be at most 100",
    }
    for name, expected in cases.items():
        status, said = run("generate", PROMPT, "--model", sd, "--steps", 1, "--lora", name, "--out", "a.png")
        assert (status, expected in said.splitlines()[-1]) == (2, True), (name, said)
        assert "Traceback" not in said
    assert "takes no LoRA adapters" in run("generate", "7", "--lora", "good.safetensors")[1]
    assert "takes no LoRA adapters" in run("generate", "", "--model", tiny.saved("ddpm", root), "--lora", "good.safetensors")[1]


@pytest.mark.parametrize(
    "key", ["text_encoder_3.encoder.block.0.layer.0.SelfAttention.q", "lora_te3_encoder_block_0_layer_0_q"]
)
def test_an_adapter_of_the_third_text_encoder_is_refused_by_name(key: str, root: Path, tmp_path: Path) -> None:
    folder = tiny.saved("sd3", root)
    good = load_file(adapter(folder, KINDS["sd3"], tmp_path / "a.safetensors"))
    both = good | {f"{key}.lora_A.weight": torch.zeros(2, 16), f"{key}.lora_B.weight": torch.zeros(16, 2)}
    save_file(both, tmp_path / "both.safetensors")
    nw.load(str(folder), lora=[str(tmp_path / "a.safetensors")])
    with pytest.raises(nw.UserError, match="it changes the third text encoder, a T5, which diffusers does not change"):
        nw.load(str(folder), lora=[str(tmp_path / "both.safetensors")])
