"""Times that a person gives: out of any range, by whose clock, and what is shown of a range."""

import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import BrokerThread, broker_config, home_at


@pytest.mark.parametrize(
    "since", ["99999d", "999999s", "0001-01-01", "1969-12-31", "1970-01-01", "0001-01-01T00:00+14:00"]
)
def test_a_time_before_all_times_is_the_beginning(cli: Cli, since: str) -> None:
    name = f"early{abs(sum(map(ord, since)))}"
    cli.accounts(name)
    cli.ok("--profile", name, "send", name, "hello")
    assert len(cli.ok("--profile", name, "history", "--since", since).rows) == 1
    assert cli.ok("--profile", name, "history", "--until", since).out == ""


@pytest.mark.parametrize("until", ["9999-12-31", "9999-12-31T23:59:59-14:00", "9998-01-01"])
def test_a_time_after_all_times_is_the_end(cli: Cli, until: str) -> None:
    name = f"late{abs(sum(map(ord, until)))}"
    cli.accounts(name)
    cli.ok("--profile", name, "send", name, "hello")
    assert len(cli.ok("--profile", name, "history", "--until", until).rows) == 1
    assert cli.ok("--profile", name, "history", "--since", until).out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("history", "--since", "9999999d"),
        ("history", "--since", "999999w"),
        ("history", "--since", "-5m"),
        ("history", "--until", "10000-01-01"),
        ("history", "--since", "1h", "--until", "2h"),
        ("history", "--since", "2026-03-02", "--until", "2026-03-01"),
        ("files", "send", "clock1", "/etc/hosts", "--expires", "99999d"),
        ("files", "send", "clock1", "/etc/hosts", "--expires", "0s"),
        ("whoami", "--timeout", "1e9"),
        ("whoami", "--timeout", "-1"),
        ("devices", "revoke", "99999999999999999999"),
        ("history", "99999999999999999999"),
        ("watch", "--count", "0"),
    ],
)
def test_what_is_out_of_range_is_a_clear_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    cli.accounts(f"range{abs(sum(map(ord, ''.join(arguments))))}")
    name = next(each for each in cli.home.profiles() if each.startswith("range"))
    result = cli("--profile", name, *arguments)
    assert (result.status, result.out) == (2, ""), result
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("wrong", [-365 * 86400.0, 365 * 86400.0])
def test_so_long_ago_is_told_by_the_brokers_clock(tmp_path: Path, wrong: float) -> None:
    ahead = [wrong]
    with BrokerThread(broker_config(tmp_path / "broker"), wall=lambda: time.time() + ahead[0]) as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("skew1")
        cli.ok("--profile", "skew1", "send", "skew1", "three hours ago")
        ahead[0] += 3 * 3600
        cli.ok("--profile", "skew1", "send", "skew1", "just now")
        for since, until in (("2h", None), (None, "2h"), ("4h", None)):
            words = [*(("--since", since) if since else ()), *(("--until", until) if until else ())]
            shown = [row[-1] for row in cli.ok("--profile", "skew1", "history", *words).rows]
            assert (
                shown
                == {
                    ("2h", None): ["just now"],
                    (None, "2h"): ["three hours ago"],
                    ("4h", None): ["three hours ago", "just now"],
                }[since, until]
            )


def test_all_of_a_range_is_shown_and_what_is_left_out_is_said(cli: Cli) -> None:
    cli.accounts("range1")
    script = "to range1\n" + "".join(f"text {number}\n" for number in range(30))
    cli.ok("--profile", "range1", "chat", stdin=script)
    history = ("--profile", "range1", "history")
    assert len(cli.ok(*history).rows) == 20
    all_of_them = cli.ok(*history, "--since", "2h")
    assert ([row[-1] for row in all_of_them.rows], all_of_them.err) == (
        [f"text {number}" for number in range(30)],
        "",
    )
    assert len(cli.ok(*history, "5", "--since", "2h").rows) == 5
    latest = cli.ok(*history, "--until", "9999-01-01")
    assert len(latest.rows) == 20
    assert "older ones are left out" in latest.err
