"""The host of a command that is a process of its own: its streams, its terminal, its client."""

import asyncio
import io
import os
import sys
import threading
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.oneshot import OneShot, ProcessSurface
from cnmessage_client.shell.settings import Settings
from tests.support.harness import BrokerThread, free_port, sign_up


def _terminal(monkeypatch: pytest.MonkeyPatch, *, stdin: bool = False, stdout: bool = False) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: stdin, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: stdout)


def test_the_surface_is_the_streams_as_they_are_when_it_writes(capsys: pytest.CaptureFixture[str]) -> None:
    surface = ProcessSurface()
    surface.out("data")
    surface.err("a hint")
    assert capsys.readouterr() == ("data\n", "a hint\n")
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        surface.out("above the bars")
        assert sys.stdout.getvalue() == "above the bars\n"
    finally:
        sys.stdout = before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("terminal", "environment", "person", "colour"),
    [
        (True, {}, True, True),
        (True, {"NO_COLOR": ""}, True, False),
        (True, {"TERM": "dumb"}, True, False),
        (False, {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_for_a_terminal_that_has_them_where_nobody_objects(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], person: bool, colour: bool
) -> None:
    _terminal(monkeypatch, stdout=terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    surface = ProcessSurface()
    assert (surface.person, surface.colour) == (person, colour)


def test_the_width_is_what_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "123")
    assert ProcessSurface().width == 123


def test_a_person_is_asked_where_standard_input_is_a_terminal_and_asking_is_not_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for terminal in (True, False):
        _terminal(monkeypatch, stdin=terminal)
        assert OneShot().can_ask is terminal
        assert Settings().interactive is terminal
        assert not Settings(no_input=True).interactive


def test_questions_go_to_standard_error_and_an_empty_line_is_an_answer() -> None:
    answers: list[str] = []

    @click.command()
    def ask() -> None:
        answers.extend(OneShot().ask(question) for question in ("First: ", "Second: "))

    result = CliRunner().invoke(ask, input="one\n\n", catch_exceptions=False)
    assert answers == ["one", ""]
    assert "First: " in result.stderr
    assert "First: " not in result.stdout
    ended = CliRunner().invoke(ask, input="one\n", standalone_mode=False)
    assert isinstance(ended.exception, click.Abort)


def test_a_reader_that_is_noticed_to_have_left_when_the_job_has_failed_for_that_cancels_nothing_more() -> (
    None
):
    read_end, write_end = os.pipe()

    async def job() -> None:
        os.close(read_end)
        for thread in threading.enumerate():
            if thread.name == "reader of the output":
                thread.join()  # it has told the loop, which has not been there since
        raise BrokenPipeError

    async def scenario() -> None:
        with pytest.raises(BrokenPipeError):
            await OneShot().while_read(job())
        later = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(later.set_result, None)
        await later

    before, sys.stdout = sys.stdout, os.fdopen(write_end, "w")
    try:
        asyncio.run(scenario())
    finally:
        sys.stdout.close()
        sys.stdout = before


def test_without_a_profile_only_signup_and_login_go_on(
    home: Home, broker: BrokerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    settings = Settings(profile="new", broker=broker.address, facts=cli.facts["whoami"])

    async def job(client: Client) -> str:
        return client.profile.name

    with pytest.raises(CnMessageError, match="nobody has logged in with profile 'new' yet") as caught:
        settings.run(job)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert replace(settings, facts=cli.facts["login"]).run(job) == "new"


def test_a_client_is_connected_for_the_job_and_closed_after_it(
    home: Home, broker: BrokerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    asyncio.run(sign_up(broker.address, home, "alice"))
    seen: list[Client] = []

    async def job(client: Client) -> str:
        seen.append(client)
        return (await client.whoami()).user

    for facts in (cli.facts["whoami"], cli.facts["watch"]):
        settings = Settings(profile="alice", broker=broker.address, facts=facts)
        assert settings.run(job) == "alice"
    for client in seen:
        with pytest.raises(CnMessageError, match="not connected"):
            asyncio.run(client.whoami())


def test_a_person_is_told_that_we_wait_and_nobody_else_is(
    home: Home,
    broker: BrokerThread,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    asyncio.run(sign_up(broker.address, home, "alice"))
    place, key = f"127.0.0.1:{free_port()}", broker.address.partition("#")[2]
    settings = Settings(
        profile="alice",
        broker=f"cnm://{place}#{key}",
        timeout=0.2,
        facts=cli.facts["whoami"],
        host=OneShot(patience=0.01),
    )

    async def job(client: Client) -> None:
        await client.whoami()

    for terminal in (True, False):
        _terminal(monkeypatch, stdin=terminal)
        with pytest.raises(CnMessageError):
            settings.run(job)
        assert (f"waiting for the broker at {place} ..." in capsys.readouterr().err) is terminal
