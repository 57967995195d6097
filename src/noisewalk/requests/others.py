"""What the other commands are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..fields import argument, option
from .loading import MODEL, CascadeLoading, Loading
from .training import OWN_MODEL

LIMITS = ("normal", "generous")
RANKS = ("alignment", "concealment", "margin")
_SCORER = "the scorer: auto (the model's own), digits, emoji, clip:FOLDER or clip:HUB/ID"


@dataclass(frozen=True)
class Replay:
    """Make saved pictures again from their own metadata, and say whether the pixels agree.

    The exit status is 1 if some pixels do not agree, and 2 if a picture cannot be made again.
    """

    pictures: Sequence[Path] = field(default=(), metadata=argument("PNG files that noisewalk saved"))
    out: Path | None = option(None, "also save the picture that was made again, as this .png file; for a single picture only")
    model: str | None = option(
        None,
        "the file or folder where the pictures' model is now; by default it is looked for by its name, at its old place, and "
        "next to each picture",
    )


@dataclass(frozen=True)
class Animate:
    """Make a film of a saved anagram, which goes through its views, or of a hybrid, which goes away and comes back."""

    picture: Path = field(metadata=argument("the PNG file of a single picture that noisewalk saved"))
    out: Path | None = option(None, "the .gif, .webp or .mp4 file to write; by default a .gif next to the picture")
    seconds: float = option(1.5, "how many seconds a movement takes", 0.1, 60)
    fps: int = option(20, "the number of frames per second", 2, 60)
    size: int = option(280, "the smallest side of the picture in pixels", 16, 2048)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How the pictures of a search are scored, and which of them are kept."""

    scorer: str = option("auto", _SCORER)
    rank: str = option("alignment", "the score to rank by; alignment is the score of the worst way of looking", choices=RANKS)
    top: int = option(6, "how many pictures to keep", 1, 1000)
    early: float = option(
        1.0,
        "the share of the seeds that is walked to the end, after all of them were scored half-way",
        0,
        1,
        rule=("above 0", bool),
    )
    batch: int = option(32, "the number of pictures that are made at a time", 1, 4096)


@dataclass(frozen=True, kw_only=True)
class Search(Ranking):
    """Search the seeds of a technique for the best pictures."""

    seeds: str = option("0:64", "the seeds to try: 0:200 (without 200), 0:200:2, or 1,5,9")
    grid: Sequence[str] = option(
        (),
        "fields with the values to try, in all combinations, for example guidance_scale=1,2,4 weights=1:1,1:2; the name of a "
        "time grid, for example karras, is that of the walks",
    )
    engine: str = option("local", "where the work is done", choices=("local", "ray"))
    address: str = option("", "the address of a Ray cluster, host:port; '' starts one on this machine")
    workers: int = option(0, "the number of Ray tasks at a time; 0 for as many as there are CPUs", 0, 4096)
    model: str = option("auto", MODEL)
    out: Path | None = option(
        None, "the folder of the search; a second call with the same folder goes on where the first stopped"
    )


@dataclass(frozen=True)
class Suggest(Loading):
    """List prompts that fit well into an anagram with another prompt, the best one first."""

    prompt: str = field(kw_only=False, metadata=argument("the prompt to find partners for"))
    among: Sequence[str] = option((), "the prompts to choose from; by default all that the model is known to make well")
    view: str = option("rotate180", "the second view of the anagram")
    num: int = option(4, "the number of pictures that are made of each prompt", 1, 4096)
    top: int = option(10, "how many prompts to list", 1, 10_000)
    model: str = option("auto", f"{OWN_MODEL}; auto is digits if the prompt names a digit, and else emoji")
    scorer: str = option("auto", _SCORER)


@dataclass(frozen=True)
class Models:
    """List the models."""


@dataclass(frozen=True)
class Encode(Loading):
    """Encode prompts once, so that later pictures need no text encoder, or import embeddings that were made elsewhere."""

    prompts: Sequence[str] = field(default=(), metadata=argument("the prompts; '' is the empty prompt, which guidance needs"))
    model: str = option("deepfloyd", "the model whose text encoder is used")
    embeddings: Path | None = option(
        None, "import this .pth file of {prompt: embedding}, for example the course's prompt_embeds_dict.pth"
    )


@dataclass(frozen=True)
class Doctor:
    """Say what this machine has for large models, what is missing, and how to get it.

    The exit status is 1 if something is missing.
    """

    model: str = option("", "also check this model: a short name, a hub id or a folder")
    offline: bool = option(False, "do not ask the network")


@dataclass(frozen=True)
class Studio(Loading):
    """Use every technique in a web page on this machine, and watch it walk. Ctrl-C stops it."""

    host: str = option("127.0.0.1", "the address to listen at; only this machine can reach 127.0.0.1")
    port: int = option(7860, "the port to listen at; 0 takes a free one", 0, 65_535)
    model: str = option("auto", "the model that is listed first, besides the bundled ones: a file, a folder, or a hub id")
    allow_model: Sequence[str] = option((), "more models that the page may use; it uses no others")
    auth: str = option("", "USER:FILE asks for that name, and for the password in the first line of the file")
    share: bool = option(False, "ask Gradio's service for a public address")
    limits: str = option("normal", "how much one request may ask for; generous is for your own machine", choices=LIMITS)
    queue: int = option(32, "how many requests may wait; when the queue is full, the page says so", 1, 1000)
    open: bool = option(False, "open the page in a browser")


@dataclass(frozen=True)
class Report(CascadeLoading):
    """Run the noisewalk commands in Markdown documents, and write one page that needs nothing else.

    Results that were made before are used again, so a changed sentence costs nothing, and a report that was stopped goes on.
    Several documents become a page each, with a page of contents.
    """

    files: Sequence[Path] = field(default=(), kw_only=False, metadata=argument("the Markdown files"))
    out: Path | None = option(None, "the folder to write; by default out/ and the file's name")
    model: str | None = option(None, "the model of all commands that do not name one", unset="the document's")
    set: Sequence[str] = option((), "values of the document's settings, for example image=mine.png")
    watch: bool = option(False, "make the report again whenever the document is saved, until Ctrl-C")
    pdf: bool = option(False, "also print the page as a PDF, if Chromium is installed")


@dataclass(frozen=True)
class Tour(CascadeLoading):
    """Run every experiment once and put all of them on one page, out/tour/index.html."""

    part: str = option(
        "a",
        "a is sampling from a pretrained model, b is training from scratch, and all is both with a page of contents",
        choices=("a", "b", "all"),
    )
    out: Path | None = option(None, "the folder to write; by default out/tour or out/tour-b")
    model: str = option("emoji", "the model to show (part a): emoji, digits, or any other")
    seed: int | None = option(
        None,
        "the seed of the course's experiments, on a text model: 180 by default; emoji and digits have seeds of their own",
        0,
        2**62,
    )
    upsample: int | None = option(
        None, "the number of upsampling stages; by default 1 for models that have one; emoji and digits have their own", 0, 2
    )
    image: Path | None = option(None, "your own picture, which is noised, denoised and edited instead of the tour's picture")
    minutes: float = option(2.0, "the longest time to train in minutes (part b)", 0, 1e9, rule=("more than 0", bool))
