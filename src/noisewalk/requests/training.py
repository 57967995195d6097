"""What the commands of training are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..fields import argument, left_open, option, same
from ..techniques.requests import Walk
from ..training.tables import NETWORK_SIZES, OBJECTIVES, PREDICTION_TYPES, SCHEDULES
from .loading import Loading

OWN_MODEL = "a bundled model, a run folder, or a .safetensors file"


@dataclass(frozen=True)
class RunSpec:
    """What a training run should be; the run's folder keeps it as spec.json."""

    objective: str = field(
        default="",
        metadata=argument("what to train; distil makes a student of --teacher, and classifier is the digit reader")
        | {"choices": OBJECTIVES},
    )
    recipe: str = option(
        "fast", "fast is noisewalk's own recipe; course is the course's exact network and recipe", choices=("fast", "course")
    )
    data: str = option(
        "mnist",
        "mnist, mnist-sample (the 5,000 digits that come with noisewalk), fashion-mnist, cifar-10, svhn (house numbers), or a "
        "folder of pictures, or of one folder per class",
    )
    classes: bool = option(
        False, "condition the network on the class, and drop the class of one picture in ten, so that guidance works"
    )
    size: int = option(
        28, "the side of the pictures of a folder in pixels", 8, 1024, rule=("divisible by 4", lambda size: size % 4 == 0)
    )
    channels: int = option(3, "the channels of the pictures of a folder: 1 for grey, 3 for colour", choices=(1, 3))
    epochs: float | None = option(
        None, "the number of passes over the data", 0, 1e6, rule=("more than 0", bool), unset="the recipe's"
    )
    learning_rate: float | None = option(None, "the learning rate", 0, 1e6, rule=("more than 0", bool), unset="the recipe's")
    decay: str | None = option(
        None, "how the learning rate falls", choices=("cosine", "exponential", "none"), unset="the recipe's"
    )
    seed: int = option(0, "the seed of the weights, the order of pictures, times and noise", 0, 2**63 - 1)
    network: str | None = option(None, "the network", choices=("unet-course", "unet-fast"), unset="the recipe's")
    network_size: str | None = option(
        None, "the width, depth and attention of the network unet-fast", choices=NETWORK_SIZES, unset="base"
    )
    prediction_type: str | None = option(
        None, "what the network predicts", choices=PREDICTION_TYPES, unset="the recipe's, which is the objective's"
    )
    schedule: str | None = option(None, "the noise levels that are trained on", choices=SCHEDULES, unset="the recipe's")
    min_snr: float | None = option(
        None,
        "weight the loss by Min-SNR with this gamma, for example 5",
        0,
        1e6,
        rule=("more than 0", bool),
        unset="no weights",
    )
    coupling: str = option(
        "independent",
        "how noise is given to the pictures of a batch: independent of them, or ot, by the optimal transport within the batch "
        "(within each class, with --classes)",
        choices=("independent", "ot"),
    )
    flips: bool = option(False, "mirror every second picture left to right, by chance; not for digits")
    batch_size: int | None = option(None, "the number of pictures per step", 1, 10**6, unset="the recipe's")
    accumulate: int = option(1, "add up the gradients of this many parts of each batch, which needs less memory", 1, 10**6)
    samples_every: float | None = option(
        None,
        "draw samples each time so many epochs have passed",
        0.01,
        1e6,
        unset="after the epochs 1, 5, 10, 15, 20 and the last",
    )
    init: str | None = option(
        None, "start from the weights of this run, bundled model or .safetensors file instead of random weights (fine-tuning)"
    )
    teacher: str | None = option(
        None, "for distil, the model whose guided walk is learned: a bundled model, a run folder or a .safetensors file"
    )
    calls: int = option(4, "for distil, the number of network calls with which the student makes a picture", 1, 100)
    guidance_scale: float | None = left_open(Walk, "guidance_scale", "the teacher's, for distil")
    guidance_interval: Sequence[int] | None = left_open(Walk, "guidance_interval", "the teacher's, for distil")
    dtype: str | None = option(
        None,
        "the dtype that the network computes in; its weights stay in float32",
        choices=("float32", "bfloat16"),
        unset="the recipe's",
    )


@dataclass(frozen=True)
class Train(RunSpec):
    """Train a model from scratch into a run folder; started again, it goes on from where it stopped."""

    out: Path | None = option(
        None,
        "the run folder, for spec.json, metrics.jsonl, checkpoint, samples by epoch and report.html; by default runs/OBJECTIVE",
    )
    resume: Path | None = option(
        None,
        "go on with the run in this folder; other options must be as before, except for --data, which says where the pictures "
        "are now",
    )
    minutes: float | None = option(
        None, "save and stop after this many minutes; the same command goes on later", 0, 1e9, rule=("more than 0", bool)
    )
    device: str = same(Loading, "device")


@dataclass(frozen=True)
class Pack:
    """Write the averaged weights of a run as float16 safetensors with a card, ready to use as --model or to ship."""

    run: Path = field(metadata=argument("the run folder"))
    out: Path = field(metadata={"help": "the .safetensors file to write; its card is written next to it"})


@dataclass(frozen=True)
class Evaluate:
    """Generate digits with a model and measure them: how many are read as asked, and how near they are to real digits."""

    model: str = field(default="digits", metadata=argument(OWN_MODEL))
    num: int = option(
        2000, "the number of digits to generate, each as often as it is in MNIST; their seeds are 0, 1, ...", 100, 10**6
    )
    steps: int | None = same(Walk, "steps")
    step_rule: str | None = same(Walk, "step_rule")
    guidance_scale: float | None = same(Walk, "guidance_scale")
    guidance_interval: Sequence[int] | None = same(Walk, "guidance_interval")
    out: Path | None = option(
        None,
        "also write the table and the samples nearest to training digits into this folder; by default into a run that is MODEL",
    )


@dataclass(frozen=True)
class Compare:
    """Put several training runs on one page, with their differences, their losses in one figure, and their samples."""

    runs: Sequence[Path] = field(default=(), metadata=argument("the run folders"))
    out: Path = option(Path("compare.html"), "the page to write")
