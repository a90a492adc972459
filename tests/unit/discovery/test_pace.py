from __future__ import annotations

import pytest

from narthex.discovery.pace import Pace
from support.clock import FakeClock


@pytest.mark.parametrize(("took", "wait"), [(0.0, 0.1), (0.05, 0.15), (1.0, 3.0), (10.0, 4.0)])
async def test_rounds_alike_are_followed_by_a_pause_of_their_share_within_bounds(took: float, wait: float) -> None:
    clock = FakeClock()
    pace = Pace(clock, shortest=0.1, longest=4.0, share=0.25)
    assert pace.wait_seconds() <= 0
    for _ in range(2):
        with pace.round():
            await clock.advance(took)
    assert pace.wait_seconds() == pytest.approx(wait)
    await clock.advance(wait)
    assert pace.wait_seconds() <= 1e-9


async def test_one_long_round_among_cheap_ones_is_no_reason_to_wait() -> None:
    clock = FakeClock()
    pace = Pace(clock, shortest=0.1, longest=4.0, share=0.25)
    for took in (0.01, 2.0, 0.01):
        with pace.round():
            await clock.advance(took)
        assert pace.wait_seconds() == pytest.approx(0.1)


async def test_a_round_that_fails_counts_as_one() -> None:
    pace = Pace(FakeClock(), shortest=0.1, longest=4.0, share=0.25)
    with pytest.raises(ValueError, match="not now"), pace.round():
        raise ValueError("not now")
    assert pace.wait_seconds() == pytest.approx(0.1)
