"""Phases that take long say so: a line whenever nothing was logged for ten seconds, bars on a terminal."""

from collections.abc import Sequence

import pytest

from stages.progress import SILENCE, Phase, Phases, duration


class Clock:
    """A clock that the test sets, and the time of the last logged line by it."""

    now, heard = 100.0, 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def phases(clock: Clock) -> Phases:
    return Phases(lambda: clock.now, lambda: clock.heard, watched=False)


def seconds(phases: Phases, clock: Clock, number: int) -> None:
    """Let some seconds pass, with a look at each."""
    for _ in range(number):
        clock.now += 1
        phases.look()


def test_a_phase_is_silent_for_ten_seconds_at_most(
    phases: Phases, clock: Clock, said: list[str]
) -> None:
    """Without a count it says how long it has run, and at its end how long it took."""
    with phases.phase("linear"):
        seconds(phases, clock, 9)
        assert said == []
        seconds(phases, clock, 16)
        assert said == ["linear: running for 10 s", "linear: running for 20 s"]
    assert said[2:] == ["linear: took 25 s"]


def test_a_short_phase_says_nothing(phases: Phases, clock: Clock, said: list[str]) -> None:
    """Nine seconds are no news."""
    with phases.phase("popularity"):
        seconds(phases, clock, 9)
    assert said == []


def test_parts_give_an_estimate(phases: Phases, clock: Clock, said: list[str]) -> None:
    """After 4 of 10 parts of 5 seconds each, the other 6 will take 30 seconds; all parts arrive in order."""
    parts = []
    for part in phases.progress("candidates", range(10)):
        seconds(phases, clock, 5)
        parts.append(part)
    assert parts == list(range(10))
    # the line is logged within a part, of which nothing is done yet
    assert said[0] == "candidates: 10 %, about 90 s left"
    assert said[1] == "candidates: 30 %, about 47 s left"
    assert said[-1] == "candidates: took 50 s"
    assert len(said) == 6


def test_no_part_is_done_yet(phases: Phases, clock: Clock, said: list[str]) -> None:
    """Nothing to estimate from: the line says how long the phase has run; likewise without a number."""
    for _ in phases.progress("epoch", range(2)):
        seconds(phases, clock, 10)
        break
    for _ in phases.progress("rows", iter("ab")):
        seconds(phases, clock, 10)
        break
    assert said == ["epoch: running for 10 s", "rows: running for 10 s"]


def test_another_line_breaks_the_silence(phases: Phases, clock: Clock, said: list[str]) -> None:
    """Ten seconds after the stage's own line, not after the phase began."""
    with phases.phase("training"):
        clock.heard = clock.now + 6
        seconds(phases, clock, 15)
        assert said == []
        seconds(phases, clock, 1)
    assert said == ["training: running for 16 s", "training: took 16 s"]


def test_short_phases_within_a_long_one_are_not_silent(
    phases: Phases, clock: Clock, said: list[str]
) -> None:
    """The line is about the innermost phase, and silence does not start again with each."""
    with phases.phase("training"):
        for number in range(3):
            with phases.phase(f"epoch {number}"):
                seconds(phases, clock, 4)
    assert said == ["epoch 2: running for 2 s", "training: took 12 s"]


def test_an_interrupted_phase_does_not_say_how_long_it_took(
    phases: Phases, clock: Clock, said: list[str]
) -> None:
    """And it no longer runs."""
    with pytest.raises(KeyboardInterrupt), phases.phase("training"):
        clock.now += SILENCE - 1
        raise KeyboardInterrupt
    seconds(phases, clock, 60)
    assert said == []


def test_what_is_drawn_is_not_logged(phases: Phases, clock: Clock, said: list[str]) -> None:
    """A display gets the running phases, outermost first, and none at the end; the last line is logged."""
    drawn: list[list[tuple[str, int, int | None]]] = []

    class Display:
        def show(self, phases: Sequence[Phase]) -> None:
            drawn.append([(each.name, each.done, each.total) for each in phases])

    with phases.drawn_by(Display()), phases.phase("training"):
        for _ in phases.progress("epoch", range(2)):
            seconds(phases, clock, 6)
    assert drawn[0] == [("training", 0, None), ("epoch", 0, 2)]
    assert [("training", 0, None), ("epoch", 1, 2)] in drawn
    assert drawn[-1] == []
    assert said == ["epoch: took 12 s", "training: took 12 s"]


def test_durations_are_rounded() -> None:
    """Seconds, minutes or hours, whichever can be read."""
    found = [duration(each) for each in (0.4, 99, 150, 5940, 9000)]
    assert found == ["0 s", "99 s", "2 min", "99 min", "2.5 h"]
