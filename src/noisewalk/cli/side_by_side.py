"""Reports of several documents at once, each made by a process of its own: on a CPU they share its cores.

A network of this size is trained or walked hardly faster by two cores than by one, while two processes are twice as fast.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import torch

from ..documents.build import BuildOptions, Report, build
from ..documents.reading import Document, read_document
from ..documents.site import build_in_turn
from ..errors import UserError
from ..run.progress import Progress
from ..training.runs import choose_device
from .edge import guarded


class Order(msgspec.Struct, frozen=True):
    """What a process is told to make: the fields of `BuildOptions`, the document with its settings, and a number of threads."""

    document: str
    settings: dict[str, str]
    out: str
    model: str
    loading: dict[str, Any]
    above: str
    threads: int


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a process says in one line: how far it is, and at last its report or an error."""

    done: int = 0
    total: int = 1
    report: dict[str, Any] | None = None
    error: str = ""


def build_side_by_side(documents: Sequence[Document], hows: Sequence[BuildOptions], watch: Progress) -> list[Report]:
    """Make several reports, at once if the device is a CPU with several threads.

    Args:
        documents: the documents.
        hows: how the report of each is made.
        watch: a function that is called with (units done, units in all).

    Raises:
        UserError: a folder cannot be written, or another process writes it.
    """
    threads = torch.get_num_threads() if choose_device(str(hows[0].loading.get("device", "auto"))) == "cpu" else 1
    processes = min(threads, len(documents))
    if processes < 2:
        return build_in_turn(documents, hows, watch)
    shares, lock = [0] * len(documents), threading.Lock()

    def told(number: int) -> Progress:
        def part(done: int, total: int) -> None:
            with lock:
                shares[number] = 100 * done // max(1, total)
                watch(sum(shares), 100 * len(documents))

        return part

    orders = [_order(document, how, threads // processes) for document, how in zip(documents, hows, strict=True)]
    with _pool(processes) as (pool, running):
        futures = [pool.submit(_made, order, told(i), running) for i, order in enumerate(orders)]
        return [future.result() for future in futures]


@contextmanager
def _pool(processes: int) -> Iterator[tuple[ThreadPoolExecutor, set[subprocess.Popen[bytes]]]]:
    """Yield threads that wait for processes, and the processes that run; if it is left early, they are stopped."""
    pool, running = ThreadPoolExecutor(processes), set[subprocess.Popen[bytes]]()
    try:
        yield pool, running
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(running):
            process.terminate()  # a training saves its last step
        pool.shutdown()


def _order(document: Document, how: BuildOptions, threads: int) -> Order:
    place = str(document.path.absolute())
    return Order(place, dict(document.settings), str(how.out), how.model, dict(how.loading), how.above, threads)


def _made(order: Order, watch: Progress, running: set[subprocess.Popen[bytes]]) -> Report:
    """Have a process make a report, and return it."""
    line = [sys.executable, "-m", __name__]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        running.add(process)
        assert process.stdin is not None
        assert process.stdout is not None
        said = Told()
        try:
            with suppress(BrokenPipeError), process.stdin as into:
                into.write(msgspec.json.encode(order))
            for text in process.stdout:
                said = msgspec.json.decode(text, type=Told)
                watch(said.done, said.total)
        finally:
            running.discard(process)
    if said.error:
        raise UserError(said.error)
    if said.report is None:
        raise UserError(
            f"the process that made {order.out} has ended (exit status {process.returncode}); the same call goes on"
        )
    return msgspec.convert(said.report | {"page": Path(said.report["page"])}, Report)


def _answer(into: BinaryIO) -> int:
    """Make the report of the order on standard input, and write lines for the process that asked."""

    def tell(said: Told) -> None:
        into.write(msgspec.json.encode(said) + b"\n")
        into.flush()

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    torch.set_num_threads(order.threads)
    loading = {name: tuple(value) if isinstance(value, list) else value for name, value in order.loading.items()}
    try:
        document = read_document(Path(order.document), order.settings)
        how = BuildOptions(Path(order.out), order.model, loading, order.above)
        report = build(document, how, lambda done, total: tell(Told(done, total)))
    except UserError as error:
        tell(Told(error=str(error)))
        return 2
    except KeyboardInterrupt:  # the process that asked says so
        return 130
    tell(Told(1, 1, {name: getattr(report, name) for name in Report.__dataclass_fields__} | {"page": str(report.page)}))
    return 0


def main() -> int:
    """Run the process; what libraries print must not come between its lines, so it goes to standard error."""
    into = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return guarded(lambda: _answer(into))


if __name__ == "__main__":
    sys.exit(main())
