"""--debug on both programs: the life of a client in its transitions, and no secret."""

import json
import signal
from pathlib import Path

import pytest

from cnmessage_client.link.courier import compose
from cnmessage_client.link.outbox import Outbox
from tests.acceptance.conftest import Cli, Running
from tests.support.harness import BrokerProcess, home_at

MARKER = "xyzzymarker"
"""In a password, a body, a note, the name of a file and what it holds; it must stand in no log."""


@pytest.fixture
def watched(tmp_path: Path) -> BrokerProcess:
    """A broker, not started yet, that tells its transitions."""
    broker = BrokerProcess(tmp_path / "broker", CNMESSAGE_BROKER_LOG_FORMAT="json")
    broker.flags = ("--debug",)
    return broker


def log_of(broker: BrokerProcess) -> str:
    """What a broker has logged so far."""
    return (broker.data.parent / f"{broker.data.name}.log").read_text()


def steps(running: Running, until: str) -> list[str]:
    """Where the session goes, until it is in the state `until`."""
    states: list[str] = []
    while not states or states[-1] != until:
        line = running.wait_for(" session: ")
        states.append(line.split("--> ")[1].split(" (")[0])
    return states


def test_the_log_of_a_client_shows_its_life_over_a_restart_of_the_broker(
    watched: BrokerProcess, tmp_path: Path
) -> None:
    with watched as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("life1")
        with cli.start("--profile", "life1", "watch", "--debug") as watch:
            assert steps(watch, "live") == ["ready", "attaching", "joining", "catching up", "live"]
            broker.stop()
            assert steps(watch, "waiting") == ["waiting"]
            assert "composure link: calm --pause--> waiting" in watch.wait_for("composure")
            broker.start()
            assert steps(watch, "live")[-4:] == ["attaching", "joining", "catching up", "live"]
            last = watch.end(signal.SIGINT).err
        assert "session: live --close--> closed" in last
        broker.stop()
    events = [json.loads(line) for line in log_of(watched).splitlines()]
    listener = [each["step"] for each in events if each.get("machine") == "listener"]
    assert listener[:2] == ["attach", "hello"]
    assert listener[-1] == "detached"


def test_no_body_no_password_no_key_and_no_name_of_a_file_is_in_either_log(
    watched: BrokerProcess, tmp_path: Path
) -> None:
    file = tmp_path / f"{MARKER}.txt"
    file.write_text(MARKER)
    told = ""
    watched.flags = ("--verbose",)  # the earlier name of the same
    with watched as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address, {"CNMESSAGE_DEBUG": "1"})
        for name in ("mute1", "mute2"):
            words = ("--profile", name, "signup", name, "--password-stdin")
            told += cli.ok(*words, stdin=f"{MARKER} and more").err
        words = ("--profile", "mute1", "login", "mute1", "--password-stdin")
        told += cli.ok(*words, stdin=f"{MARKER} and more").err
        assert cli(*words, stdin=f"{MARKER} but wrong").status != 0
        told += cli.ok("--profile", "mute1", "send", "mute2", MARKER).err
        told += cli.ok("--profile", "mute2", "watch", "--count", "1").err
        sent = ("files", "send", "mute2", str(file), "--note", MARKER, "--quiet")
        told += cli.ok("--profile", "mute1", *sent).err
        (tmp_path / "in").mkdir()
        got = ("files", "get", file.name, "-o", str(tmp_path / "in"), "--quiet")
        told += cli.ok("--profile", "mute2", *got).err
        chatted = cli.ok("--profile", "mute1", "chat", stdin=f"to mute2\n{MARKER}\n")
        told += "".join(line for line in chatted.err.splitlines() if line.startswith("debug "))
        broker.stop()
    logged = log_of(watched)
    for log in (told, logged):
        assert MARKER not in log
    keys = [path.read_text() for path in tmp_path.rglob("device.key")]
    secrets = [word for text in keys for word in text.split() if len(word) >= 40]
    assert len(secrets) >= 2
    assert not [word for word in secrets if word in told or word in logged]
    machines = {json.loads(line).get("machine") for line in logged.splitlines()}
    assert machines >= {"admission", "listener", "transfer", "upload", "download"}
    for machine in ("session", "connection requests", "send queue", "inbox", "upload", "download", "turns"):
        assert f" {machine}" in told, machine


def test_an_outbox_that_was_left_behind_is_told(cli: Cli) -> None:
    cli.accounts("left1", "left2")
    killed = Outbox(cli.home.profile("left1").outbox, "left1", "killed")
    killed.add([compose(["left2"], f"{MARKER} {number}") for number in range(2)])
    killed.close()
    err = cli.ok("--profile", "left1", "whoami", "--debug").err
    assert "outbox: left behind --adopted--> queued (2 messages)" in err
    assert "send queue: in flight --acknowledged--> idle (2 messages)" in err
    assert MARKER not in err


def test_with_json_the_steps_are_objects_on_standard_error(cli: Cli) -> None:
    cli.accounts("json1")
    told = cli.ok("--profile", "json1", "whoami", "--json", "--debug")
    assert len(told.objects) == 1
    steps = [json.loads(line)["debug"] for line in told.err.splitlines()]
    assert steps[0]["machine"] == "session"
    assert (steps[0]["from"], steps[0]["to"]) == ("closed", "ready")


def test_unasked_nothing_is_told(cli: Cli, town: BrokerProcess) -> None:
    cli.accounts("calm1")
    assert cli.ok("--profile", "calm1", "whoami").err == ""
    assert "transition" not in log_of(town)


def test_a_command_in_the_chat_cannot_begin_to_tell(cli: Cli) -> None:
    cli.accounts("late1")
    result = cli("--profile", "late1", "chat", stdin="users --debug\n")
    assert "a chat tells its steps from its beginning on" in result.err + result.out


def test_in_the_full_screen_the_steps_go_to_a_file_that_the_first_line_names(cli: Cli) -> None:
    cli.accounts("full1")
    with cli.terminal("--profile", "full1", "--debug", "chat") as terminal:
        terminal.until("the lines of --debug go to ")
        terminal.until("online")
        terminal.enter("exit\r")
        assert terminal.finish() == 0
        assert "--attached-->" not in terminal.shown
    (log,) = cli.home.state.rglob("debug-*.log")
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text()
    assert "session: attaching --attached--> joining" in text
    assert "turns: beginning --begun--> waiting" in text
