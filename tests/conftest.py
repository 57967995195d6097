"""Settings of all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Before torch is loaded: spinning threads would never end on a busy machine, and parallel tests have one core each.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for `import oracles`: pytest's importlib mode leaves sys.path alone

hypothesis.settings.register_profile(
    "repeatable", deadline=None, derandomize=True
)  # no failures by a busy machine or by chance
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def posix() -> None:
    """Skip a test on Windows, which starts and signals processes, limits files and gives permissions in other ways."""
    if os.name != "posix":
        pytest.skip("needs signals, limits or permissions of POSIX")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread, because threads slow tiny tensors down: 16 s instead of 0.1 s on two busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
