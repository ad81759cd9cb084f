"""send, broadcast and history: filters, the read mark, what was missed."""

from datetime import UTC, datetime, timedelta

from tests.acceptance.conftest import Cli
from tests.support.harness import eventually


def _bodies(cli: Cli, profile: str, *arguments: str) -> list[str]:
    return [each["body"] for each in cli.ok("--profile", profile, "history", *arguments, "--json").objects]


def _watch(cli: Cli, profile: str, count: int) -> list[str]:
    found = cli.ok("--profile", profile, "watch", "--count", str(count), "--json").objects
    return [each["body"] for each in found]


def test_one_message_to_several_is_one_message(cli: Cli) -> None:
    cli.accounts("many1", "many2", "many3")
    (sent,) = cli.ok("--profile", "many1", "send", "many2", "MANY3", "many2", "hi", "--json").objects
    assert sent["recipients"] == 2
    seen = [cli.ok("--profile", name, "history", "--json").objects for name in ("many2", "many3")]
    assert [[each["id"] for each in messages] for messages in seen] == [[sent["id"]]] * 2
    assert seen[0][0]["to"] == ["many2", "many3"]


def test_a_broadcast_reaches_who_is_online_and_nobody_else(cli: Cli) -> None:
    cli.accounts("cast1", "cast2", "cast3")
    with cli.start("--profile", "cast2", "watch", "--json") as watch:
        # The first message tells that the watcher is attached; only then is it online.
        cli.ok("--profile", "cast1", "send", "cast2", "ready?")
        watch.wait_for("ready?", "stdout")
        (first,) = cli.ok("--profile", "cast1", "send", "all", "one", "--json").objects
        (second,) = cli.ok("--profile", "cast1", "broadcast", "two", "--json").objects
        assert first["recipients"] == second["recipients"] == 1
        assert '"kind": "broadcast"' in watch.wait_for("one", "stdout")
        assert '"to": ["all"]' in watch.wait_for("two", "stdout")
    assert _bodies(cli, "cast3") == []
    assert _bodies(cli, "cast1") == []


def test_history_n_is_the_latest_n_received_oldest_first(cli: Cli) -> None:
    cli.accounts("hist1", "hist2", "hist3")
    for number, sender in enumerate(("hist2", "hist3", "hist2", "hist3")):
        cli.ok("--profile", sender, "send", "hist1", f"text {number}")
    cli.ok("--profile", "hist1", "send", "hist2", "my own")
    assert _bodies(cli, "hist1") == ["text 0", "text 1", "text 2", "text 3"]
    assert _bodies(cli, "hist1", "2") == ["text 2", "text 3"]
    assert _bodies(cli, "hist1", "--with", "Hist2") == ["text 0", "text 2", "my own"]
    assert _bodies(cli, "hist1", "1", "--with", "hist3") == ["text 3"]


def test_history_can_be_narrowed_by_time(cli: Cli) -> None:
    cli.accounts("time1")
    cli.ok("--profile", "time1", "send", "time1", "before")
    cli.ok("--profile", "time1", "send", "time1", "after")
    first, second = cli.ok("--profile", "time1", "history", "--json").objects
    assert first["time"] < second["time"]
    assert _bodies(cli, "time1", "--since", second["time"]) == ["after"]
    assert _bodies(cli, "time1", "--until", second["time"]) == ["before"]
    assert _bodies(cli, "time1", "--since", first["time"], "--until", second["time"]) == ["before"]
    assert _bodies(cli, "time1", "--since", "15m") == ["before", "after"]
    assert _bodies(cli, "time1", "--until", "15m") == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert _bodies(cli, "time1", "--since", tomorrow) == []


def test_history_0_is_what_was_missed_while_offline_and_asking_twice_gives_the_same(cli: Cli) -> None:
    cli.accounts("miss1", "miss2")
    cli.ok("--profile", "miss2", "send", "miss1", "while online")
    assert _watch(cli, "miss1", 1) == ["while online"]
    cli.ok("--profile", "miss2", "send", "miss1", "missed one")
    cli.ok("--profile", "miss2", "send", "all", "a broadcast")
    cli.ok("--profile", "miss2", "send", "miss1", "missed two")
    wanted = ["missed one", "missed two"]
    assert _bodies(cli, "miss1", "0") == wanted
    # A one-shot command makes nobody online, so the period goes on.
    assert _bodies(cli, "miss1", "--missed") == wanted
    with cli.start("--profile", "miss1", "watch") as watch:
        watch.wait_for("missed two", "stdout")
        assert _bodies(cli, "miss1", "0") == wanted
    # Gone again: a new period has begun, in which nothing came.
    eventually(lambda: _bodies(cli, "miss1", "0") == [])


def test_unread_marks_as_read_unless_told_to_keep(cli: Cli) -> None:
    cli.accounts("read1", "read2")
    for number in range(3):
        cli.ok("--profile", "read2", "send", "read1", f"text {number}")
    all_three = ["text 0", "text 1", "text 2"]
    assert _bodies(cli, "read1", "--unread", "--keep") == all_three
    # A list with holes, or a part of it, must not mark what it did not show.
    assert _bodies(cli, "read1", "--unread", "--since", "1h") == all_three
    assert _bodies(cli, "read1", "1", "--unread") == ["text 2"]
    assert cli.ok("--profile", "read1", "whoami", "--json").objects[0]["unread"] == 3
    assert _bodies(cli, "read1", "--unread") == all_three
    assert _bodies(cli, "read1", "--unread") == []
    assert cli.ok("--profile", "read1", "whoami", "--json").objects[0]["unread"] == 0
    assert _bodies(cli, "read1") == all_three


def test_what_was_read_tells_the_sender(cli: Cli) -> None:
    cli.accounts("told1", "told2")
    with cli.start("--profile", "told1", "send", "told2", "hi", "--wait", "read", "--json") as send:
        with cli.start("--profile", "told2", "watch", "--count", "1") as watch:
            assert watch.line().endswith("hi")
            assert watch.finish().status == 0
        result = send.finish()
    assert result.status == 0
    assert result.objects[0]["status"] == "read"


def test_two_profiles_of_one_user_share_the_read_state(cli: Cli, password_file: str) -> None:
    cli.accounts("twin1", "twin2")
    cli.ok("--profile", "twin1-phone", "login", "twin1", "--password-file", password_file)
    for number in range(2):
        cli.ok("--profile", "twin2", "send", "twin1", f"text {number}")
    assert _watch(cli, "twin1", 1) == ["text 0"]
    assert _bodies(cli, "twin1-phone", "--unread", "--keep") == ["text 1"]
    assert _bodies(cli, "twin1-phone", "--unread") == ["text 1"]
    assert _bodies(cli, "twin1", "--unread") == []
    assert _bodies(cli, "twin1") == _bodies(cli, "twin1-phone") == ["text 0", "text 1"]
