"""The commands around illusions: search, suggest, animate."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional

from ..errors import UserError, unknown
from ..models.loading import Loading
from .terminal import file_to_write, folder_to_write, progress


@dataclass(frozen=True)
class Options:
    """What a search has besides its technique's own options."""

    seeds: str = "0:64"
    """The seeds to try: 0:200 (200 left out), 0:200:2, or 1,5,9."""
    top: int = 6
    """How many to keep."""
    grid: tuple[str, ...] = ()
    """Fields to vary and their values, all combinations: guidance_scale=1,2,4 weights=1:1,1:2."""
    rank: str = "alignment"
    """Score to rank by: alignment (the worst way of looking), concealment, margin."""
    scorer: str = "auto"
    """Who scores: auto (the model's own), digits, emoji, clip:FOLDER or clip:HUB/ID."""
    early: float = 1.0
    """Share of the seeds to walk to the end, after all were scored half-way."""
    batch: int = 32
    """Pictures made at once."""
    engine: str = "local"
    """Who does the work: local, or ray."""
    address: str = ""
    """Of a Ray cluster, host:port; '' starts one here."""
    workers: int = 0
    """Ray tasks at a time; 0 for as many as there are CPUs."""
    model: str = "auto"
    """A bundled model, a run folder, or a .safetensors file; auto: digits if the prompts name digits, else emoji."""
    out: Path | None = None
    """The folder of the search; a second call with the same folder goes on where the first stopped."""


def search_command(verb: str) -> type[Any]:
    """A technique's fields (`make`) and a search's (`search`) side by side, for tyro to turn into flags without prefixes."""
    import tyro

    from ..commands import technique_command

    dropped = {"seed", "num", "trajectory", *(f.name for f in fields(Options))}
    inherited = [f for f in fields(technique_command(verb)) if f.name not in dropped]
    made: list[Any] = [(f.name, f.type, field(default=f.default))[: 2 + (f.default is not MISSING)] for f in inherited]
    technique = make_dataclass(verb.title(), made)
    technique.__doc__ = f"The options of `noisewalk {verb}`."
    unnamed = tyro.conf.arg(name="")
    parts: list[Any] = [
        ("make", Annotated[technique, unnamed]),
        ("search", Annotated[Options, unnamed], field(default=Options())),
    ]
    command = make_dataclass(f"Search{verb.title()}", parts)
    command.__doc__ = f"Search the seeds of {verb} for the best pictures. Its options are those of `noisewalk {verb}`."
    return command


def run_search(rest: list[str]) -> int:
    from ..commands import chosen, default_name, parse
    from ..models.zoo import load
    from ..search import Search, parse_grid, parse_seeds
    from ..search.engines import engine
    from ..search.plan import make_plan
    from ..search.task import equipment
    from ..techniques import TECHNIQUES

    if not rest or rest[0] in ("-h", "--help"):
        print("noisewalk search TECHNIQUE ... --seeds 0:200 --top 6   (noisewalk search anagram --help for all options)")
        return 0
    verb, *arguments = rest
    if verb not in TECHNIQUES:
        raise unknown("technique", verb, TECHNIQUES)
    command = parse(search_command(verb), arguments, f"noisewalk search {verb}")
    options: Options = command.search
    kind = TECHNIQUES[verb].spec
    spec = kind(**{f.name: getattr(command.make, f.name) for f in fields(kind) if hasattr(command.make, f.name)})
    asked = command.make.loading.changed()
    model = load(chosen(options.model, spec), **asked)
    asked.pop("dtype", None)  # the plan has the one that was chosen
    names = ("top", "rank", "early", "batch", "scorer")
    rest_of_plan = {name: getattr(options, name) for name in names}
    grid = parse_grid(verb, options.grid)
    plan = make_plan(verb, spec, model, parse_seeds(options.seeds), grid=grid, loading=asked, **rest_of_plan)
    out = options.out or Path("out") / f"search-{default_name(verb, spec)}"
    folder_to_write(out, "a search")
    worker = engine(options.engine, options.address, options.workers)
    search = Search(plan, out, model, equipment(plan)[1])
    try:
        with progress(f"search {verb}") as watch:
            winners = search.run(worker, watch)
    except KeyboardInterrupt:
        print(f"noisewalk: stopped; the same command goes on from {out}")
        raise
    for number, winner in enumerate(winners, 1):
        print(f"{number}. {search.caption(winner)}")
    print(search.verdict())
    print(out / "search.html")
    return 0


@dataclass(frozen=True)
class AnimateCommand:
    """Animate a saved anagram (it goes through its views) or hybrid (it goes away and comes back)."""

    picture: Positional[Path]
    """A PNG of a single picture that noisewalk saved."""
    out: Path | None = None
    """A .gif, .webp or .mp4; by default a .gif beside the picture."""
    seconds: float = 1.5
    """That a movement takes."""
    fps: int = 20
    """Frames a second."""
    size: int = 280
    """Least side of the picture, pixels."""


def run_animate(rest: list[str]) -> int:
    from ..commands import parse
    from ..run.film import SUFFIXES, film, save

    command = parse(AnimateCommand, rest, "noisewalk animate")
    if not 0.1 <= command.seconds <= 60 or not 2 <= command.fps <= 60 or not 16 <= command.size <= 2048:
        raise UserError("--seconds must be 0.1 to 60, --fps 2 to 60 and --size 16 to 2048")
    out = command.out or command.picture.with_suffix(".gif")
    file_to_write(out, "an animation", *SUFFIXES)
    with progress("animate") as watch:
        save(film(command.picture, command.seconds, command.fps, command.size), out, watch)
    print(out)
    return 0


@dataclass(frozen=True)
class SuggestCommand:
    """List partners for a prompt that tend to share an anagram with it, best first: what each looks like through the view."""

    prompt: Positional[str]
    """The prompt to find partners for."""
    among: tuple[str, ...] = ()
    """Prompts to choose from; by default all that the model is known to know."""
    view: str = "rotate180"
    """The anagram's second view."""
    num: int = 4
    """Pictures drawn of each prompt."""
    top: int = 10
    """How many to list."""
    model: str = "auto"
    """A bundled model, a run folder, or a .safetensors file; auto: digits if the prompt names a digit, else emoji."""
    scorer: str = "auto"
    """Who scores: auto (the model's own), digits, emoji, clip:FOLDER or clip:HUB/ID."""
    loading: OmitArgPrefixes[Loading] = Loading()


def run_suggest(rest: list[str]) -> int:
    from ..commands import parse
    from ..judge.scorer import get_scorer
    from ..models.zoo import load, model_for
    from ..search import suggest

    command = parse(SuggestCommand, rest, "noisewalk suggest")
    if not 1 <= command.top <= 10_000:
        raise UserError(f"--top must be 1 to 10,000, {command.top} was asked for")
    name = model_for([command.prompt]) if command.model == "auto" else command.model
    model = load(name, **asdict(command.loading))
    scorer = get_scorer(command.scorer, model)
    with progress("suggest") as watch:
        partners = suggest(model, scorer, command.prompt, command.among, command.view, command.num, watch)
    for partner in partners[: command.top]:
        print(f"{partner.fit:8.2f}  {partner.prompt}")
    return 0
