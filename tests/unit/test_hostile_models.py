"""Model folders from strangers: each is a model, or gives one line that says what is wrong; none of their code is run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_pipelines as tiny
import torch
from safetensors.torch import load_file, save_file

import noisewalk as nw
from noisewalk.models import zoo
from noisewalk.models.diffusers.configs import LARGEST
from noisewalk.walk.noise import SeededNoise

pytestmark = pytest.mark.filterwarnings("ignore")
KINDS = ("if-1", "ddpm", "sd-ddim", "flux")
DEEP = "[" * 10_000 + "]" * 10_000
VALUES: list[Any] = [-1, 0, 10**9, 10**30, "64", "..\\..", None, [], {}, [1] * 1000, True, 1e400, -1e400, float("nan"), 0.5]
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {kind: tiny.saved(kind, root) for kind in KINDS}


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Copy the folder of a kind so that it can be damaged; its weights are links to the same data."""
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))

    def copy(kind: str, name: str = "model") -> Path:
        return Path(shutil.copytree(folders[kind], tmp_path / name, copy_function=_linked))

    return copy


def _linked(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        os.link(source, target)
    else:
        shutil.copy(source, target)


def used(folder: Path) -> str:
    """Load a folder and call it once; return "" if it works, or one line."""
    zoo._open.cache_clear()
    try:
        model = nw.load(str(folder))
        prompt = model.encode("" if model.parts.family.encode is None else "a fox")
        level = model.schedule(model.schedule.grid(2)[0])  # type: ignore[attr-defined]
        x = model.start(level, 1, SeededNoise([0]))
        if x.numel() > 3 * 64 * 64:
            return ""  # a large picture of a tiny network: allowed, and too slow to draw here
        model.to_picture(model.model(x, level, *prompt).x0)
    except nw.UserError as error:
        said = str(error)
    else:
        return ""
    assert len(said.splitlines()) == 1
    return said


def fields(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file of JSON that says how something is built, with each of its keys."""
    for name in ("model_index", "config", "scheduler_config"):
        for file in sorted(folder.rglob(f"{name}.json")):
            for key in json.loads(file.read_text()):
                yield str(file.relative_to(folder)), key


@pytest.mark.parametrize("kind", KINDS)
def test_any_value_in_any_field_is_a_model_or_one_line(kind: str, copied: Any) -> None:
    """Each field with one of the values, in turn, in two kinds of folders; every other field in the others."""
    folder, said = copied(kind), []
    for i, (name, key) in enumerate(fields(folder)):
        if i % (1 + KINDS.index(kind) // 2):
            continue
        whole = (folder / name).read_text()
        (folder / name).write_text(json.dumps(json.loads(whole) | {key: VALUES[(i + i // len(VALUES)) % len(VALUES)]}))
        said.append(used(folder))
        (folder / name).write_text(whole)
    assert used(folder) == ""
    assert sum(map(bool, said)) > len(said) / 8  # that the values reach something


SIZES = [
    ("unet/config.json", "sample_size"),
    ("unet/config.json", "in_channels"),
    ("unet/config.json", "layers_per_block"),
    ("unet/config.json", "block_out_channels"),
    ("unet/config.json", "cross_attention_dim"),
    ("scheduler/scheduler_config.json", "num_train_timesteps"),
    ("scheduler/scheduler_config.json", "trained_betas"),
    ("text_encoder/config.json", "num_layers"),
    ("text_encoder/config.json", "d_model"),
]


@pytest.mark.parametrize(("name", "key"), SIZES)
def test_a_size_that_nothing_has_is_refused_with_file_and_key(name: str, key: str, copied: Any) -> None:
    folder = copied("if-1")
    whole = json.loads((folder / name).read_text())
    for value in (-1, 10**9, "64", float("inf"), float("nan"), {"a": 1}):
        (folder / name).write_text(json.dumps(whole | {key: value}))
        assert name in used(folder), (key, value)


def _set(name: str, **changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | changes))

    return damage


def _put(name: str, text: str | bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return damage


def _sharded(shard: str) -> Damage:
    def damage(folder: Path) -> None:
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        shutil.copy(weights, folder.parent / "outside.safetensors")
        names = list(load_file(weights))
        weights.unlink()
        where = shard.format(outside=folder.parent / "outside.safetensors")
        index = {"metadata": {}, "weight_map": dict.fromkeys(names, where)}
        (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))

    return damage


def _weights(change: Callable[[dict[str, Any]], dict[str, Any]], part: str = "unet") -> Damage:
    def damage(folder: Path) -> None:
        (file,) = (folder / part).glob("*.safetensors")
        tensors = change(load_file(file))
        file.unlink()
        save_file(tensors, file, {"format": "pt"})

    return damage


def _link(name: str, to: str) -> Damage:
    def damage(folder: Path) -> None:
        shutil.copy(folder / name, folder.parent / "elsewhere.json")
        (folder / name).unlink()
        (folder / name).symlink_to(to.format(outside=folder.parent / "elsewhere.json"))

    return damage


def _gone(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def _pipe(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return damage


def _dropped(tensors: dict[str, Any]) -> dict[str, Any]:
    return dict(list(tensors.items())[1:])


HOSTILE: list[tuple[Damage, str]] = [
    (_set("model_index.json", _class_name="torch.hub"), "model_index.json"),
    (_set("model_index.json", _class_name="is_torch_available"), "a pipeline of its own code (code.py)"),
    (_set("model_index.json", _class_name=["pipeline.py", "Mine"]), "model_index.json"),
    (_set("model_index.json", unet=["os", "system"]), "noisewalk knows only UNet2D"),
    (_set("model_index.json", unet=["diffusers", "logging"]), "noisewalk knows only UNet2D"),
    (_set("model_index.json", unet=["../x", "UNet2DConditionModel"]), "noisewalk knows only UNet2D"),
    (_set("model_index.json", text_encoder=["transformers", "pipeline"]), "that are a PreTrainedModel"),
    (_set("model_index.json", text_encoder=["transformers", "no.such"]), "that are a PreTrainedModel"),
    (_set("model_index.json", text_encoder=["builtins", "eval"]), "that are a PreTrainedModel"),
    (_set("model_index.json", tokenizer=["transformers", "T5EncoderModel"]), "that are a PreTrainedTokenizerBase"),
    (_set("model_index.json", scheduler=["diffusers", "UNet2DModel"]), "that are a SchedulerMixin"),
    (_set("model_index.json", text_encoder=None), "has no text encoder"),
    (_set("text_encoder/config.json", auto_map={"AutoModel": "code.Mine"}), "auto_map names code"),
    (_set("unet/config.json", auto_map={"AutoModel": "code.Mine"}), "auto_map names code"),
    (_set("tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["code.Mine", None]}), "auto_map names code"),
    (_set("text_encoder/config.json", quantization_config={"quant_method": "x"}), "quantization_config describes"),
    (_set("unet/config.json", cross_attention_dim=16), "unet/config.json (ValueError"),
    (_set("unet/config.json", block_out_channels=[65536, 65536]), "numbers, but its weights hold"),
    (_set("unet/config.json", norm_num_groups=0), "unet/config.json"),
    (_set("unet/config.json", num_class_embeds=7), "of prompts and classes (num_class_embeds)"),
    (_set("unet/config.json", time_cond_proj_dim=8), "time_cond_proj_dim"),
    (_set("unet/config.json", sample_size=[16, 32]), "oblong"),
    (_set("unet/config.json", in_channels=9), "9 channels"),
    (_set("scheduler/scheduler_config.json", _class_name="UniPCMultistepScheduler", solver_p="x"), "solver_p is x"),
    (_set("scheduler/scheduler_config.json", variance_type="odd"), "variance_type 'odd' is not known"),
    (_set("scheduler/scheduler_config.json", trained_betas=[0.0] * 9), "do not increase the noise"),
    (_put("unet/config.json", DEEP), "unet/config.json (RecursionError"),
    (_put("model_index.json", '{"a": ' * 10_000 + "1" + "}" * 10_000), "model_index.json (RecursionError"),
    (_put("unet/config.json", " " * (LARGEST + 1)), f"the limit is {LARGEST:,}"),
    (_put("unet/config.json", "\ufeff{}"), "unet/config.json (JSONDecodeError"),
    (_put("unet/config.json", b"\xff\xfe{}"), "unet/config.json (UnicodeDecodeError"),
    (_put("unet/config.json", "[]"), "does not hold a JSON object"),
    (_put("scheduler/scheduler_config.json", "null"), "does not hold a JSON object"),
    (_put("text_encoder/adapter_config.json", '{"base_model_name_or_path": "owner/name"}'), "belongs to an adapter"),
    (_link("unet/config.json", "{outside}"), "is a link out of the model's folder"),
    (_link("tokenizer/tokenizer_config.json", "{outside}"), "is a link out of the model's folder"),
    (_link("unet/config.json", "config.json"), "unet/config.json"),
    (_pipe("tokenizer/special_tokens_map.json"), "not a regular file"),
    (_gone("tokenizer/tokenizer.json"), "tokenizer does not contain the vocabulary of the text_encoder"),
    (_sharded("../../outside.safetensors"), "$.weight_map"),
    (_sharded("{outside}"), "$.weight_map"),
    (_sharded("missing.safetensors"), "missing.safetensors is missing"),
    (_sharded(".."), "$.weight_map"),
    (_put("unet/diffusion_pytorch_model.safetensors", b"\xff" * 64), "cut short or damaged"),
    (_weights(_dropped), "do not fit"),
    (_weights(_dropped, "text_encoder"), "do not fit"),
    (_weights(lambda tensors: {name: tensor[..., :1].clone() for name, tensor in tensors.items()}), "unet/config.json"),
    (_weights(lambda tensors: {"x" * 300: torch.zeros(1)}), "unet/config.json"),
]


@pytest.mark.parametrize(("damage", "said"), HOSTILE, ids=[f"{i} {said}" for i, (_, said) in enumerate(HOSTILE)])
def test_what_a_hostile_folder_is_told(damage: Damage, said: str, copied: Any) -> None:
    folder = copied("if-1")
    (folder / "code.py").write_text("open('ran', 'w')")
    damage(folder)
    assert said in used(folder)
    assert not Path("ran").exists()


def test_half_precision_files_are_a_model(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as `variant="fp16"` leaves it: diffusers is told which files, or would find none."""
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    tiny.if_stage1().to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    assert not list((tmp_path / "half").rglob("*model.safetensors"))
    assert used(tmp_path / "half") == ""


def test_a_folder_in_the_hubs_cache_links_to_its_blobs(copied: Any, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "c0ffee"
    blobs.mkdir(parents=True)
    shutil.copytree(copied("if-1"), snapshot)
    for i, file in enumerate(file for file in sorted(snapshot.rglob("*")) if file.is_file()):
        shutil.move(file, blobs / str(i))
        file.symlink_to(blobs / str(i))
    assert used(snapshot) == ""
