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
_SCORER = "who scores: auto (the model's own), digits, emoji, clip:FOLDER or clip:HUB/ID"


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
    model: str = option("auto", MODEL)
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
    model: str = option("auto", f"{OWN_MODEL}; auto: digits if the prompt names a digit, else emoji")
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
