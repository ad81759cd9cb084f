"""Whose a request is: what one login wanted is not asked for by the next, and nobody's text is a command."""

import asyncio

import pytest

from cnmessage_client import Client, Home
from cnmessage_client.chat.talk.entries import Mark, Output, Preview, Said
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.command import command
from cnmessage_client.shell.settings import Settings, common
from tests.integration.test_chat_driver import live, log_in, program_with, revoke
from tests.support.conversations import BOB, CAROL
from tests.support.harness import BrokerThread, sign_up
from tests.support.patience import PATIENCE
from tests.support.sitting import sitting


@pytest.fixture(autouse=True)
def at_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chat finds its profiles where the test has put them."""
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    monkeypatch.delenv("CNMESSAGE_PROFILE", raising=False)
    monkeypatch.delenv("CNMESSAGE_BROKER", raising=False)


@pytest.mark.parametrize("next_user", ["alice", "bob"])
def test_a_login_behind_a_logout_asks_for_nothing_of_the_one_before(
    broker: BrokerThread, home: Home, next_user: str
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with (
            sitting("alice", broker.address, home) as chat,
            Client(home=home, profile="carol", broker=broker.address) as carol,
        ):
            await live(chat)
            chat.screen.enter("to bob", "hello")
            await chat.screen.until_said("hello", Mark.STORED)
            await carol.send("alice", "unread elsewhere")
            await chat.screen.until(lambda each: isinstance(each, Preview))
            chat.screen.enter("/logout")
            await chat.screen.until_text("alice is logged out")
            await log_in(chat, next_user)
            await chat.screen.until_text(f"{next_user}\talice\t127.0.0.1")
            chat.screen.enter("@carol back again")
            await chat.screen.until_said("back again", Mark.STORED)
            assert chat.screen.troubles == []

    asyncio.run(scenario())


def test_what_is_typed_when_the_login_ends_elsewhere_stays_text(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.enter("to bob")
            chat.screen.draft = "who"
            await revoke(home, broker.address, "alice")
            await chat.screen.until_text("not logged in any more; type: /login NAME")
            chat.screen.enter("whoami")
            await chat.screen.until_text("nobody is logged in here; use: /login NAME")
            assert chat.driver.talk.prompt == "not logged in → bob> "
            assert not [each for each in chat.screen.entries if isinstance(each, Output)]
            chat.screen.enter("login alice")  # nothing can be sent: no slash is needed
            await chat.screen.until_text("Password:")
            chat.screen.enter("correct horse battery")
            await chat.screen.until_text("alice\talice\t127.0.0.1")
            chat.screen.enter("text again")
            await chat.screen.until_said("text again", Mark.STORED)

    asyncio.run(scenario())


def test_a_command_that_waits_is_not_begun_for_the_next_user(broker: BrokerThread, home: Home) -> None:
    started = asyncio.Event()

    async def for_ever(_: Client) -> None:
        started.set()
        await asyncio.Event().wait()

    @command(cli.facts["whoami"])
    @common
    def endless(settings: Settings) -> None:
        settings.run(for_ever)

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        program = program_with("whoami", endless)
        async with sitting("alice", broker.address, home, program=program) as chat:
            await live(chat)
            chat.screen.enter("whoami", "history 5")
            await asyncio.wait_for(started.wait(), PATIENCE)
            chat.screen.enter("logout")
            told = await chat.screen.until_text("not begun")
            assert told.endswith("history 5")
            await log_in(chat, "bob")
            await chat.screen.until_text("bob\talice\t127.0.0.1")
            chat.driver.input.interrupt()
            chat.screen.enter("@alice hello")
            await chat.screen.until_said("hello", Mark.STORED)
            assert "Nothing there." not in [getattr(each, "text", "") for each in chat.screen.entries]

    asyncio.run(scenario())


def test_a_message_under_a_login_that_is_over_is_not_sent_as_somebody_else(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            living = chat.driver.living
            over = living.login
            chat.screen.enter("logout")
            await chat.screen.until_text("alice is logged out")
            await log_in(chat, "bob")
            await chat.screen.until_text("bob\talice\t127.0.0.1")
            assert await living.ask(over, lambda client: client.whoami()) is None
            assert await living.ask(living.login, lambda client: client.whoami()) is not None
            with pytest.raises(Exception, match="alice is not logged in here any more"):
                await living.send("alice", "01890000-0000-7000-8000-000000000000", ["bob"], "of alice")
            assert not [each for each in chat.screen.entries if isinstance(each, Said)]

    asyncio.run(scenario())


def test_a_client_that_finds_the_login_ended_elsewhere_leaves_the_conversation_open(
    broker: BrokerThread, home: Home
) -> None:
    """Whoever asks something of the broker may see it first, before the stream ends."""

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with sitting("alice", broker.address, home) as chat:
            await live(chat)
            chat.screen.enter("to bob", "hello")
            await chat.screen.until_said("hello", Mark.STORED)
            await chat.driver.living.close()
            home.profile("alice").remember(broker=broker.address, user=None)
            await chat.driver.living.get()
            assert chat.driver.talk.prompt == "not logged in → bob> "

    asyncio.run(scenario())


def test_what_was_read_is_told_though_a_login_ended_in_the_middle_of_telling(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with (
            sitting("alice", broker.address, home) as chat,
            Client(home=home, profile="bob", broker=broker.address) as bob,
            Client(home=home, profile="carol", broker=broker.address) as carol,
        ):
            await live(chat)
            living = chat.driver.living
            chat.screen.enter("to alice")
            await carol.send("alice", "of carol")
            await bob.send("alice", "of bob")
            await chat.screen.until(lambda each: isinstance(each, Preview))
            living.acknowledge(1, CAROL)
            await living.close()
            await living.get()
            living.acknowledge(2, BOB)
            async with asyncio.timeout(PATIENCE):
                unread = 1
                while unread:
                    client = await living.get()
                    unread = {each.name: each.unread for each in await client.conversations()}["bob"]

    asyncio.run(scenario())
