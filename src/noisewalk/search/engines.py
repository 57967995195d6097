"""The engines of a search: this process, or the workers of a Ray cluster. The results are the same."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from ..errors import UserError, install, unknown
from ..judge.scorer import Scorer
from ..models.zoo import Pretrained
from .plan import Plan, Task
from .task import FinishedTask, run_remote, run_task

MOST_WORKERS = 4096


class Engine(Protocol):
    """Anything that does tasks and yields each one when it is done, in any order. Closing the generator stops it."""

    def __call__(self, plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[FinishedTask]:
        """Do the tasks of a plan, and yield each one when it is done."""
        ...


def local(plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[FinishedTask]:
    """Do the tasks one after the other in this process."""
    for task in tasks:
        yield run_task(plan, task, model, scorer)


@dataclass(frozen=True)
class RayEngine:
    """An engine that uses the workers of a Ray cluster, each with its own model; a dead worker's task goes to another one.

    Args:
        address: the address of a running cluster, host:port or ray://host:port; "" starts a cluster on this machine.
        workers: the number of tasks at a time; 0 for one per CPU of the cluster, or one per GPU for a model on a GPU.
        threads: the threads of PyTorch per worker.
    """

    address: str = ""
    workers: int = 0
    threads: int = 1

    def __call__(self, plan: Plan, tasks: Iterable[Task], model: Pretrained, scorer: Scorer) -> Iterator[FinishedTask]:
        """Do the tasks on the workers of the cluster, and yield each one when it is done."""
        with self.connected() as ray:
            yield from self._spread(ray, plan, iter(tasks), "GPU" if model.device.type == "cuda" else "CPU")

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Give Ray with a cluster, which is left at the end, unless the program was connected to one before.

        Raises:
            UserError: Ray is not installed, or there is no cluster at the address.
        """
        ray = _ray()
        started = not ray.is_initialized()
        if started:
            _connect(ray, self.address, self.workers)
        try:
            yield ray
        finally:
            if started:
                ray.shutdown()

    def _spread(self, ray: Any, plan: Plan, tasks: Iterator[Task], needs: str) -> Iterator[FinishedTask]:
        own = {"num_gpus": 1} if needs == "GPU" else {}
        remote = ray.remote(num_cpus=1, max_retries=20, **own)(run_remote)  # retries after dead workers, not after errors
        label = ray.put(json.dumps([plan.to_json(), plan.here]))
        workers = self.workers or max(1, int(ray.cluster_resources().get(needs, 1)))

        def submit(count: int) -> list[Any]:
            chosen = islice(tasks, count)
            return [remote.remote(label, plan.top, t.stage, t.point, t.seeds, self.threads) for t in chosen]

        running = submit(2 * workers)  # one task waits for each one at work
        while running:
            ready, running = ray.wait(running, num_returns=1)
            running += submit(1)
            yield _got(ray, ready[0])


def _got(ray: Any, reference: Any) -> FinishedTask:
    try:
        done: FinishedTask = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(f"an error on a worker: {error.cause}") from error
        raise
    except ray.exceptions.WorkerCrashedError as error:
        raise UserError(
            "workers died repeatedly, perhaps because of too little memory; finished tasks are kept, so try fewer --workers"
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
        ray.init(
            "local", num_cpus=workers or None, include_dashboard=False, **quiet
        )  # a new cluster, not one that `ray start` left here
        return
    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()  # Ray itself would wait for minutes
        except (OSError, ValueError, OverflowError) as error:
            raise UserError(f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`") from None
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"there is no Ray cluster at {address}: {str(error).splitlines()[0]}; check --address") from None


def engine(name: str, address: str = "", workers: int = 0, threads: int = 1) -> Engine:
    """Return an engine by its name; the address of a cluster is tried once, so that a wrong one is said before the work.

    Args:
        name: "local" or "ray".
        address: the address of a Ray cluster, see `RayEngine`.
        workers: the number of tasks at a time, see `RayEngine`.
        threads: the threads of PyTorch per worker.

    Raises:
        UserError: there is no such engine or no cluster at the address, Ray is not installed, or there are too many workers.
    """
    if not 0 <= workers <= MOST_WORKERS:
        raise UserError(f"--workers must be from 0 (which uses all) to {MOST_WORKERS:,}, but {workers} was asked for")
    on_ray = RayEngine(address, workers, threads)
    engines: dict[str, Engine] = {"local": local, "ray": on_ray}
    if name not in engines:
        raise unknown("engine", name, engines)
    if name == "ray":
        _ray()
        if address:
            with on_ray.connected():
                pass
    return engines[name]
