"""What the commands of training are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..fields import argument, option, same
from ..techniques.requests import Walk
from ..training.tables import OBJECTIVES
from .loading import Loading

OWN_MODEL = "a bundled model, a run folder, or a .safetensors file"


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

    model: str = field(default="digits", metadata=argument(OWN_MODEL))
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
