"""Commands inside a host that lives on, as a chat is one: nothing of them gets past it.

The host here has one living client on a loop of its own, as a chat has, and a list for a screen.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

import click
import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from cnmessage_client.cli.main import cli
from cnmessage_client.model import TransferProgress
from cnmessage_client.shell.command import Facts
from cnmessage_client.shell.host import Run
from cnmessage_client.shell.out.progress import Nothing
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.outcome import perform
from cnmessage_client.shell.read.completion import complete_name, remember_names
from cnmessage_client.shell.settings import Settings
from tests.support.harness import PASSWORD, BrokerThread, sign_up
from tests.support.patience import PATIENCE

Result = TypeVar("Result")


@dataclass
class Page:
    """Keeps what was written."""

    person: bool = False
    colour: bool = False
    width: int = 80
    data: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def out(self, text: str) -> None:
        self.data.append(text)

    def err(self, text: str) -> None:
        self.rest.append(text)


class Hall(Nothing):
    """A host with a living client; it is its own view of progress, and can stop a job at the first of it."""

    def __init__(self) -> None:
        self.surface = Page()
        self.can_ask = True
        self.answers: list[str] = []
        self.asked: list[tuple[str, bool]] = []
        self.ran: list[Settings] = []
        self.stops = False
        self.client: Client | None = None
        self._news = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def enter(self, settings: Settings) -> None:
        """Connect, for all commands that follow."""
        self.client = settings.client()
        self.wait(self.client.connect())

    def wait(self, work: Awaitable[Result]) -> Result:
        """Something on the loop, from outside."""

        async def until_done() -> Result:
            return await work

        return asyncio.run_coroutine_threadsafe(until_done(), self._loop).result(PATIENCE)

    def close(self) -> None:
        if self.client is not None:
            self.wait(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def run(
        self,
        run: Run,
        facts: Facts,
        job: Callable[[Client], Awaitable[Result]],
    ) -> Result:
        assert isinstance(run, Settings)
        self.ran.append(run)
        if facts.long_lived:
            raise CnMessageError(ErrorCode.USAGE, "not in here")
        assert self.client is not None
        client = self.client

        async def work() -> Result:
            return await job(client)

        self._news.clear()
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        future.add_done_callback(lambda _: self._news.set())
        assert self._news.wait(PATIENCE)
        if self.stops:
            assert future.cancel()
            raise KeyboardInterrupt
        return future.result(PATIENCE)

    async def while_read(self, wait: Awaitable[Result]) -> Result:
        return await wait

    def ask(self, question: str, *, hidden: bool = False) -> str:
        self.asked.append((question, hidden))
        if not self.answers:
            raise click.Abort
        return self.answers.pop(0)

    def stdin(self) -> BinaryIO:
        raise CnMessageError(ErrorCode.USAGE, "there is no standard input here")

    def stdout(self) -> BinaryIO:
        raise CnMessageError(ErrorCode.USAGE, "there is no standard output here")

    def view(self, renderer: Renderer, verb: str, count: int) -> "Hall":  # noqa: ARG002 - shows nothing
        return self

    def moved(self, key: str, progress: TransferProgress) -> None:  # noqa: ARG002 - shows nothing
        if self.stops:
            self._news.set()


@pytest.fixture
def hall(home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Hall]:
    """The host, nothing of which may reach the streams of this process."""
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))
    hall = Hall()
    try:
        yield hall
    finally:
        hall.close()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def settings(hall: Hall) -> Settings:
    """As a chat would have them."""
    return Settings(host=hall, prefix="")


@pytest.fixture
def alice(hall: Hall, settings: Settings, home: Home, broker: BrokerThread) -> Settings:
    """The same, with alice connected and bob there."""
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    settings = replace(settings, profile="alice", broker=broker.address)
    hall.enter(settings)
    return settings


def test_commands_work_with_the_living_client_one_after_the_other(hall: Hall, alice: Settings) -> None:
    assert perform(cli, ["send", "bob", "hi there"], alice) == (None, 0)
    assert perform(cli, ["send", "alice", "to me"], alice) == (None, 0)
    assert perform(cli, ["history"], alice) == (None, 0)
    assert perform(cli, ["whoami", "--json"], alice) == (None, 0)
    assert perform(cli, ["users"], alice) == (None, 0)
    receipt, _, message, me, *users = hall.surface.data
    assert receipt.endswith("\tstored\t1")
    assert message.endswith("\talice\talice\tto me")
    assert '"user": "alice"' in me
    assert [line.split("\t")[0] for line in users] == ["alice", "bob"]
    assert hall.surface.rest == []


def test_the_end_of_a_command_is_handed_back_and_not_printed(hall: Hall, alice: Settings) -> None:
    for words, status, said in (
        (["send", "nobody-there", "hi"], 5, "there is no user 'nobody-there'"),
        (["send"], 2, "Missing argument 'NAME... TEXT|-' (see: send --help)"),
        (["sned", "bob"], 2, "did you mean 'send'?"),
        (["xyzzy"], 2, "there is no command 'xyzzy'; 'help' lists what there is"),
        (["history", "--since", "never"], 2, "--since"),
        (["watch"], 2, "not in here"),
    ):
        trouble, number = perform(cli, words, alice)
        assert number == status, words
        assert trouble is not None
        assert said in trouble.message
    assert hall.surface == Page()


def test_help_and_version_are_written_where_everything_is(hall: Hall, settings: Settings) -> None:
    for words, first in (
        (["help"], "Usage:  [OPTIONS] [COMMAND] [ARGS]..."),
        (["--help"], "Usage:  [OPTIONS] [COMMAND] [ARGS]..."),
        (["--version"], "cnmessage, version 0.1.0"),
        (["help", "files", "send"], "Usage: files send [OPTIONS] NAME... PATH...|-"),
        (["files", "send", "-h"], "Usage: files send [OPTIONS] NAME... PATH...|-"),
        (["send", "--help"], "Usage: send [OPTIONS] NAME... TEXT|-"),
        (["completion", "bash"], ""),
    ):
        hall.surface.data.clear()
        assert perform(cli, words, settings) == (None, 0)
        (text,) = hall.surface.data
        assert text.lstrip("\n").splitlines()[0].startswith(first) or "_CNMESSAGE_COMPLETE" in text
    assert hall.surface.rest == []


def test_what_is_not_the_commands_is_refused_before_anything_else_is_done(
    hall: Hall, settings: Settings
) -> None:
    for words, said in (
        (["send", "bob", "-"], "no standard input"),
        (["broadcast", "-"], "no standard input"),
        (["sendfile", "bob", "-", "--name", "a.txt"], "no standard input"),
        (["login", "alice", "--password-stdin"], "no standard input"),
        (["files", "get", "a.txt", "-o", "-"], "no standard output"),
    ):
        trouble, status = perform(cli, words, settings)
        assert trouble is not None
        assert (status, said in trouble.message) == (2, True)
    assert (hall.surface, hall.ran) == (Page(), [])


def test_a_stopped_upload_says_how_to_go_on(hall: Hall, alice: Settings, tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    with path.open("wb") as file:
        file.truncate(256 << 20)
    hall.stops = True
    assert perform(cli, ["files", "send", "bob", str(path)], alice) == (None, 130)
    assert hall.surface.rest == ["Stopped. What is done is kept: the same command again goes on from there."]
    hall.stops = False
    assert perform(cli, ["whoami"], alice) == (None, 0)


def test_hints_are_as_a_command_is_typed_here(hall: Hall, alice: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    hall.surface.person = True
    assert perform(cli, ["files", "send", "alice", str(tmp_path / "a.txt")], alice) == (None, 0)
    assert perform(cli, ["files"], replace(alice, prefix="/")) == (None, 0)
    assert hall.surface.rest == ["Fetch what is offered with: /files get --all"]
    assert perform(cli, ["history"], alice) == (None, 0)
    assert "fetch it: files get " in hall.surface.data[-1]
    trouble, _ = perform(cli, ["files", "get", "nothing"], alice)
    assert trouble is not None
    assert "'files' lists what there is" in trouble.message
    assert Settings(host=hall, profile="other").typed("files").endswith("cnmessage --profile other files")


def test_errors_of_some_among_many_have_the_programs_name_before_them_in_a_shell_only(
    hall: Hall, alice: Settings
) -> None:
    for prefix, lead in (("", ""), (None, "cnmessage: ")):
        hall.surface.rest.clear()
        trouble, status = perform(cli, ["blacklist", "add", "bob", "eve-1"], replace(alice, prefix=prefix))
        assert (status, trouble is not None) == (8, True)
        (line,) = hall.surface.rest
        assert line.startswith(f"{lead}there is no user 'eve-1'")


def test_a_new_password_is_asked_for_until_it_will_do_and_is_the_same_twice(
    hall: Hall, alice: Settings
) -> None:
    fresh, repeat = ("New password: ", True), ("Repeat for confirmation: ", True)
    hall.answers = ["", PASSWORD, "short", "long enough", "", "mistyped", "long enough", "long enough"]
    assert perform(cli, ["passwd"], alice) == (None, 0)
    old = ("Old password: ", True)
    assert hall.asked == [old, old, fresh, fresh, repeat, repeat, fresh, repeat]
    too_short, different = hall.surface.rest
    assert too_short.startswith("Error: a password has at least")
    assert different == "Error: The two entered values do not match."
    assert hall.surface.data == []  # a person's sentence alone: a program has nothing to read


def test_who_gives_no_answer_has_stopped_the_command(hall: Hall, settings: Settings) -> None:
    assert perform(cli, ["signup"], settings) == (None, 130)
    assert hall.asked == [("User name: ", False)]
    for unasked in (replace(settings, no_input=True), settings):
        hall.can_ask = unasked.no_input
        trouble, status = perform(cli, ["signup"], unasked)
        assert trouble is not None
        assert (status, "a user name is needed" in trouble.message) == (2, True)
    assert hall.ran == []


def test_a_new_brokers_key_is_accepted_by_yes_alone(hall: Hall, settings: Settings) -> None:
    for answers, accepted in ((["y"], True), ([" YES "], True), ([""], False), (["n"], False)):
        hall.answers = answers
        assert settings.trusts("example.org:1", "ab cd") is accepted
    hall.answers = ["perhaps", "no"]
    assert not settings.trusts("example.org:1", "ab cd")
    assert hall.surface.rest[-1] == "Error: answer y for yes or n for no"
    assert {question for question, _ in hall.asked} == {"Is that what its operator told you? [y/N]: "}
    asked = len(hall.asked)
    assert settings.trusts("127.0.0.1:1", "ab cd")
    assert not replace(settings, no_input=True).trusts("example.org:1", "ab cd")
    assert len(hall.asked) == asked


def test_what_the_chat_says_holds_but_for_flags_which_the_host_gets_to_see(
    hall: Hall, alice: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNMESSAGE_PROFILE", "variable")
    monkeypatch.setenv("CNMESSAGE_BROKER", "variable:1")
    perform(cli, ["users"], alice)
    perform(cli, ["users", "--profile", "bob", "--timeout", "3"], alice)
    perform(cli, ["blacklist", "--broker", "other:1", "list", "--json"], alice)
    plain, flags, nested = hall.ran
    assert plain == alice
    assert flags == replace(alice, profile="bob", timeout=3.0)
    assert nested == replace(alice, broker="other:1", as_json=True)
    assert {each.host for each in hall.ran} == {hall}
    assert {each.prefix for each in hall.ran} == {""}


def test_a_table_is_as_wide_as_the_surface_and_has_its_colours(hall: Hall, alice: Settings) -> None:
    surface = hall.surface
    assert perform(cli, ["send", "bob", "hi"], alice) == (None, 0)
    for colour, width in ((False, 20), (True, 20), (False, 60)):
        surface.data.clear()
        surface.person, surface.colour, surface.width = True, colour, width
        assert perform(cli, ["users"], alice) == (None, 0)
        (table,) = surface.data
        assert not table.endswith("\n")
        assert ("\x1b[" in table) is colour
        assert (len(table.splitlines()) == 3) is (width == 60)
        if not colour:
            assert max(map(len, table.splitlines())) <= width


def test_completion_knows_the_profile_of_the_chat(
    hall: Hall, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for profile in ("chat", "variable", "flag"):
        remember_names(home.profile(profile), [f"friend-of-{profile}"])
    monkeypatch.setenv("CNMESSAGE_PROFILE", "variable")

    def completed(words: list[str], obj: Settings | None) -> list[str]:
        command = cli.commands["users"]
        with cli.make_context("", ["users"], obj=obj, resilient_parsing=True) as root:
            inner = command.make_context("users", words, parent=root, resilient_parsing=True)
            return [each.value for each in complete_name(inner, command.params[0], "friend")]

    chat = Settings(profile="chat", host=hall)
    assert completed([], None) == ["friend-of-variable"]
    assert completed([], chat) == ["friend-of-chat"]
    assert (
        completed(["--profile", "flag"], chat) == completed(["--profile", "flag"], None) == ["friend-of-flag"]
    )
