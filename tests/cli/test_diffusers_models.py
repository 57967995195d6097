"""Diffusers models on the command line: messages, files, and missing parts."""

from __future__ import annotations

import functools
import html
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny_pipelines as tiny
import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from PIL import Image
from safetensors.torch import load_file, save_file

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.cli.report import part_a
from noisewalk.documents import site
from noisewalk.documents.reading import read_document
from noisewalk.documents.resolving import CommandResolver
from noisewalk.documents.site import BUNDLED
from noisewalk.models import zoo
from noisewalk.models.diffusers import memory
from noisewalk.models.diffusers.memory import placement
from noisewalk.requests.others import Tour
from noisewalk.run.prepare import prepare
from noisewalk.techniques import TECHNIQUES
from noisewalk.walk import cosine_schedule, linear_betas, vp_schedule

pytestmark = [  # diffusers and transformers; noisewalk's own are user warnings
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("default::UserWarning:noisewalk.*"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(autouse=True)
def fresh(one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test its own folder and cache, with no model loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    zoo._open.cache_clear()


@pytest.fixture
def stage1(root: Path, tmp_path: Path) -> Path:
    """A copy of the tiny stage I that a test may damage."""
    return Path(shutil.copytree(tiny.saved("if-1", root), tmp_path / "if"))


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command line, and return the exit status, standard output and standard error."""

    def run(*line: object) -> tuple[int, str, str]:
        status = main([str(word) for word in line])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_cascade_from_the_command_line_can_be_replayed(run: Said, root: Path, stage1: Path) -> None:
    stage2 = tiny.saved("if-2", root)
    line = ("anagram", "an old man", "a campfire", "--model", stage1, "--upscaler", stage2, "--upsample", 1)
    status, _, said = run(*line, "--steps", 2, "--upsample-steps", 2, "--noise-level", 50, "--out", "a.png")
    assert status == 0
    assert "if: about 0.00 GiB of" in said
    assert "loading the text encoder" in said
    assert said.index("freeing the text encoder") > said.index("loading the text encoder")
    assert "peak memory" in said
    with Image.open("a.png") as image:
        assert image.size == (224, 224)  # 32x32, enlarged by seven
        record = json.loads(image.text["noisewalk"])
    assert record["model"]["upscaler"] == [stage2.name]
    status, out, said = run("replay", "a.png")
    assert (status, "every pixel agrees" in out) == (0, True)
    assert "text encoder" not in said  # its embeddings were kept


def test_an_upsampled_inpainting_can_be_replayed_without_its_pictures(run: Said, root: Path, stage1: Path) -> None:
    picture, mask = Image.effect_noise((32, 32), 60).convert("RGB"), Image.new("L", (32, 32), 0)
    mask.paste(255, (8, 8, 24, 24))
    picture.save("picture.png")
    mask.save("mask.png")
    line = ("inpaint", "picture.png", "mask.png", "--model", stage1, "--upscaler", tiny.saved("if-2", root), "--upsample", 1)
    assert run(*line, "--steps", 2, "--upsample-steps", 2, "--num-resamples", 1, "--out", "a.png")[0] == 0
    with Image.open("a.png") as image:
        assert image.reduce(7).crop((0, 0, 32, 8)).tobytes() == picture.crop((0, 0, 32, 8)).tobytes()  # enlarged by seven
    Path("picture.png").unlink()
    Path("mask.png").unlink()
    status, out, _ = run("replay", "a.png")
    assert (status, "every pixel agrees" in out) == (0, True)


@pytest.mark.parametrize("technique", ["generate", "edit", "inpaint"])
def test_two_upsampling_stages_from_end_to_end(run: Said, root: Path, stage1: Path, technique: str) -> None:
    """Stages of 16, 32 and 128 pixels, the last in latents: the picture is made, saved, opened, and replayed from its file."""
    Image.effect_noise((128, 128), 60).convert("RGB").save("picture.png")
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 32, 96, 96))
    mask.save("mask.png")
    asked = {
        "generate": ("a fox",),
        "edit": ("picture.png", "--prompt", "a fox", "--start", 1),
        "inpaint": ("picture.png", "mask.png", "--prompt", "a fox", "--num-resamples", 1),
    }
    line = (technique, *asked[technique], "--model", stage1, "--upscaler", tiny.saved("if-2", root), tiny.saved("x4", root))
    end = ("--upsample", 2, "--upsample-steps", 2, 2, "--noise-level", 50, 20, "--steps", 2, "--num", 2, "--out", "made")
    status, out, said = run(*line, *end)
    assert status == 0, said
    assert sorted(out.split()) == ["made/figure.png", "made/seed0.png", "made/seed1.png"]
    for file in ("picture.png", "mask.png"):
        Path(file).unlink()
    with Image.open("made/seed1.png") as image:
        image.load()
        assert image.size == (256, 256)  # 128x128, enlarged by two
        record = json.loads(image.text["noisewalk"])
        assert len(image.text["noisewalk"]) < 5000
    assert [len(digest) for digest in record["model"]["upscaler_weights"]] == [16, 16]
    for file in ("figure", "seed0", "seed1"):
        status, out, said = run("replay", f"made/{file}.png")
        assert (status, "every pixel agrees" in out) == (0, True), said


def test_models_in_folders_are_found_beside_the_picture(run: Said, root: Path, stage1: Path) -> None:
    stage2 = Path(shutil.copytree(tiny.saved("if-2", root), "two"))
    line = ("generate", "a fox", "--model", stage1, "--upscaler", stage2.absolute(), "--upsample", 1)
    assert run(*line, "--steps", 2, "--upsample-steps", 2, "--out", "a.png")[0] == 0
    assert str(Path.cwd()).encode() not in Path("a.png").read_bytes()
    there = Path("given/away")
    there.mkdir(parents=True)
    for each, name in ((Path("a.png"), "b.png"), (stage1, "first"), (stage2, "second")):
        each.rename(there / name)
    status, out, said = run("replay", there / "b.png")
    assert (status, "every pixel agrees" in out, "weights" in said) == (0, True, False), said
    (weights,) = (there / "second/unet").glob("*.safetensors")
    save_file({name: 2 * tensor for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    status, out, said = run("replay", there / "b.png")
    assert (status, out) == (2, "")
    assert "the model 'two' (weights" in said
    assert "nor beside the picture; put it beside the picture" in said
    (there / "second").rename("two")
    status, out, said = run("replay", there / "b.png")
    assert status == 1
    assert "the weights of upscaler 1 are " in said


def test_prompts_are_encoded_once_and_the_encoder_is_not_needed_again(run: Said, stage1: Path) -> None:
    status, out, _ = run("encode", "A Red Fox ", "", "--model", stage1)
    assert status == 0
    assert len(list(Path("cache/prompts").glob("*.safetensors"))) == len(out.splitlines()) == 2
    for weights in (stage1 / "text_encoder").glob("*.safetensors"):
        weights.write_bytes(weights.read_bytes())  # the same weights: the same encoder
    zoo._open.cache_clear()
    status, _, said = run("generate", "a red fox", "--model", stage1, "--steps", 2, "--out", "a.png")
    assert (status, "text encoder" in said) == (0, False)


def test_other_weights_of_an_encoder_are_another_encoder(run: Said, stage1: Path) -> None:
    run("encode", "a fox", "--model", stage1)
    (weights,) = (stage1 / "text_encoder").glob("*.safetensors")
    save_file({name: 2 * tensor for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    zoo._open.cache_clear()
    assert "loading the text encoder" in run("encode", "a fox", "--model", stage1)[2]


def test_the_courses_embeddings_are_imported_and_stand_in_for_the_encoder(run: Said, stage1: Path) -> None:
    given = torch.randn(1, 77, 8, generator=torch.Generator().manual_seed(0))
    torch.save({"A rocket ship": given, "": given.zero_() + 1}, "prompts.pth")
    shutil.rmtree(stage1 / "text_encoder")
    (stage1 / "text_encoder").mkdir()
    assert run("encode", "--embeddings", "prompts.pth", "--model", stage1)[0] == 0
    assert torch.equal(nw.load(str(stage1)).encode("a rocket ship")[0], given)
    assert run("generate", "a rocket ship", "--model", stage1, "--steps", 2, "--out", "a.png")[0] == 0
    status, _, said = run("generate", "a fox", "--model", stage1, "--steps", 2, "--out", "a.png")
    assert (status, "has no weights of its text_encoder" in said) == (2, True)


def test_a_prompt_that_is_too_long_says_which_words_are_dropped(run: Said, stage1: Path) -> None:
    """The encoder reads letters here, so it sees only 76 letters and the end."""
    status, _, said = run("encode", "a" * 70 + " bcd efg", "--model", stage1)
    assert status == 0
    assert "the prompt is cut at 77 of its" in said
    assert "without 'efg'" in said


def test_captions_are_not_cleaned_only_lower_cased(stage1: Path) -> None:
    """Caption cleaning of diffusers would change the text; our encoder gets the text in lower case, and otherwise unchanged."""
    model = nw.load(str(stage1))
    assert torch.equal(model.encode(" A (Fox), #7. ")[0], model.encode("a (fox), #7.")[0])
    assert not torch.equal(model.encode("a (fox), #7.")[0], model.encode("a fox, 7.")[0])


def test_inpainting_on_latents_keeps_whole_cells(root: Path) -> None:
    """A latent is kept only if all pixels under it are kept."""
    model = nw.load(str(tiny.saved("sd-ddim", root)))
    image = Image.effect_noise((16, 16), 60).convert("RGB")
    mask = Image.new("L", (16, 16), 0)
    mask.putpixel((5, 5), 255)
    made = nw.inpaint(model, image, mask, steps=2, num_resamples=[1], grid="linspace")
    kept = made.states[-1].x_t - model.to_walk(nw.images.to_tensor(image))
    assert (kept.abs().amax(1)[0] > 1e-6).nonzero().tolist() == [[2, 2]]


@pytest.mark.parametrize("seed", [180, 7])
def test_the_courses_experiments_are_command_lines(seed: int) -> None:
    document = read_document(BUNDLED / "course.md", {"seed": str(seed)})
    jobs = [command.job for block in document.blocks.values() for command in block.commands]
    assert {job.technique for job in jobs} == {"generate", "forward", "denoise", "edit", "inpaint", "anagram", "hybrid"}
    assert {job.request.seed for job in jobs} == {seed}
    edits = [job.request for job in jobs if job.technique == "edit"]
    assert all((s.start, s.guidance_scale, s.threshold) == ((1, 3, 5, 7, 10, 20), 7, "none") for s in edits)
    walks = [job.request for job in jobs if job.technique != "forward"]  # a photo "of high quality" is no neutral prompt
    assert {spec.negative_prompt for spec in walks} == {""}


def test_the_schedule_is_the_folders_own(stage1: Path) -> None:
    """With a linear schedule, DeepFloyd IF would make bad pictures without an error."""
    last = torch.tensor(0.999, dtype=torch.float64)
    assert nw.load(str(stage1)).schedule(last) == cosine_schedule()(last)
    doctored(stage1, "scheduler/scheduler_config.json", beta_schedule="linear")
    zoo._open.cache_clear()
    assert nw.load(str(stage1)).schedule(last) == vp_schedule(linear_betas())(last)


def test_input_that_diffusers_takes_without_a_word(stage1: Path) -> None:
    """The DeepFloyd pipelines of diffusers accept these: a strength out of range, and values that are not pictures."""
    model, image = nw.load(str(stage1)), Image.effect_noise((16, 16), 60)
    for strength, said in ((-0.1, "strength must be at least 0"), (1.5, "strength must be at most 1")):
        with pytest.raises(nw.UserError, match=said):
            nw.edit(model, image, strength=[strength])
    with pytest.raises(nw.UserError, match=r"an array \(H, W\) or \(H, W, C\) of uint8; one of int64 was given"):
        nw.edit(model, np.zeros((16, 16, 3), dtype=np.int64), strength=[0.5])
    with pytest.raises(nw.UserError, match="noise_level must be at most 999"):
        nw.generate(model, "a fox", upsample=1, noise_level=[1000])


def test_half_precision_is_for_gpus() -> None:
    """The CPU is slow in float16. (For Apple's GPU: tests/unit/test_device.py.)"""
    assert placement(device="cpu").dtype == torch.float32


def doctored(folder: Path, file: str, **changes: Any) -> Path:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def cut_short(folder: Path) -> Path:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


def without(folder: Path, file: str) -> Path:
    (folder / file).unlink()
    return folder


def not_finite(folder: Path) -> Path:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, weights, {"format": "pt"})
    return folder


def empty(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (empty, "is not a model folder: it has neither model_index.json"),
    (cut_short, "is cut short or damaged; delete it and download the model again"),
    (lambda f: without(f, "unet/diffusion_pytorch_model.safetensors"), "has no weights of its unet"),
    (
        lambda f: doctored(f, "model_index.json", _class_name="KandinskyPipeline"),
        "unknown kind of pipeline 'KandinskyPipeline'",
    ),
    (lambda f: doctored(f, "scheduler/scheduler_config.json", _class_name="XScheduler"), "scheduler XScheduler is not known"),
    (lambda f: doctored(f, "scheduler/scheduler_config.json", beta_schedule="laplace"), "beta_schedule 'laplace' is not known"),
    (lambda f: doctored(f, "scheduler/scheduler_config.json", variance_type="learned"), "variance_type 'learned' is not known"),
    (lambda f: doctored(f, "scheduler/scheduler_config.json", prediction_type="w"), "prediction_type 'w' is not known"),
    (
        lambda f: doctored(f, "scheduler/scheduler_config.json", rescale_betas_zero_snr=True),
        "rescale_betas_zero_snr starts at pure noise, where a network of prediction_type epsilon says nothing",
    ),
    (not_finite, "values that are not finite"),
]


@pytest.mark.parametrize(("damage", "error"), BAD, ids=[error for _, error in BAD])
def test_bad_folders_are_one_clear_line(run: Said, stage1: Path, damage: Any, error: str) -> None:
    status, out, said = run("generate", "a fox", "--model", damage(stage1), "--steps", 2, "--out", "a.png")
    assert (status, out) == (2, "")
    assert error in said.splitlines()[-1]
    assert not Path("a.png").exists()


def test_too_little_memory_is_said_before_loading(run: Said, stage1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 1000)
    status, _, said = run("generate", "a fox", "--model", stage1)
    assert (status, said.count("\n")) == (2, 1)
    assert "needs about 0.0 GiB in float32, and 0.0 GiB are free on cpu; try a smaller model" in said


def test_options_that_cannot_be(run: Said, stage1: Path) -> None:
    for line, error in (
        (("--memory", "offload"), "on cpu, use --memory full"),
        (("--memory", "much"), "unknown memory mode 'much'"),
        (("--device", "cuda:9"), "PyTorch sees no CUDA GPU")
        if not torch.cuda.is_available()
        else (("--device", "x"), "no device"),
        (("--upscaler", stage1, "--upsample", "1"), "is not an upscaler"),
        (("--steps", "1001"), "at most 1000"),
    ):
        status, _, said = run("generate", "a fox", "--model", stage1, *line)
        assert (status, error in said) == (2, True), said
    assert "its only prompt is ''" in run("generate", "cat", "--model", tiny.save(tiny.ddpm, Path("ddpm").absolute()))[2]


class _Response:
    headers: dict[str, str] = {}  # noqa: RUF012
    request = None


def _raised(kind: type[Exception]) -> Exception:
    try:
        return kind("not to be had", response=_Response())  # type: ignore[call-arg]
    except TypeError:
        return kind("not to be had")


@pytest.mark.parametrize(
    ("error", "flags", "said"),
    [
        (GatedRepoError, (), "is gated: accept its licence at https://huggingface.co/DeepFloyd/IF-I-L-v1.0"),
        (RepositoryNotFoundError, (), "there is no model DeepFloyd/IF-I-L-v1.0 on https://huggingface.co"),
        (
            LocalEntryNotFoundError,
            ("--offline",),
            "is not in the hub's cache, and --offline does not ask the network; leave it out",
        ),
        (ConnectionError, (), "could not be downloaded (not to be had); check the connection"),
    ],
)
def test_models_that_cannot_be_reached(run: Said, monkeypatch: Any, error: Any, flags: tuple[str, ...], said: str) -> None:
    def download(*_: object, **__: object) -> None:
        raise _raised(error)

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    status, out, told = run("generate", "a fox", "--model", "deepfloyd", *flags)
    assert (status, out, told.count("\n")) == (2, "", 1)
    assert said in told


class _Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_embeddings_that_are_not(run: Said, stage1: Path) -> None:
    torch.save(_Evil(), "evil.pth")
    torch.save([1, 2], "list.pth")
    torch.save({"a": torch.zeros(1, 77, 5)}, "narrow.pth")
    for file, error in (
        ("evil.pth", "not a file of tensors that can be read safely"),
        ("list.pth", "does not hold a dictionary of embeddings by prompt"),
        ("nowhere.pth", "there is no file nowhere.pth"),
        ("narrow.pth", "embeddings of 5 numbers per token were given, but if takes 8"),
    ):
        status, _, said = run("encode", "--embeddings", file, "--model", stage1)
        assert (status, error in said) == (2, True), said
    assert not Path("ran").exists()
    assert "give prompts to encode" in run("encode", "--model", stage1)[2]


def test_the_doctor(run: Said, stage1: Path) -> None:
    status, out, _ = run("doctor", "--offline", "--model", stage1)
    assert status == 0
    assert "text_encoder" in out
    assert "diffusers" in out
    cut_short(stage1)
    status, out, _ = run("doctor", "--offline", "--model", stage1)
    assert (status, "cut short or damaged" in out) == (1, True)
    status, out, _ = run("doctor", "--offline", "--model", "deepfloyd")
    assert (status, "DeepFloyd/IF-I-L-v1.0 is not on this machine" in out) == (1, True)


def test_the_safety_checker_reports_and_changes_nothing(run: Said, stage1: Path, tmp_path: Path) -> None:
    """Diffusers would return a black picture."""
    folder = tmp_path / "checked"
    tiny.checked().save_pretrained(folder)
    line = ("generate", "a fox", "--model", folder, "--steps", 2, "--num", 2, "--out")
    assert run(*line, "plain.png")[0] == 0
    status, _, said = run(*line, "checked.png", "--safety-checker")
    assert (status, "the safety checker objects to 2 of 2; nothing was changed" in said) == (0, True)
    with Image.open("plain.png") as plain, Image.open("checked.png") as checked:
        assert plain.tobytes() == checked.tobytes()
        records = [json.loads(image.text["noisewalk"])["safety"] for image in (plain, checked)]
    assert records[0] == {"checker": False, "flagged": None, "watermark": False}
    assert records[1] == {"checker": True, "flagged": [True, True], "watermark": False}
    status, _, said = run("generate", "a fox", "--model", stage1, "--steps", 2, "--safety-checker")
    assert (status, "has no safety checker" in said) == (2, True)


def test_the_watermark_is_stamped_only_when_asked_for(run: Said, stage1: Path, tmp_path: Path) -> None:
    folder = tiny.save(tiny.watermarked, tmp_path / "marked")
    line = ("anagram", "a", "b", "--model", folder, "--steps", 2)
    assert run(*line, "--out", "plain")[0] == run(*line, "--watermark", "--out", "marked")[0] == 0
    for name, shape in (("seed0", (64, 64)), ("figure", None)):
        with Image.open(f"plain/{name}.png") as plain, Image.open(f"marked/{name}.png") as marked:
            assert plain.tobytes() != marked.tobytes()
            records = [json.loads(image.text["noisewalk"])["safety"]["watermark"] for image in (plain, marked)]
            assert records == [False, True]
            if shape:  # diffusers' own watermarker, on the plain picture
                theirs = diffusers.IFPipeline.from_pretrained(folder).watermarker.apply_watermark([plain.resize(shape, 0)])
                assert theirs[0].tobytes() == marked.resize(shape, 0).tobytes()
    status, out, _ = run("replay", "marked/seed0.png")
    assert (status, "every pixel agrees" in out) == (0, True)
    assert "has no watermark of its own; leave out --watermark" in run("generate", "a", "--model", stage1, "--watermark")[2]
    assert "'digits' has no safety checker and no watermark" in run("generate", "7", "--watermark")[2]
    small = nw.load(str(folder)).parts.post_processing
    small.watermark = True
    with pytest.raises(nw.UserError, match="pictures of 16x16 are too small for the watermark"):
        small.stamped(torch.zeros(1, 3, 16, 16))


@pytest.fixture(scope="module")
def at_64(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A stage I at DeepFloyd's 64x64 and a stage of 128x128, both of random weights."""
    folder = tmp_path_factory.mktemp("cascade")
    return tiny.save(tiny.if_stage1, folder / "if-64", size=64), tiny.save(tiny.if_stage2, folder / "if-128", size=128)


def test_the_courses_experiments_can_be_made(at_64: tuple[Path, Path], tmp_path: Path) -> None:
    """Every command of the document has fitting pictures, masks, lengths and grids, and a walk of every fence makes a step."""
    document = read_document(BUNDLED / "course.md", {"upsample": "1"})
    ask = CommandResolver(document, tmp_path, str(at_64[0]), {"upscaler": (str(at_64[1]),)})
    for fence in document.blocks.values():
        panels = []
        for command in fence.commands:
            asked = ask(command)
            panels += TECHNIQUES[asked.job.technique].panels(prepare(asked.job.request, asked.model))
        walked = next((panel for panel in panels if panel.steps > 1), panels[-1])
        assert bool(next(walked.walk())[1].x_t.isfinite().all()), fence.line


def test_the_tour_upsamples_by_no_negative_number_of_stages(run: Said, stage1: Path) -> None:
    status, _, said = run("tour", "--model", stage1, "--upsample", -1)
    assert (status, said.splitlines()[-1]) == (2, "noisewalk: --upsample must be at least 0, but -1 was asked for")


def test_the_tour_of_a_flow_model_is_the_courses_document_with_its_times(root: Path, tmp_path: Path) -> None:
    """Every command can be made; a model with other noise levels, or in latents, has the other document."""
    flow, *others = (str(tiny.saved(name, root)) for name in ("prx", "if-1", "z-image"))
    assert [part_a(Tour(model=other))[0] for other in others] == ["course", "course"]
    name, values = part_a(Tour(model=flow, seed=7))
    assert (name, values) == ("course-flow", {"seed": "7", "upsample": "0"})
    document = read_document(BUNDLED / f"{name}.md", values)
    ask = CommandResolver(document, tmp_path, flow, {})
    for block in document.blocks.values():
        for command in block.commands:
            asked = ask(command)
            assert TECHNIQUES[asked.job.technique].panels(prepare(asked.job.request, asked.model)), command.line


def test_the_tour_of_a_text_model_is_the_courses_document(
    run: Said, root: Path, stage1: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The report has the first command of each fence with fewer steps; the commands on its page make the same pictures."""
    shorter = {"--steps 34": "--steps 4", "--steps 20": "--steps 2", "1 3 5 7 10 20": "1 3", "--num 5": "--num 1"}
    shorter |= {"{upsample}": "{upsample} --upsample-steps 2", "--kernel-size 33": "--kernel-size 9", "250 500 750": "250"}
    shorter |= {"```noisewalk columns=2": "```noisewalk"}  # which needs several figures
    lines, inside = [], 0
    for line in (BUNDLED / "course.md").read_text().splitlines():
        inside = 0 if line == "```" else 1 if line.startswith("```noisewalk") else inside + bool(inside)
        if inside <= 2 or ("--grid course --steps 34 --step-rule ddpm" in line and line.startswith("  ")):
            lines.append(functools.reduce(lambda text, pair: text.replace(*pair), shorter.items(), line))
    (tmp_path / "course.md").write_text("\n".join(lines))
    monkeypatch.setattr(site, "BUNDLED", tmp_path)
    stage2 = tiny.saved("if-2", root)
    assert run("tour", "--model", stage1, "--upscaler", stage2, "--seed", 7, "--out", "tour")[0] == 0
    page = html.unescape(Path("tour/index.html").read_text())
    shown = re.findall('data-copy="noisewalk (.*?)"', page)
    assert len(shown) == 10
    typed = next(line for line in shown if line.startswith("generate"))
    assert "--seed 7 --upsample 1" in typed
    assert f"--model {stage1} --upscaler {stage2}" in typed
    assert run(*shlex.split(typed), "--out", "typed.png")[0] == 0
    with Image.open("typed.png") as again:
        assert any(Image.open(file).tobytes() == again.tobytes() for file in Path("tour/figures").glob("*/seed7.png"))
