"""Reaching a broker: what is no address, and why none answers, each in one line that names the port."""

import re
import socket
from collections.abc import Iterator

import pytest

from cnmessage_client.address import parse_address
from tests.acceptance.conftest import Cli, Result
from tests.support.harness import PASSWORD, BrokerProcess, free_port, home_at
from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy
from tests.support.silence import silent

NEVER = ("--timeout", str(10 * PATIENCE))
"""What ends before that, ends for a reason of its own: the test does not wait so long."""

NO_ADDRESSES = (
    "user@host:1", "*:1", "[::1", "host:99999", "127.0.0.1:65533", "a b", "http://h:1", "a..b:1", "-x",
    "1.2.3:4", "::1", "cnm://127.0.0.1:1#",
)  # fmt: skip


def one_line(result: Result, status: int) -> str:
    """What it says, in one line and no more."""
    assert (result.status, result.out) == (status, ""), result
    (line,) = result.err.splitlines()
    assert line.startswith("cnmessage: ")
    return line


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_a_usage_error_wherever_it_is_written(cli: Cli, text: str) -> None:
    profile = cli.home.profile("spelled")
    profile.remember(broker=text, user="alice")
    for result in (
        cli("--profile", "spelled", "--broker", text, "send", "bob", "hi"),
        cli("--profile", "fresh", "whoami", CNMESSAGE_BROKER=text),
        cli("--profile", "spelled", "whoami", CNMESSAGE_BROKER=""),
        cli("--profile", "fresh", "--broker", text, "signup", "bob", "--password-stdin", stdin=PASSWORD),
        cli("--profile", "fresh", "--broker", text, "chat", stdin="bob\n"),
    ):
        assert f"'{text}' is not a broker's address" in one_line(result, 2)
    assert str(profile.folder) in cli("--profile", "spelled", "whoami", CNMESSAGE_BROKER="").err
    assert not cli.home.profile("fresh").folder.exists()


def test_an_empty_address_is_not_taken_for_the_usual_one(cli: Cli) -> None:
    result = cli("--profile", "fresh", "--broker", "", "signup", "bob", "--password-stdin", stdin=PASSWORD)
    assert "'' is not a broker's address" in one_line(result, 2)


def test_a_name_in_other_letters_is_looked_up_as_dns_spells_it(cli: Cli) -> None:
    result = cli("--broker", "ümlaut.invalid:1", "signup", "bob", "--password-stdin", stdin=PASSWORD)
    assert "no host 'xn--mlaut-jva.invalid'" in one_line(result, 3)


def test_an_unknown_host_and_a_refused_port_are_told_at_once_and_differently(cli: Cli) -> None:
    cli.accounts("soon1")
    port = free_port()
    key = cli.address.partition("#")[2]
    for place, told in (
        (f"127.0.0.1:{port}", f":{port} refuses connections: no broker listens on port {port}"),
        (f"localhost:{port}", f":{port} refuses connections: no broker listens on port {port}"),
        (f"[::1]:{port}", f":{port} refuses connections: no broker listens on port {port}"),
        (f"nowhere.invalid:{port}", "there is no host 'nowhere.invalid'"),
    ):
        for address in (place, f"cnm://{place}#{key}"):  # with the key, and without
            for words in (
                ("whoami",),
                ("send", "soon1", "hi"),
                ("watch",),
                ("files", "send", "soon1", __file__),
            ):
                result = cli("--profile", "soon1", "--broker", address, *NEVER, *words)
                assert told in one_line(result, 3), (address, words)
    assert not list(cli.home.profile("soon1").outbox.glob("*"))


def test_silence_is_told_as_silence_and_names_the_port(cli: Cli) -> None:
    cli.accounts("still1")
    key = cli.address.partition("#")[2]
    port = free_port()
    with silent(port):
        for words in (("whoami",), ("send", "still1", "hi")):
            result = cli(
                "--profile", "still1", "--broker", f"127.0.0.1:{port}#{key}", "--timeout", "1", *words
            )
            assert f"no answer from 127.0.0.1:{port} for 1 s" in one_line(result, 3)


def test_what_takes_connections_and_is_no_broker_is_told_as_that(cli: Cli) -> None:
    cli.accounts("other1")
    key = cli.address.partition("#")[2]
    with socket.create_server(("127.0.0.1", free_port())) as another:
        place = f"127.0.0.1:{another.getsockname()[1]}"
        result = cli("--profile", "other1", "--broker", f"{place}#{key}", "--timeout", "2", "whoami")
    assert "does not speak as a broker does" in one_line(result, 3)


ME = "{me}"
COMMANDS: dict[int, tuple[str, ...]] = {1: ("watch",), 2: ("files", "send", ME, __file__), 3: ("whoami",)}


@pytest.mark.parametrize("offset", COMMANDS)
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_port_that_alone_is_closed_is_named(cli: Cli, offset: int, how: str) -> None:
    me = f"{how}{offset}"
    cli.accounts(me)
    closed = {how: (offset,)}
    words = [me if word == ME else word for word in COMMANDS[offset]]
    with Proxy(cli.address, 0, lambda: None, **closed) as proxy:
        # Without the key in the address the key's port is needed; with it the others are.
        address = f"127.0.0.1:{proxy.port}" if offset == 3 else proxy.address
        limit = NEVER if how == "refused" else ("--timeout", "2")
        result = cli("--profile", me, "--broker", address, *limit, *words)
        told = one_line(result, 3)
        assert re.search(rf"\b{proxy.port + offset}\b (refuses|,)|on port {proxy.port + offset}, ", told), (
            told
        )
        assert f"{proxy.port} to {proxy.port + 3}" in told
        if offset != 3:  # what does not need that port works
            cli.ok("--profile", me, "--broker", proxy.address, "send", me, "hi")


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_chat_without_the_port_of_deliveries_says_so_and_goes_on(cli: Cli, how: str) -> None:
    me = f"chat-{how}"
    cli.accounts(me)
    with Proxy(cli.address, 0, lambda: None, **{how: (1,)}) as proxy:
        command = ("--profile", me, "--broker", proxy.address, "--timeout", "3", "chat", "--plain")
        with cli.terminal(*command) as chat:
            chat.until(f"{proxy.port + 1}")
            chat.enter(f"send {me} all the same\n")
            chat.until("[stored]")
            chat.enter("exit\n")
            assert chat.finish() == 0
    assert [row[5] for row in cli.ok("--profile", me, "history").rows] == ["all the same"]


def test_who_was_connected_once_goes_on_trying_when_connections_are_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("soon")
    with BrokerProcess(folder / "broker") as broker:
        cli = Cli(home_at(folder / "home"), broker.address)
        cli.accounts("early1")
        with cli.start("--profile", "early1", "watch") as watch:
            cli.ok("--profile", "early1", "send", "early1", "one")
            assert watch.line().endswith("one")
            broker.kill()
            watch.wait_for("connection lost")
            broker.start()
            cli.ok("--profile", "early1", "send", "early1", "two")
            assert watch.line().endswith("two")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker on the IPv6 address of this machine alone."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    running = BrokerProcess(tmp_path_factory.mktemp("six") / "broker")
    running.flags = ("--host", "::1")
    with running:
        yield running


def test_a_broker_on_ipv6_is_used_in_every_spelling(
    six: BrokerProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = parse_address(six.address).port
    assert f"[::1]:{port}" in six.address
    cli = Cli(home_at(tmp_path_factory.mktemp("home6")), six.address)
    cli.accounts("six1")
    for address in (six.address, f"[::1]:{port}", f"[0:0:0:0:0:0:0:1]:{port}"):
        cli.ok("--profile", "six1", "--broker", address, "send", "six1", address)
    cli.ok("--profile", "six1", "files", "send", "six1", __file__)
    with cli.start("--profile", "six1", "watch") as watch:
        assert watch.line().endswith(six.address)
