"""The speed of a search, compared with a loop of single runs, and on several workers.

    python bench/search_speed.py [--seeds 64] [--steps 10] [--pairs 3] [--ray]

It measures the pictures per second of a search over `--seeds` anagrams in batches of 32, and of a loop that makes and scores
the same pictures one by one. Both run in one process in turn; the result is the median ratio of the pairs. With `--ray`, the
same search runs on two Ray workers of one thread each, and the ledgers and the times are compared. Finally it simulates, from
the task times measured here, a search of 4,096 seeds on 1 to 64 workers. One head hands out the tasks one by one, and needs
for each the time measured for a line of the ledger. This shows from how many workers on the head is the limit.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import noisewalk
from noisewalk.judge.illusions import score_illusions
from noisewalk.judge.scorer import DigitScorer
from noisewalk.run.make import run
from noisewalk.search import Plan, Search
from noisewalk.search.engines import Engine, RayEngine, local
from noisewalk.search.ledger import Ledger
from noisewalk.search.plan import Task, make_plan
from noisewalk.techniques.anagram import Anagram


def searched(plan: Plan, folder: Path, engine: Engine = local) -> Search:
    search = Search(plan, folder, noisewalk.load("digits"), DigitScorer())
    search.run(engine)
    return search


def one_by_one(plan: Plan) -> None:
    """Make pictures as a user's loop does: make one, score it, and keep it if it is the best."""
    scorer, best = DigitScorer(), float("-inf")
    for seed in plan.seeds:
        result = run(plan.technique, plan.request_of(0, [seed]), noisewalk.load("digits"), keep_states=False)
        sights = result.panels[0].panel.prompt_views
        scores = score_illusions(scorer, result.tensor, [s.look for s in sights], [s.prompt for s in sights])
        best = max(best, float(scores.alignment))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def scores_of(folder: Path) -> list[str]:
    lines = (folder / "search.jsonl").read_text().splitlines()[1:]
    return sorted(json.dumps([json.loads(line)["task"], json.loads(line)["scores"]]) for line in lines)


def schedule(task: float, hand_out: float, tasks: int, workers: int) -> float:
    """Return the seconds until all tasks are done; the head gives each task to the worker that is free first."""
    free = [0.0] * workers
    head = end = 0.0
    for _ in range(tasks):
        head = max(head, free[0]) + hand_out
        end = max(end, head + task)
        heapq.heapreplace(free, head + task)
    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="also on two Ray workers")
    options = parser.parse_args()
    model = noisewalk.load("digits")
    plan = make_plan("anagram", Anagram(("6", "9"), steps=options.steps), model, range(options.seeds), top=1)
    print(f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.pairs):
            work: list[Callable[[], object]] = [
                lambda i=i: searched(plan, Path(folder) / str(i)),  # type: ignore[misc]
                lambda: one_by_one(plan),
            ]
            order = (0, 1) if i % 2 else (1, 0)
            times = {which: seconds(work[which]) for which in order}
            ratios.append(times[1] / times[0])
            speeds = [options.seeds / times[which] for which in (0, 1)]
            print(f"search {speeds[0]:.1f} pictures/s, one by one {speeds[1]:.1f}; ratio {ratios[-1]:.2f}", flush=True)
        ratio = statistics.median(ratios)
        print(f"median ratio {ratio:.2f} (target 1.5: {'reached' if ratio >= 1.5 else 'missed'})")
        if options.ray:
            here, there = Path(folder) / "local", Path(folder) / "ray"
            torch.set_num_threads(1)
            on_one = seconds(lambda: searched(plan, here))
            on_ray = seconds(lambda: searched(plan, there, RayEngine(workers=2)))
            same = "equal" if scores_of(here) == scores_of(there) else "DIFFERENT"
            print(f"Ray, 2 workers: {on_ray:.1f} s, starting Ray and loading included; local {on_one:.1f} s; scores {same}")
        first = Search(plan, Path(folder) / "0", model, DigitScorer())
        task = statistics.median(first.ledger.seconds)
        ledger = Ledger(Path(folder) / "empty", plan, 2)
        line = first.ledger.done[next(iter(first.ledger.done))]
        hand_out = statistics.median(seconds(lambda i=i: ledger.add(Task("full", 0, (i,)), line, 1.0)) for i in range(50))  # type: ignore[misc]
    tasks = 4096 // plan.batch
    print(f"a task of {plan.batch}: {task:.2f} s; its line in the ledger: {1e3 * hand_out:.1f} ms; {tasks} tasks on W workers:")
    alone = schedule(task, hand_out, tasks, 1)
    for workers in (1, 2, 4, 8, 16, 32, 64):
        took = schedule(task, hand_out, tasks, workers)
        print(f"{workers:4} workers {took:8.1f} s   {alone / took:5.1f} times as fast   {100 * alone / took / workers:3.0f} %")
    print(f"the head alone would saturate at {task / hand_out:.0f} workers; before that, at one task per worker: {tasks}")


if __name__ == "__main__":
    main()
