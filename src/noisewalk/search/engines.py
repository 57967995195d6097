"""Who does the tasks of a search: this process, or workers of a Ray cluster. The results are the same."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from ..errors import UserError, install
from ..judge.scorer import Scorer
from ..models.zoo import Pretrained
from .plan import Plan, Task
from .task import Done, run_remote, run_task

MOST_WORKERS = 4096


class Engine(Protocol):
    """Does tasks, and yields each when it is done, in any order. Closing the generator stops."""

    def __call__(self, plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[Done]:
        """Do the tasks, and yield each one when it is done."""
        ...


def local(plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[Done]:
    """One after the other, here."""
    for task in tasks:
        yield run_task(plan, task, model, scorer)


@dataclass(frozen=True)
class RayEngine:
    """On the workers of a Ray cluster, one model per worker. A task whose worker dies is given to another.

    Args:
        address: of a running cluster, host:port or ray://host:port; "" starts one on this machine.
        workers: tasks at a time; 0 for as many as the cluster has CPUs, or GPUs for a model that is on one.
        threads: of PyTorch, a worker.
    """

    address: str = ""
    workers: int = 0
    threads: int = 1

    def __call__(self, plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[Done]:
        """Do the tasks on the workers of the cluster, and yield each one when it is done."""
        ray = _ray()
        started = not ray.is_initialized()
        if started:
            _connect(ray, self.address, self.workers)
        try:
            yield from self._spread(ray, plan, iter(tasks), "GPU" if model.device.type == "cuda" else "CPU")
        finally:
            if started:
                ray.shutdown()

    def _spread(self, ray: Any, plan: Plan, tasks: Iterator[Task], needs: str) -> Iterator[Done]:
        own = {"num_gpus": 1} if needs == "GPU" else {}
        remote = ray.remote(num_cpus=1, max_retries=20, **own)(run_remote)  # retries: of workers that died, not of errors
        label = ray.put(json.dumps([plan.to_json(), plan.here]))
        workers = self.workers or max(1, int(ray.cluster_resources().get(needs, 1)))

        def submit(count: int) -> list[Any]:
            chosen = islice(tasks, count)
            return [remote.remote(label, plan.top, t.stage, t.point, t.seeds, self.threads) for t in chosen]

        running = submit(2 * workers)  # one waiting for each at work
        while running:
            ready, running = ray.wait(running, num_returns=1)
            running += submit(1)
            yield _got(ray, ready[0])


def _got(ray: Any, reference: Any) -> Done:
    try:
        done: Done = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(f"on a worker: {error.cause}") from error
        raise
    except ray.exceptions.WorkerCrashedError as error:
        raise UserError(
            "workers died again and again (out of memory?); the tasks done are safe, try fewer --workers"
        ) from error
    return done


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(f"the engine 'ray' needs Ray: {install('distributed')}") from None
    return ray


def _connect(ray: Any, address: str, workers: int) -> None:
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if not address:
        ray.init("local", num_cpus=workers or None, include_dashboard=False, **quiet)  # not one that `ray start` left here
        return
    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()  # Ray itself would wait for minutes
        except (OSError, ValueError, OverflowError) as error:
            raise UserError(f"no Ray cluster answers at {address} ({error}); start one with: ray start --head") from None
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from None


def engine(name: str, address: str = "", workers: int = 0, threads: int = 1) -> Engine:
    """The engine of that name, `local` or `ray`.

    Raises:
        UserError: there is none, Ray is not installed, or there are too many workers.
    """
    if not 0 <= workers <= MOST_WORKERS:
        raise UserError(f"--workers must be 0 (as many as there are) to {MOST_WORKERS:,}, {workers} was asked for")
    makers: dict[str, Callable[[], Engine]] = {"local": lambda: local, "ray": lambda: RayEngine(address, workers, threads)}
    if name not in makers:
        from ..errors import unknown

        raise unknown("engine", name, makers)
    if name == "ray":
        _ray()
    return makers[name]()
