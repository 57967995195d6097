"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from noisewalk import UserError
from noisewalk.training.data import LabelledPictures, mnist


@pytest.fixture(scope="session")
def mnist_test() -> LabelledPictures:
    """The official test digits; the test is skipped if they are not here and cannot be downloaded (never in CI)."""
    try:
        return mnist("test")
    except (UserError, UserWarning) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mnist_train() -> LabelledPictures:
    try:
        return mnist("train")
    except (UserError, UserWarning) as error:
        pytest.skip(str(error))
