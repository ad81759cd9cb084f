"""The chat's driver with a real client at a real broker: what fails is shown, and the chat goes on."""

import asyncio
from copy import copy

import click
import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from cnmessage_client.chat.talk.entries import Mark, Output, Said
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.command import command
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.settings import Settings, common
from cnmessage_protocol.machines.states import State
from tests.support.conversations import BOB
from tests.support.harness import PASSWORD, BrokerThread, sign_up
from tests.support.patience import PATIENCE
from tests.support.sitting import Chat, sitting

NEW = "another long password"


@pytest.fixture(autouse=True)
def at_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chat finds its profiles where the test has put them."""
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    monkeypatch.delenv("CNMESSAGE_PROFILE", raising=False)
    monkeypatch.delenv("CNMESSAGE_BROKER", raising=False)


async def revoke(home: Home, address: str, name: str) -> None:
    """Log every other device of this user out."""
    async with Client(home=home, profile=f"{name}-phone", broker=address) as phone:
        await phone.login(name, PASSWORD)
        for device in await phone.devices():
            if not device.current:
                await phone.revoke(device.id)


def program_with(name: str, command: click.Command) -> Commands:
    """The program with another command of this name."""
    program = copy(cli)
    program.commands = {**cli.commands, name: command}
    return program


def test_a_defect_is_shown_and_told_at_the_end_and_the_chat_goes_on(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            chat.screen.cannot_show = lambda entry: _marked(entry, Mark.STORED)
            chat.screen.enter("@bob hello", "whoami", "send alice back")
            await chat.screen.until_text("ZeroDivisionError")
            await chat.screen.until_text("alice\talice")
            chat.screen.enter("exit")
            assert await chat.status() == 0
            assert "ZeroDivisionError" in chat.driver.feed.faults[0]

    asyncio.run(scenario())


def test_a_defect_in_reading_a_line_does_not_end_the_lines(broker: BrokerThread, home: Home) -> None:
    def no_key() -> str:
        raise RecursionError("of the test")

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        async with sitting("alice", broker.address, home, new_key=no_key) as chat:
            chat.screen.enter("send alice boom", "whoami")
            await chat.screen.until_text("RecursionError: of the test")
            await chat.screen.until_text("alice\talice")

    asyncio.run(scenario())


def test_what_is_typed_behind_a_switch_stays_in_the_line(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.draft = "typed ahead"
            chat.screen.enter("to bob", "hello")
            await chat.screen.until_said("hello", Mark.STORED)
            assert (chat.driver.talk.conversation, chat.screen.draft) == (BOB, "typed ahead")

    asyncio.run(scenario())


def test_a_defect_in_a_command_is_shown_and_the_next_one_runs(broker: BrokerThread, home: Home) -> None:
    @command(cli.facts["whoami"])
    def broken() -> None:
        raise LookupError("of the test")

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        program = program_with("whoami", broken)
        async with sitting("alice", broker.address, home, program=program) as chat:
            chat.screen.enter("whoami", "users")
            await chat.screen.until_text("LookupError: of the test")
            await chat.screen.until_text("alice\to")
            assert chat.driver.feed.failed

    asyncio.run(scenario())


def test_commands_run_one_after_another_and_can_be_stopped(broker: BrokerThread, home: Home) -> None:
    started = asyncio.Event()

    async def for_ever(_: Client) -> None:
        started.set()
        await asyncio.Event().wait()

    @command(cli.facts["whoami"])
    @common
    def endless(settings: Settings) -> None:
        settings.run(for_ever)

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        program = program_with("whoami", endless)
        async with sitting("alice", broker.address, home, program=program) as chat:
            chat.screen.enter("whoami", "users")
            await asyncio.wait_for(started.wait(), PATIENCE)
            chat.screen.enter("send alice meanwhile")
            await chat.screen.until_said("meanwhile", Mark.STORED)
            assert not [each for each in chat.screen.entries if isinstance(each, Output)]  # `users` waits
            assert chat.driver.input.interrupt()
            await chat.screen.until_text("alice\to")
            assert not chat.driver.feed.faults

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("command", "answers", "last_word"),
    [
        ("passwd", {"Old": PASSWORD, "New": NEW, "Repeat": NEW}, "The password was changed"),
        ("passwd", {"Old": "not this one", "New": NEW, "Repeat": NEW}, "wrong"),
        ("login alice", {"Password": PASSWORD}, "ogged in"),
    ],
    ids=["done", "refused", "login"],
)
def test_what_is_typed_in_reply_to_a_last_word_is_meant(
    broker: BrokerThread, home: Home, command: str, answers: dict[str, str], last_word: str
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.surface.person = True  # programs are not told that it went well
            chat.screen.at_sight.update(answers)
            chat.screen.at_sight[last_word] = "@bob at once"
            chat.screen.enter(command)
            await chat.screen.until_said("at once", Mark.STORED)

    asyncio.run(scenario())


def test_what_was_queued_when_a_device_was_revoked_goes_out_after_the_next_login(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.enter("break 1.5", "@bob from before")
            await chat.screen.until_said("from before", Mark.QUEUED)
            await revoke(home, broker.address, "alice")
            await chat.screen.until_text("not logged in any more")
            assert not [each for each in chat.screen.entries if _marked(each, Mark.FAILED)]
            await log_in(chat, "alice")
            await chat.screen.until_said("from before", Mark.STORED)
        async with Client(home=home, profile="bob", broker=broker.address) as bob:
            assert [each.body for each in await bob.history(9)] == ["from before"]

    asyncio.run(scenario())


def test_what_one_user_has_queued_is_not_sent_by_another(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.enter("break 1.5", "@bob from alice")
            await chat.screen.until_said("from alice", Mark.QUEUED)
            await revoke(home, broker.address, "alice")
            await chat.screen.until_text("not logged in any more")
            await log_in(chat, "carol")
            chat.screen.enter("whoami")
            await chat.screen.until_text("carol\talice")
        async with Client(home=home, profile="bob", broker=broker.address) as bob:
            assert await bob.history(9) == []

    asyncio.run(scenario())


def test_a_command_with_a_patience_of_its_own_does_not_touch_the_chats(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            client = await chat.driver.living.get()
            chat.screen.enter('send --wait read --timeout 0.5 bob "nobody reads this"')
            await chat.screen.until_text("stored, but not read for everyone within 0.5 s")
            assert await chat.driver.living.get() is client
            assert client.timeout == 10

    asyncio.run(scenario())


def test_logging_in_again_keeps_what_stands_and_shows_nothing_twice(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with (
            sitting("alice", broker.address, home) as chat,
            Client(home=home, profile="bob", broker=broker.address) as bob,
        ):
            await live(chat)
            await bob.send("alice", "before")
            await chat.screen.until_said("before", None)
            await log_in(chat, "alice")
            await chat.screen.until_text("alice\talice\t127.0.0.1")
            await bob.send("alice", "after")
            await chat.screen.until_said("after", None)
            bodies = [each.body for each in chat.screen.entries if isinstance(each, Said)]
            assert bodies == ["before", "after"]

    asyncio.run(scenario())


def test_an_end_that_cannot_wait_is_told_with_the_documented_status(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        home.profile("alice").folder.joinpath("device.key").write_text("damaged")
        async with sitting("alice", broker.address, home) as chat:
            with pytest.raises(CnMessageError) as caught:
                await chat.status()
            assert caught.value.code is ErrorCode.INTEGRITY

    asyncio.run(scenario())


async def log_in(chat: Chat, name: str) -> None:
    """Answer the question of `login`."""
    chat.screen.enter(f"login {name}")
    await chat.screen.until_text("Password:")
    chat.screen.enter(PASSWORD)


async def live(chat: Chat) -> None:
    """Wait until the chat's client is live."""
    async with asyncio.timeout(PATIENCE):
        while chat.driver.living.state is not State.LIVE:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0)


def _marked(entry: object, mark: Mark) -> bool:
    return isinstance(entry, Said) and entry.mark is mark
