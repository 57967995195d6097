"""The laws use tiny tensors, so they use one thread."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _small(one_thread: None) -> None:
    """See `one_thread`."""
