"""Several processes that train one network: `accelerate launch --num_processes 2 -m noisewalk train ...`.

Every process holds the whole data, and draws the same batch, times and noise from the same seed. Each runs the network on its
own rows, and the outputs are gathered, so that every process computes the loss of the whole batch. A run is therefore the same
whatever the number of processes is, up to the rounding of sums. The only exception is batch normalisation (in the course's
network): its statistics are of a process's own rows on the CPU, and of the whole batch on GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError, install
from .capture import Captured


@dataclass(frozen=True)
class Workers:
    """The processes of a run; by default there is one.

    Args:
        count: the number of processes.
        rank: the number of this one; process 0 writes and prints.
        accelerator: accelerate's `Accelerator`, if there are several processes.
    """

    count: int = 1
    rank: int = 0
    accelerator: Any = None

    @property
    def main(self) -> bool:
        """Whether this process writes the files and prints."""
        return self.rank == 0

    def share(self, network: nn.Module, batch_size: int, compile: bool = False) -> Callable[..., Tensor]:
        """Return the network with the rows of each call divided among the processes, and its outputs gathered.

        The backward pass of the gather sums what every process, with the same loss, sends to the same rows, which is count
        times the gradient. Data-parallel training averages over the processes, which divides by count again.

        Args:
            network: the network.
            batch_size: the number of rows of a batch.
            compile: whether the network is captured as CUDA graphs, or compiled if there are several processes.

        Raises:
            UserError: the batch cannot be divided evenly.
        """
        if self.count == 1:
            return Captured(network) if compile else network
        if batch_size % self.count:
            raise UserError(
                f"a batch of {batch_size} pictures cannot be divided evenly among {self.count} processes; change --batch-size"
            )
        if self.accelerator.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        parallel = self.accelerator.prepare_model(torch.compile(network) if compile else network)

        def call(*inputs: Tensor) -> Tensor:
            from torch.distributed.nn.functional import all_gather

            mine = parallel(*(each.tensor_split(self.count)[self.rank] for each in inputs))
            return torch.cat(all_gather(mine.contiguous()))  # type: ignore[no-untyped-call]

        return call

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any of the processes, so that all of them stop together."""
        if self.count == 1:
            return flag
        return bool(self.accelerator.reduce(torch.tensor(float(flag), device=self.accelerator.device), "sum") > 0)

    def close(self) -> None:
        """Leave the group of processes."""
        if self.count > 1:
            self.accelerator.end_training()
            torch.distributed.destroy_process_group()


def launched_workers(device: str) -> tuple[Workers, str]:
    """Return the processes that `accelerate launch` (or torchrun) started, if it did, and the device of this one.

    Raises:
        UserError: there are several processes, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Workers(), device
    try:
        from accelerate import Accelerator
    except ModuleNotFoundError as error:
        raise UserError(f"training in several processes needs accelerate: {install('distributed')}") from error
    accelerator = Accelerator(cpu=device == "cpu")
    return Workers(accelerator.num_processes, accelerator.process_index, accelerator), str(accelerator.device)
