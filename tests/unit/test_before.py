"""Pictures that version 0.1 wrote before its house was rebuilt: every technique, both bundled models. Each is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from noisewalk.run.replay import replay

BEFORE = sorted((Path(__file__).parents[1] / "before").glob("*.png"))


def test_there_are_twenty() -> None:
    assert len(BEFORE) == 20


@pytest.mark.parametrize("picture", BEFORE, ids=lambda path: path.stem)
def test_a_picture_of_before_is_made_again_to_the_bit(picture: Path) -> None:
    again = replay(picture)
    assert again.max_difference == 0
    assert not again.warnings
