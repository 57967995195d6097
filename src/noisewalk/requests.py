"""What every command besides the techniques is asked: frozen dataclasses, read and checked as the techniques' requests are.

Their docstrings are the commands' help, their fields the flags. To read this file loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .fields import argument, option, same
from .techniques.requests import Walk
from .training.tables import OBJECTIVES

LIMITS = ("normal", "generous")
RANKS = ("alignment", "concealment", "margin")
_MODEL = "a name of `noisewalk models`, a file, a folder, or a hub id; auto: digits if the prompts name digits, else emoji"
_OWN_MODEL = "a bundled model, a run folder, or a .safetensors file"
_SCORER = "who scores: auto (the model's own), digits, emoji, clip:FOLDER or clip:HUB/ID"


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the model is loaded: the options of `models.zoo.load`."""

    memory: str = option("auto", "auto, full, offload or sequential: what of a large model is on the GPU at once")
    device: str = option("auto", "where the model computes: auto, cpu, cuda or mps")
    dtype: str = option("auto", "dtype of the network: auto (what the hardware is fast at), float32, bfloat16 or float16")
    offline: bool = option(False, "use only what is on this machine")

    def changed(self) -> dict[str, Any]:
        """As keywords of `load`, without those that are at their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True, kw_only=True)
class CascadeLoading(Loading):
    """How the model is loaded, and the stages after it."""

    upscaler: Sequence[str] = option((), "hub ids or folders of the upsampling stages, if not the model's own")
    safety_checker: bool = option(False, "have the model's own safety checker report on the pictures, which it does not change")
    watermark: bool = option(False, "stamp the model's own watermark on the pictures")


@dataclass(frozen=True, kw_only=True)
class OwnNetwork:
    """What `from_network` is told of a network, besides its schedule."""

    shape: Sequence[int] = option((1, 28, 28), "(C, H, W) of its pictures", 1, 8192, rule=("(C, H, W)", lambda s: len(s) == 3))
    prediction_type: str = option("flow_prediction", "what it predicts")
    classes: Sequence[str] = option((), "names of its classes")
    num_timesteps: int | None = option(None, "how many timesteps it was trained with", 1, 10**6)
    guidance_scale: float = same(Walk, "guidance_scale", default=1.0)
    steps: int = same(Walk, "steps", default=20)
    step_rule: str = same(Walk, "step_rule", default="ddim")
    dark_background: bool = option(False, "whether it draws light strokes on black")
    name: str = option("own", "what its pictures' metadata calls it")


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a technique has on the command line besides its own request."""

    model: str = option("auto", _MODEL)
    out: Path | None = option(None, "a .png file, or a folder; default out/...")
    trajectory: bool = option(False, "also save the walk as a filmstrip and a GIF")


@dataclass(frozen=True)
class Replay:
    """Make saved pictures again from their own metadata, and say whether the pixels agree.

    Exit status 1 if some do not, 2 if some cannot be made again.
    """

    pictures: Sequence[Path] = field(default=(), metadata=argument("PNGs that noisewalk saved"))
    out: Path | None = option(None, "also save what was made of one picture, a .png file")
    model: str | None = option(
        None,
        "where the pictures' model is now, a file or a folder; without it, it is looked for by its name, at the place it had, "
        "and beside each picture",
    )


@dataclass(frozen=True)
class Animate:
    """Animate a saved anagram (it goes through its views) or hybrid (it goes away and comes back)."""

    picture: Path = field(metadata=argument("a PNG of a single picture that noisewalk saved"))
    out: Path | None = option(None, "a .gif, .webp or .mp4; by default a .gif beside the picture")
    seconds: float = option(1.5, "how long a movement takes", 0.1, 60)
    fps: int = option(20, "frames per second", 2, 60)
    size: int = option(280, "smallest side of the picture, pixels", 16, 2048)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How the pictures of a search are scored, and which of them are kept."""

    scorer: str = option("auto", _SCORER)
    rank: str = option("alignment", "score to rank by; alignment is that of the worst way of looking", choices=RANKS)
    top: int = option(6, "how many to keep", 1, 1000)
    early: float = option(
        1.0, "share of the seeds to walk to the end, after all were scored half-way", 0, 1, rule=("above 0", bool)
    )
    batch: int = option(32, "pictures made at once", 1, 4096)


@dataclass(frozen=True, kw_only=True)
class Search(Ranking):
    """Search the seeds of a technique for the best pictures."""

    seeds: str = option("0:64", "the seeds to try: 0:200 (200 left out), 0:200:2, or 1,5,9")
    grid: Sequence[str] = option((), "fields to vary and their values, all combinations: guidance_scale=1,2,4 weights=1:1,1:2")
    engine: str = option("local", "who does the work", choices=("local", "ray"))
    address: str = option("", "of a Ray cluster, host:port; '' starts one here")
    workers: int = option(0, "Ray tasks at a time; 0 for as many as there are CPUs", 0, 4096)
    model: str = option("auto", _MODEL)
    out: Path | None = option(
        None, "the folder of the search; a second call with the same folder goes on where the first stopped"
    )


@dataclass(frozen=True)
class Suggest(Loading):
    """List partners for a prompt that tend to share an anagram with it, best first: what each looks like through the view."""

    prompt: str = field(kw_only=False, metadata=argument("the prompt to find partners for"))
    among: Sequence[str] = option((), "prompts to choose from; by default all that the model is known to know")
    view: str = option("rotate180", "the anagram's second view")
    num: int = option(4, "pictures made of each prompt", 1, 4096)
    top: int = option(10, "how many to list", 1, 10_000)
    model: str = option("auto", f"{_OWN_MODEL}; auto: digits if the prompt names a digit, else emoji")
    scorer: str = option("auto", _SCORER)


@dataclass(frozen=True)
class Models:
    """List the models there are."""


@dataclass(frozen=True)
class Encode(Loading):
    """Encode prompts once, so that later pictures need no text encoder; or import embeddings made elsewhere."""

    prompts: Sequence[str] = field(default=(), metadata=argument("prompts; '' is the one without words, which guidance needs"))
    model: str = option("deepfloyd", "whose text encoder")
    embeddings: Path | None = option(
        None, "a .pth of {prompt: embedding}, such as the course's prompt_embeds_dict.pth, to import"
    )


@dataclass(frozen=True)
class Doctor:
    """Say what this machine has for large models, what is missing, and what mends it (exit status 1 if something is)."""

    model: str = option("", "also look at this model: a short name, a hub id or a folder")
    offline: bool = option(False, "do not ask the network")


@dataclass(frozen=True)
class RunSpec:
    """What a training run is asked to be; it is kept in the run's folder as spec.json."""

    objective: str = field(
        default="", metadata=argument("what to train; classifier is the digit reader") | {"choices": OBJECTIVES}
    )
    recipe: str = option("fast", "fast, or course for the course's exact network and recipe", choices=("fast", "course"))
    data: str = option(
        "mnist",
        "mnist, mnist-sample (the 5,000 digits that come with noisewalk), fashion-mnist, or a folder of pictures, or of one "
        "folder per class",
    )
    classes: bool = option(False, "tell the network the class, and drop it for one picture in ten, so that guidance works")
    size: int = option(
        28, "side of the pictures of a folder, pixels", 8, 1024, rule=("divisible by 4", lambda size: size % 4 == 0)
    )
    channels: int = option(3, "of the pictures of a folder: 1 for grey, 3 for colour", choices=(1, 3))
    epochs: float | None = option(None, "passes over the data", 0, 1e6, rule=("more than 0", bool), unset="the recipe's")
    learning_rate: float | None = option(None, "learning rate", 0, 1e6, rule=("more than 0", bool), unset="the recipe's")
    decay: str | None = option(
        None, "how the learning rate falls", choices=("cosine", "exponential", "none"), unset="the recipe's"
    )
    seed: int = option(0, "of the weights, the order of pictures, times and noise", 0, 2**63 - 1)
    network: str | None = option(None, "the network", choices=("unet-course", "unet-fast"), unset="the recipe's")
    batch_size: int | None = option(None, "pictures per step", 1, 10**6, unset="the recipe's")
    init: str | None = option(
        None, "start from the weights of this run, bundled model or .safetensors file instead of random ones (fine-tuning)"
    )
    dtype: str | None = option(
        None, "what the network computes in; its weights stay float32", choices=("float32", "bfloat16"), unset="the recipe's"
    )


@dataclass(frozen=True)
class Train(RunSpec):
    """Train a model from scratch into a run folder; started again, it goes on from where it stopped."""

    out: Path | None = option(
        None,
        "the run folder: spec.json, metrics.jsonl, checkpoint, samples by epoch, report.html; runs/OBJECTIVE by default",
    )
    resume: Path | None = option(
        None,
        "go on with the run in this folder, as its spec.json says; what else is given must be the same, except for --data: it "
        "says where the pictures are now",
    )
    minutes: float | None = option(
        None, "stop (and save) after so many minutes; the same command goes on later", 0, 1e9, rule=("more than 0", bool)
    )
    device: str = same(Loading, "device")


@dataclass(frozen=True)
class Pack:
    """Write the averaged weights of a run as float16 safetensors with a card, ready to use as --model or to ship."""

    run: Path = field(metadata=argument("the run folder"))
    out: Path = field(metadata={"help": "the .safetensors file to write; its card goes beside it"})


@dataclass(frozen=True)
class Evaluate:
    """Generate digits with a model and measure them: read as asked, Fréchet distance, nearest training digits. Needs MNIST."""

    model: str = field(default="digits", metadata=argument(_OWN_MODEL))
    num: int = option(2000, "digits to generate, each as often as it is in MNIST; seeds 0, 1, ...", 100, 10**6)
    steps: int | None = same(Walk, "steps")
    step_rule: str | None = same(Walk, "step_rule")
    guidance_scale: float | None = same(Walk, "guidance_scale")
    guidance_interval: Sequence[int] | None = same(Walk, "guidance_interval")
    out: Path | None = option(
        None, "also write the table and a picture of the samples nearest to training digits here; into the run, if MODEL is one"
    )


@dataclass(frozen=True)
class Compare:
    """Put several training runs on one page: what they differ in, their losses in one figure, the samples of each."""

    runs: Sequence[Path] = field(default=(), metadata=argument("run folders"))
    out: Path = option(Path("compare.html"), "the page to write")


@dataclass(frozen=True)
class Studio(Loading):
    """Use every technique in a web page on this machine, and watch it walk. Ctrl-C stops it."""

    host: str = option("127.0.0.1", "address to listen at; only this machine can reach 127.0.0.1")
    port: int = option(7860, "port to listen at; 0 takes a free one", 0, 65_535)
    model: str = option("auto", "the model that comes first, besides the bundled ones: a file, a folder, or a hub id")
    allow_model: Sequence[str] = option((), "further models that the page may use; it uses no others")
    auth: str = option("", "USER:FILE asks for that name, and for the password in the first line of the file")
    share: bool = option(False, "ask Gradio's service for a public address")
    limits: str = option("normal", "what one request may ask for; generous is for one's own machine", choices=LIMITS)
    queue: int = option(32, "requests that may wait; further ones are told that the queue is full", 1, 1000)
    open: bool = option(False, "open the page in a browser")


@dataclass(frozen=True)
class Report(CascadeLoading):
    """Run the noisewalk commands in Markdown documents, and write one page that needs nothing else.

    What was made before is taken as it is: a changed sentence costs nothing, and a report that was stopped goes on. Several
    documents become a page each, with a page of contents.
    """

    files: Sequence[Path] = field(default=(), kw_only=False, metadata=argument("Markdown files"))
    out: Path | None = option(None, "the folder to write; out/ and the file's name by default")
    model: str | None = option(None, "the model of all commands that do not name one", unset="the document's")
    set: Sequence[str] = option((), "values of the document's settings, as image=mine.png")
    watch: bool = option(False, "make the report again whenever the document is saved, until Ctrl-C")
    pdf: bool = option(False, "also print the page into a PDF, where Chromium is installed")


@dataclass(frozen=True)
class Tour(CascadeLoading):
    """Run every experiment once and put all of it on one page, out/tour/index.html: a document that comes with noisewalk."""

    part: str = option(
        "a", "a: sampling a pretrained model; b: training from scratch; all: both, and contents", choices=("a", "b", "all")
    )
    out: Path | None = option(None, "the folder to write; out/tour, or out/tour-b")
    model: str = option("emoji", "the model to show (part a): emoji, digits, or any other")
    seed: int | None = option(
        None,
        "the seed of the course's experiments, on a text model: 180 by default; emoji and digits have seeds of their own",
        0,
        2**62,
    )
    upsample: int | None = option(
        None, "upsampling stages after them; 1 for models that have one; emoji and digits have their own", 0, 2
    )
    image: Path | None = option(None, "a picture of yours, which is noised, denoised and edited instead of the tour's own")
    minutes: float = option(2.0, "how long to train at most (part b)", 0, 1e9, rule=("more than 0", bool))
