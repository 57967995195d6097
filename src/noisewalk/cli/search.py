"""The commands search, suggest and animate."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..checking import checked
from ..commands import chosen, command_line, default_name, parse, part, read
from ..errors import UserError, unknown
from ..requests import Animate, Loading, Ranking, Search, Suggest
from ..techniques import TECHNIQUES
from .terminal import file_to_write, folder_to_write, progress


def search_command(technique: str) -> type[Any]:
    """Return the flags of a technique's request, of loading its model, and of the search."""
    return command_line(TECHNIQUES[technique].request, Loading, Search, without=("seed", "num"))


def run_search(rest: list[str]) -> int:
    """Run `noisewalk search`."""
    usage = "noisewalk search TECHNIQUE ... --seeds 0:200 --top 6   (noisewalk search anagram --help for all options)"
    if not rest:
        raise UserError(f"name the technique whose seeds are searched: {usage}")
    if rest[0] in ("-h", "--help"):
        print(usage)
        return 0
    technique, *arguments = rest
    if technique not in TECHNIQUES:
        raise unknown("technique", technique, TECHNIQUES)
    command = parse(search_command(technique), arguments, f"noisewalk search {technique}")
    asked = checked(part(command, Search))
    request = part(command, TECHNIQUES[technique].request, without=[f.name for f in fields(Search)])
    from .. import search as searching
    from ..models.zoo import load
    from ..search.engines import engine
    from ..search.plan import make_plan
    from ..search.task import equipment

    loading = part(command, Loading).changed()
    model = load(chosen(asked.model, request), **loading)
    loading.pop("dtype", None)  # the plan has the one that was chosen
    grid, seeds = searching.parse_grid(technique, asked.grid), searching.parse_seeds(asked.seeds)
    plan = make_plan(technique, request, model, seeds, grid=grid, loading=loading, **asdict(part(asked, Ranking)))
    out = asked.out or Path("out") / f"search-{default_name(technique, request)}"
    folder_to_write(out, "a search")
    worker = engine(asked.engine, asked.address, asked.workers)
    search = searching.Search(plan, out, model, equipment(plan)[1])
    try:
        with progress(f"search {technique}") as watch:
            winners = search.run(worker, watch)
    except KeyboardInterrupt:
        print(f"noisewalk: stopped; the same command goes on from {out}")
        raise
    for number, winner in enumerate(winners, 1):
        print(f"{number}. {search.caption(winner)}")
    print(search.verdict())
    print(out / "search.html")
    return 0


def run_animate(rest: list[str]) -> int:
    """Run `noisewalk animate`."""
    command = read(Animate, rest, "animate")
    from ..run.film import SUFFIXES, film, save

    out = command.out or command.picture.with_suffix(".gif")
    file_to_write(out, "an animation", *SUFFIXES)
    with progress("animate") as watch:
        save(film(command.picture, command.seconds, command.fps, command.size), out, watch)
    print(out)
    return 0


def run_suggest(rest: list[str]) -> int:
    """Run `noisewalk suggest`."""
    command = read(Suggest, rest, "suggest")
    from ..judge.scorer import get_scorer
    from ..models.zoo import load, model_for
    from ..search import suggest

    name = model_for([command.prompt]) if command.model == "auto" else command.model
    model = load(name, **asdict(part(command, Loading)))
    scorer = get_scorer(command.scorer, model, command.offline)
    with progress("suggest") as watch:
        partners = suggest(model, scorer, command.prompt, command.among, command.view, command.num, watch)
    for partner in partners[: command.top]:
        print(f"{partner.fit:8.2f}  {partner.prompt}")
    return 0
