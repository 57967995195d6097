"""Models of classes: DiT, consistency models and class-conditional U-Nets equal their pipelines; classes are prompts."""

from __future__ import annotations

import json
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
from noisewalk.walk import SeededNoise

pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers


@pytest.fixture(autouse=True)
def fresh() -> None:
    zoo._open.cache_clear()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


def named(folder: Path) -> Path:
    """A DiT's folder with names of classes in its model_index.json, as the published ones have and diffusers does not save."""
    index = json.loads((folder / "model_index.json").read_text())
    index["id2label"] = {"0": "tench, Tinca tinca", "1": "goldfish, Carassius auratus"}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_generate_is_dit_pipeline(tmp_path: Path, theirs: Any, legacy: bool, scale: float) -> None:
    """Labels as prompts, by number and by name; the published folders name the network's old class."""
    folder = named(tiny.save(tiny.dit, tmp_path / "dit", legacy=legacy))
    model = nw.load(str(folder), dtype=F64)
    mine = nw.generate(model, "goldfish", steps=10, guidance_scale=scale, seed=SEED).tensor
    assert torch.equal(nw.generate(model, "1", steps=10, guidance_scale=scale, seed=SEED).tensor, mine)
    pipe = theirs(diffusers.DiTPipeline, folder, *streams())
    close(
        (mine + 1) / 2,
        pipe(pipe.get_label_ids(["goldfish"]), num_inference_steps=10, guidance_scale=scale, output_type="pt").images,
    )


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("config", [{}, {"clip_denoised": False, "sigma_min": 0.3, "sigma_max": 9.0, "rho": 5.0}])
def test_generate_is_consistency_model_pipeline(tmp_path: Path, theirs: Any, steps: int, config: Any) -> None:
    """One step and several, with its own noise; the pipeline says its pictures in [0, 1]."""
    folder = tiny.save(tiny.consistency, tmp_path / "cm", **config)
    mine = nw.generate(nw.load(str(folder), dtype=F64), "3", steps=steps, seed=SEED).tensor
    pipe = theirs(diffusers.ConsistencyModelPipeline, folder, *streams())
    other = pipe(class_labels=3, num_inference_steps=steps, output_type="pt").images
    close((mine.clamp(-1, 1) + 1) / 2, other)


def test_a_class_conditional_unet_is_walked_as_ddpm_pipeline_walks(root: Path, theirs: Any) -> None:
    """DDPMPipeline has no argument for a class, so its loop stands here, with the class told to its network."""
    folder = tiny.saved("class-ddpm", root)
    mine = nw.generate(nw.load(str(folder), dtype=F64), "7", steps=10, seed=SEED).states[-1].x_t
    pipe = theirs(diffusers.DDPMPipeline, folder, streams()[1])
    x = SeededNoise([SEED])(torch.empty(1, 3, 16, 16, dtype=F64))
    pipe.scheduler.set_timesteps(10)
    with torch.no_grad():
        for t in pipe.scheduler.timesteps:
            x = pipe.scheduler.step(pipe.unet(x, t, class_labels=torch.tensor([7])).sample, t, x).prev_sample
    close(mine, x)


def test_a_prompt_that_is_no_class_is_one_line(root: Path) -> None:
    dit, consistency = nw.load(str(named(tiny.saved("dit", root)))), nw.load(str(tiny.saved("consistency", root)))
    with pytest.raises(nw.UserError, match="'goldfisch'; did you mean 'goldfish'"):
        dit.encode("goldfisch")
    assert int(dit.encode("")[0]) == 1000
    with pytest.raises(nw.UserError, match="has no class '10'; its prompts are the numbers of its classes, 0 to 9"):
        nw.generate(consistency, "10", steps=1)
    with pytest.raises(nw.UserError, match="was not trained without one"):
        nw.generate(consistency, "", steps=1)
    with pytest.raises(nw.UserError, match="use guidance_scale 1"):
        nw.generate(consistency, "3", steps=1, guidance_scale=2)
    with pytest.raises(nw.UserError, match="its only prompt is ''"):
        nw.load(str(tiny.saved("ddpm", root))).encode("3")
    with pytest.raises(nw.UserError, match="has 40 timesteps"):
        nw.generate(consistency, "3", steps=40)
