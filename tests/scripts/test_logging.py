"""The logs of commands: plain lines, JSON and levels."""

import json
import logging
from datetime import datetime

import pytest

from scripts.arguments import add_logging
from scripts.console import logs
from stages.log import ROOT, logger, quiet
from stages.progress import phase, progress

log = logger("stage")


def test_lines_are_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, brackets unchanged; nothing below the level, nothing after the block."""
    with logs("info", as_json=False):
        log.info("12 [bold] rows")
        log.debug("not this")
    log.info("not this either")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "12 [bold] rows\n")


def test_a_line_is_printed_once_whatever_libraries_do(capsys: pytest.CaptureFixture[str]) -> None:
    """`logging.basicConfig()`, which Merlin and absl call, adds a handler to Python's root logger."""
    root, handler = logging.getLogger(), logging.StreamHandler()
    with logs("info", as_json=False):
        root.addHandler(handler)
        log.info("once")
    root.removeHandler(handler)
    assert capsys.readouterr().err == "once\n"


def test_json_logs_are_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, logger and message; exceptions include the traceback."""
    with logs("warning", as_json=True):
        log.info("not this")
        log.warning("größer")
        try:
            raise ValueError("odd")
        except ValueError:
            log.exception("it failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {"level": "warning", "logger": "shortlist.stage", "message": "größer"}
    assert (second["level"], second["message"]) == ("error", "it failed")
    assert "ValueError: odd" in second["exception"]


def test_a_terminal_gets_the_same_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich prints them there, unbroken at any width."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    with logs("info", as_json=False):
        log.info("a line that is longer than the terminal is wide [here]")
    assert "a line that is longer than the terminal is wide [here]" in capsys.readouterr().err


def test_what_is_quiet_logs_warnings_alone(said: list[str]) -> None:
    """Afterwards the level is the previous one again."""
    with quiet():
        log.info("not this")
        log.warning("this")
    log.info("and this")
    assert said == ["this", "and this"]
    assert logging.getLogger(ROOT).level == logging.INFO


def test_a_level_is_one_of_four(capsys: pytest.CaptureFixture[str]) -> None:
    """The logging options of every command."""
    from argparse import ArgumentParser

    parser = ArgumentParser()
    add_logging(parser)
    assert parser.parse_args([]).log_level == "info"
    assert parser.parse_args(["--json-logs"]).json_logs
    with pytest.raises(SystemExit):
        parser.parse_args(["--log-level", "loud"])
    assert "invalid choice: 'loud'" in capsys.readouterr().err


def test_a_terminal_shows_what_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars there instead of lines, and lines stay whole above them; plain logs have no bars."""
    with logs("info", as_json=False):
        for _ in progress("candidates", range(2)):
            log.info("plain")
    assert "candidates" not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")
    with logs("info", as_json=False), phase("training"):
        for _ in progress("candidates", range(2)):
            log.info("a line")
        log.info("another")
    shown = capsys.readouterr().err
    assert "training" in shown
    assert "a line\n" in shown
