"""Whole pictures against diffusers' pipelines: tiny random pipelines, saved and loaded from disk, one noise, float64, to 1e-9.

noisewalk goes through its public functions. diffusers draws its noise from the same streams; its schedulers compute in float64
(see `conftest`), nothing else of it is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import tiny_pipelines as tiny
import torch
from diffusers.pipelines.z_image import pipeline_z_image
from doubled import Doubled
from oracles import F64
from PIL import Image
from pipelines_in_float64 import SEED, close, streams
from torch import Tensor

import noisewalk as nw
from noisewalk.images import to_tensor
from noisewalk.models.diffusers.memory import placement
from noisewalk.models.diffusers.pipeline import open_pipeline
from noisewalk.walk import SeededNoise

PROMPT = "a red fox, 7"
pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path))


def ours(folder: Path, **options: Any) -> nw.Pretrained:
    return nw.load(str(folder), dtype=F64, **options)


def end(result: nw.Result) -> Tensor:
    return result.states[-1].x_t


def test_generate_is_if_pipeline(root: Path, theirs: Any) -> None:
    """Learned variance, dynamic threshold, guidance 7 with the conditional variance, leading grid."""
    folder = tiny.saved("if-1", root)
    mine = end(nw.generate(ours(folder), PROMPT, steps=10, seed=SEED))
    pipe = theirs(diffusers.IFPipeline, folder, *streams())
    close(mine, pipe(PROMPT, num_inference_steps=10, guidance_scale=7.0, output_type="pt", clean_caption=False).images)


def test_a_negative_prompt_is_the_unconditional_branch(root: Path, theirs: Any) -> None:
    folder = tiny.saved("if-1", root)
    mine = end(nw.generate(ours(folder), PROMPT, negative_prompt="blue", steps=5, guidance_scale=4, seed=SEED))
    pipe = theirs(diffusers.IFPipeline, folder, *streams())
    asked: Any = {"negative_prompt": "blue", "num_inference_steps": 5, "guidance_scale": 4.0, "output_type": "pt"}
    close(mine, pipe(PROMPT, **asked, clean_caption=False).images)


def test_edit_is_if_img2img_pipeline(root: Path, theirs: Any) -> None:
    folder = tiny.saved("if-1", root)
    image = Image.effect_noise((16, 16), 90).convert("RGB")
    asked: Any = {"strength": [0.7], "steps": 10, "grid": "native", "guidance_scale": 10, "seed": SEED}
    mine = end(nw.edit(ours(folder), image, prompt=PROMPT, **asked))
    pipe = theirs(diffusers.IFImg2ImgPipeline, folder, *streams())
    rest: Any = {"num_inference_steps": 10, "guidance_scale": 10.0, "output_type": "pt", "clean_caption": False}
    close(mine, pipe(PROMPT, image=to_tensor(image).double(), strength=0.7, **rest).images)


def test_upsampling_is_if_super_resolution_pipeline(root: Path, theirs: Any) -> None:
    first, second = tiny.saved("if-1", root), tiny.saved("if-2", root)
    model = ours(first, upscaler=[str(second)])
    asked: Any = {"steps": 3, "seed": SEED, "upsample": 1, "upsample_steps": [10], "noise_level": [200]}
    made = nw.generate(model, PROMPT, **asked)
    low = made.states[2].x_t
    noise = SeededNoise([SEED], "stage 2")
    pipe = theirs(
        diffusers.IFSuperResolutionPipeline, second, noise, noise.stream("stage 2, low"), noise.stream("stage 2, step")
    )
    rest: Any = {"noise_level": 200, "output_type": "pt", "clean_caption": False, "height": 32, "width": 32}
    close(end(made), pipe(PROMPT, image=low, num_inference_steps=10, guidance_scale=4.0, **rest).images)


@pytest.mark.parametrize("variance", ["fixed_large", "fixed_small"])
def test_generate_is_ddpm_pipeline(tmp_path: Path, theirs: Any, variance: str) -> None:
    """google/ddpm-*: clipped x0, no prompts, variance beta or beta tilde on the strided pairs."""
    folder = tiny.save(tiny.ddpm, tmp_path / "ddpm", variance_type=variance)
    mine = nw.generate(ours(folder), "", steps=10, seed=SEED).tensor
    images = theirs(diffusers.DDPMPipeline, folder, *streams())(num_inference_steps=10, output_type="np").images
    close((mine + 1) / 2, torch.from_numpy(images).permute(0, 3, 1, 2))


def test_components_beside_the_index_are_found(tmp_path: Path) -> None:
    """google/ddpm-* keep config.json and weights beside model_index.json, not in folders."""
    nested = tiny.save(tiny.ddpm, tmp_path / "nested")
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in nested.rglob("*.*"):
        (flat / file.name).write_bytes(file.read_bytes())
    expected = nw.generate(ours(nested), "", steps=2, seed=1).tensor
    assert torch.equal(nw.generate(ours(flat), "", steps=2, seed=1).tensor, expected)


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_generate_is_stable_diffusion_pipeline(tmp_path: Path, theirs: Any, scheduler: str, spacing: str) -> None:
    folder = tiny.save(tiny.stable_diffusion, tmp_path / "sd", scheduler=scheduler, timestep_spacing=spacing)
    mine = nw.generate(ours(folder), PROMPT, steps=10, seed=SEED).tensor
    pipe = theirs(diffusers.StableDiffusionPipeline, folder, *streams(), safety_checker=None)
    images = pipe(PROMPT, num_inference_steps=10, guidance_scale=7.5, output_type="pt").images
    close((mine + 1) / 2, images)


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler"])
def test_walks_from_zero_terminal_snr(tmp_path: Path, theirs: Any, scheduler: str) -> None:
    """A schedule that ends in pure noise, as Lin et al. 2024 mend it: there v says what x0 is, and noise does not."""
    rescaled: Any = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    folder = tiny.save(tiny.stable_diffusion, tmp_path / "sd", scheduler=scheduler, **rescaled)
    model = ours(folder)
    last = model.schedule(torch.tensor(1, dtype=F64))
    assert last.alpha**2 == (0 if scheduler == "DDIMScheduler" else 2**-24)
    mine = nw.generate(model, PROMPT, steps=10, seed=SEED).tensor
    pipe = theirs(diffusers.StableDiffusionPipeline, folder, *streams(), safety_checker=None)
    close((mine + 1) / 2, pipe(PROMPT, num_inference_steps=10, guidance_scale=7.5, output_type="pt").images)


FLOW: dict[str, Any] = {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"}
EDM: dict[str, Any] = {"timestep_type": "continuous", "prediction_type": "v_prediction", "use_karras_sigmas": True}
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("EulerDiscreteScheduler", {"timestep_spacing": "linspace"}),
    ("EulerDiscreteScheduler", EDM | {"sigma_min": 0.002, "sigma_max": 80.0}),
    ("EulerDiscreteScheduler", {"use_beta_sigmas": True}),
    ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "linspace"}),
    ("DPMSolverMultistepScheduler", FLOW),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}),
    ("DPMSolverMultistepScheduler", {"solver_order": 1}),
    ("DPMSolverMultistepScheduler", {"solver_order": 3}),
    ("DPMSolverMultistepScheduler", {"solver_type": "heun"}),
    ("DPMSolverMultistepScheduler", {"final_sigmas_type": "sigma_min"}),
    ("UniPCMultistepScheduler", {}),
    ("UniPCMultistepScheduler", FLOW),
    ("DEISMultistepScheduler", {}),
    ("PNDMScheduler", {"skip_prk_steps": True}),
    ("LMSDiscreteScheduler", {"timestep_spacing": "linspace"}),
    ("HeunDiscreteScheduler", {"timestep_spacing": "linspace"}),
    ("LCMScheduler", {}),
    ("TCDScheduler", {}),
    ("DDIMScheduler", {"clip_sample": True, "clip_sample_range": 2.0}),
]


@pytest.mark.parametrize(("scheduler", "config"), SETTINGS, ids=lambda each: each if isinstance(each, str) else "+".join(each))
def test_settings_of_schedulers_are_followed(
    tmp_path: Path, theirs: Any, monkeypatch: Any, scheduler: str, config: Any
) -> None:
    """Configurations of real folders, some of which noisewalk once got wrong.

    diffusers' LCM computes its boundary condition in PyTorch's default dtype, unless its timestep is in another one.
    """
    boundary = diffusers.LCMScheduler.get_scalings_for_boundary_condition_discrete
    double: Any = lambda self, timestep: boundary(self, timestep.double())  # noqa: E731
    monkeypatch.setattr(diffusers.LCMScheduler, "get_scalings_for_boundary_condition_discrete", double)
    folder = tiny.save(tiny.stable_diffusion, tmp_path / "sd", scheduler=scheduler, **config)
    model = ours(folder)
    for steps in (10, 50) if scheduler in ("PNDMScheduler", "UniPCMultistepScheduler") or config.keys() & EDM else (10,):
        mine = end(nw.generate(model, PROMPT, steps=steps, guidance_scale=2, seed=SEED))
        pipe = theirs(diffusers.StableDiffusionPipeline, folder, *streams(), safety_checker=None)
        other = pipe(PROMPT, num_inference_steps=steps, guidance_scale=2.0, output_type="latent").images
        close(mine / other.abs().max(), other / other.abs().max())


@pytest.mark.parametrize("blocks", [3, 4])
def test_generate_is_stable_diffusion_xl_pipeline(tmp_path: Path, theirs: Any, blocks: int) -> None:
    """Two text encoders, zeros for the empty prompt, and the size as an input, for every factor of the autoencoder."""
    folder = tiny.save(tiny.stable_diffusion_xl, tmp_path / "sdxl", blocks=blocks)
    mine = nw.generate(ours(folder), PROMPT, steps=5, seed=SEED).tensor
    pipe = theirs(diffusers.StableDiffusionXLPipeline, folder, *streams(), add_watermarker=False)
    images = pipe(PROMPT, num_inference_steps=5, guidance_scale=5.0, output_type="pt").images
    close((mine + 1) / 2, images)


@pytest.mark.parametrize("shift", [{"shift": 3.0}, {"use_dynamic_shifting": True}])
def test_generate_is_stable_diffusion_3_pipeline(tmp_path: Path, theirs: Any, shift: Any) -> None:
    folder = tiny.save(tiny.stable_diffusion_3, tmp_path / "sd3", **shift)
    mine = nw.generate(ours(folder), PROMPT, steps=10, seed=SEED).tensor
    pipe = theirs(diffusers.StableDiffusion3Pipeline, folder, *streams())
    images = pipe(PROMPT, num_inference_steps=10, guidance_scale=7.0, output_type="pt").images
    close((mine + 1) / 2, images)


def sized(folder: Path, size: int = 16) -> nw.Pretrained:
    """A model of pictures of another size than the pipeline's 1024 pixels."""
    return open_pipeline(folder, folder.name, placement(dtype=F64), size)


@pytest.mark.parametrize("shift", [{}, {"use_dynamic_shifting": False}])
@pytest.mark.parametrize("distilled", [True, False])
def test_generate_is_flux_pipeline(tmp_path: Path, theirs: Any, distilled: bool, shift: Any) -> None:
    """Latents in patches of 2x2, a grid shifted by their number, and guidance 3.5 as an input (-dev) or without it."""
    folder = tiny.save(tiny.flux, tmp_path / "flux", guidance_embeds=distilled, **shift)
    mine = nw.generate(sized(folder), PROMPT, steps=10, seed=SEED).tensor
    pipe = theirs(diffusers.FluxPipeline, folder, SeededNoise([SEED]))
    asked: Any = {"num_inference_steps": 10, "height": 16, "width": 16, "output_type": "pt"}
    close((mine + 1) / 2, pipe(PROMPT, **asked).images)


def test_guidance_of_flux_is_its_true_cfg(root: Path, theirs: Any) -> None:
    folder = tiny.saved("flux", root)
    mine = nw.generate(sized(folder), PROMPT, negative_prompt="blue", steps=5, guidance_scale=4, seed=SEED).tensor
    pipe = theirs(diffusers.FluxPipeline, folder, SeededNoise([SEED]))
    asked: Any = {"num_inference_steps": 5, "height": 16, "width": 16, "output_type": "pt"}
    close((mine + 1) / 2, pipe(PROMPT, negative_prompt="blue", true_cfg_scale=4.0, **asked).images)


@pytest.mark.parametrize("shift", [{}, {"use_dynamic_shifting": True}])
@pytest.mark.parametrize("scale", [1, 4])
def test_generate_is_z_image_pipeline(tmp_path: Path, theirs: Any, monkeypatch: Any, scale: float, shift: Any) -> None:
    """A velocity with the other sign, a time from 0 to 1, and texts of different lengths.

    Its guidance is c + w (c - u): w is ours less 1. Its pipeline calls `.float()`, in float64 here for both,
    and spaces its times in float32, where those of 8 steps are exact.
    """
    folder = tiny.save(tiny.z_image, tmp_path / "z", **shift)
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    mine = nw.generate(sized(folder), PROMPT, negative_prompt="blue", steps=8, guidance_scale=scale, seed=SEED).tensor
    pipe = theirs(diffusers.ZImagePipeline, folder, SeededNoise([SEED]))
    monkeypatch.setattr(pipeline_z_image, "torch", Doubled(torch))
    asked: Any = {"num_inference_steps": 8, "height": 16, "width": 16, "output_type": "pt"}
    close((mine + 1) / 2, pipe(PROMPT, negative_prompt="blue", guidance_scale=scale - 1.0, **asked).images)


def test_generate_is_prx_pixel_pipeline(root: Path, theirs: Any) -> None:
    """A network that predicts x0, noise of deviation 2, and a velocity with a time of at least .05.

    The pipeline keeps its times in float32; of 1024 timesteps, 12 evenly spaced ones are exact there.
    """
    folder = tiny.saved("prx", root)
    mine = end(nw.generate(ours(folder), PROMPT, steps=12, seed=SEED))
    pipe = theirs(diffusers.PRXPixelPipeline, folder, *streams())
    rest: Any = {"output_type": "pt", "use_resolution_binning": False}
    close(mine, pipe(PROMPT, num_inference_steps=12, guidance_scale=4.0, **rest).images)


def test_stage_three_is_stable_diffusion_upscale_pipeline(root: Path, theirs: Any) -> None:
    """The x4 upscaler: latents beside the noised small picture of the same size."""
    model = ours(tiny.saved("if-1", root), upscaler=[str(tiny.saved("if-2", root)), str(tiny.saved("x4", root))])
    asked: Any = {"steps": 2, "seed": SEED, "upsample": 2, "upsample_steps": [2, 5], "noise_level": [250, 20]}
    made = nw.generate(model, PROMPT, **asked)
    assert made.tensor.shape == (1, 3, 128, 128)
    low = made.states[3].x_t
    noise = SeededNoise([SEED], "stage 3")
    pipe = theirs(
        diffusers.StableDiffusionUpscalePipeline,
        tiny.saved("x4", root),
        noise.stream("stage 3, low"),
        noise,
        noise.stream("stage 3, step"),
    )
    images = pipe(PROMPT, image=low, num_inference_steps=5, guidance_scale=9.0, noise_level=20, output_type="pt").images
    close((made.tensor + 1) / 2, images)
