"""Reading the command line of `narthex server`."""

from __future__ import annotations

import pytest

from narthex.app.flag_help import help_text
from narthex.app.flags import Flags, parse_flags
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.errors import FlagError, WrongModeError


def parse(*arguments: str) -> Flags:
    return parse_flags(SERVER_FLAGS, arguments)


def test_defaults_are_prometheus_defaults() -> None:
    flags = parse()
    assert flags.text("config.file") == "prometheus.yml"
    assert flags.texts("web.listen-address") == ["0.0.0.0:9090"]
    assert flags.seconds("query.timeout") == 120
    assert flags.number("query.max-samples") == 50_000_000
    assert flags.number("storage.remote.read-sample-limit") == 50_000_000
    assert flags.on("alertmanager.drain-notification-queue-on-shutdown")
    assert not flags.on("web.enable-lifecycle")


def test_values_come_with_equal_sign_or_as_the_next_argument() -> None:
    flags = parse("--query.timeout=1m30s", "--storage.tsdb.path", "/d", "--storage.tsdb.retention.size=10GB")
    assert flags.milliseconds("query.timeout") == 90_000
    assert flags.text("storage.tsdb.path") == "/d"
    assert flags.size("storage.tsdb.retention.size") == 10 * 2**30


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--web.enable-lifecycle", True),
        ("--no-web.enable-lifecycle", False),
        ("--web.enable-lifecycle=true", True),
        ("--web.enable-lifecycle=false", False),
        ("--no-web.enable-lifecycle=false", True),
    ],
)
def test_booleans_take_a_no_prefix_and_a_value(argument: str, value: bool) -> None:
    assert parse(argument).on("web.enable-lifecycle") is value


def test_only_repeatable_flags_may_repeat() -> None:
    flags = parse("--web.listen-address=:1", "--web.listen-address=:2", "--enable-feature=a,b", "--enable-feature", "c")
    assert flags.texts("web.listen-address") == [":1", ":2"]
    assert flags.items("enable-feature") == ["a", "b", "c"]
    with pytest.raises(FlagError, match=r"flag 'query\.timeout' cannot be repeated"):
        parse("--query.timeout=1s", "--query.timeout=2s")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--bogus", "unknown long flag '--bogus'"),
        ("--web.enable-lifecycl", "did you mean --web.enable-lifecycle"),
        ("-web.enable-lifecycle", "unknown short flag '-w'"),
        ("positional", "unexpected positional"),
        ("--query.timeout", "expected argument for flag '--query.timeout'"),
        ("--query.timeout=5", 'not a valid duration string: "5"'),
        ("--storage.tsdb.retention.size=5X", "unknown unit X in 5X"),
        ("--query.max-samples=abc", "query.max-samples"),
        ("--query.max-samples=1.5", "not a whole number"),
        ("--log.level=loud", "must be one of debug, info, warn, error"),
        ("--no-query.timeout", "unknown long flag '--no-query.timeout'"),
        ("--web.enable-lifecycle=maybe", "not a boolean"),
    ],
)
def test_a_bad_argument_is_named(argument: str, message: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(argument)
    assert message in str(caught.value)


def test_flags_of_the_other_mode_are_refused() -> None:
    with pytest.raises(WrongModeError, match=r'only be used in agent mode: \["--storage\.agent\.path"\]'):
        parse("--storage.agent.path=x")
    with pytest.raises(WrongModeError, match=r'can not be used in agent mode: \["--storage\.tsdb\.path"\]'):
        parse("--agent", "--storage.tsdb.path=x")
    assert parse("--agent", "--storage.agent.path=x").text("storage.agent.path") == "x"


def test_inert_flags_are_reported_only_when_given() -> None:
    assert list(parse().inert()) == []
    assert dict(parse("--auto-gomaxprocs").inert()) == {
        "auto-gomaxprocs": "has no effect: there is no Go runtime to tune"
    }


def test_all_flags_are_shown_with_values_in_prometheus_notation() -> None:
    shown = parse("--query.timeout=90s", "--storage.tsdb.wal-segment-size=16MB", "--web.enable-lifecycle").shown()
    assert len(shown) == len(SERVER_FLAGS)
    assert shown["query.timeout"] == "1m30s"
    assert shown["storage.tsdb.wal-segment-size"] == "16MiB"
    assert shown["web.enable-lifecycle"] == "true"
    assert shown["storage.tsdb.no-lockfile"] == "false"


def test_help_names_every_visible_flag_and_no_hidden_one() -> None:
    text = help_text("", SERVER_FLAGS)
    for flag in SERVER_FLAGS:
        name = f"--[no-]{flag.name}" if flag.kind == "bool" else f"--{flag.name}="
        assert (name in text) is not flag.hidden
    assert all(len(line) <= 100 for line in text.splitlines())
