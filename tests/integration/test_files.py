"""Files from one user to others, through a real broker: byte-identical or not there at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home, SentFile, SyncClient, TransferProgress
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.files.channel import CHUNK
from tests.support.harness import BrokerProcess, BrokerThread, broker_config, sign_up
from tests.support.sending import outcomes
from tests.support.shortage import no_descriptors

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7]
LATER = 20


@asynccontextmanager
async def users(address: str, home: Home, *names: str) -> AsyncIterator[list[Client]]:
    await sign_up(address, home, *names)
    clients = [Client(home=home, profile=name) for name in names]
    for client in clients:
        await client.connect()
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


def made(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


async def sent(client: Client, to: str | Sequence[str], *paths: Path) -> list[SentFile]:
    done = await client.send_files(to, paths)
    assert [each.error for each in done] == [None] * len(paths)
    return done


async def refused(call: Awaitable[object]) -> ErrorCode:
    with pytest.raises(CnMessageError) as caught:
        await call
    return caught.value.code


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_files_of_any_size_reach_several_users_whole(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    paths = [made(tmp_path / f"{size}.bin", size) for size in SIZES]

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob", "carol") as (alice, bob, carol):
            done = await sent(alice, ["bob", "carol"], *paths)
            for client in (bob, carol):
                place = out / str(client.profile.name)
                place.mkdir()
                found = await asyncio.gather(*(client.get_file(each.id, place) for each in done))
                assert [each.read_bytes() for each in found] == [each.read_bytes() for each in paths]
                assert names(place) == sorted(each.name for each in paths)
            for path, each in zip(paths, done, strict=True):
                assert each.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
                assert (each.name, each.size, each.recipients) == (path.name, path.stat().st_size, 2)
            listed = await alice.files(sent=True)
            assert {each.id: each.sha256 for each in listed} == {each.id: each.sha256 for each in done}
            assert {state.state for each in listed for state in each.recipients} == {"done"}
            assert list(alice.profile.uploads.iterdir()) == []

    asyncio.run(scenario())


def test_a_file_is_a_message_and_its_sender_hears_who_has_it(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "report.pdf", 5)

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            heard: asyncio.Queue[FileState] = asyncio.Queue()
            alice.on_file = heard.put_nowait
            own = asyncio.ensure_future(anext(alice.messages(own=True)))
            await alice.whoami()
            done = await alice.send_files("bob", [path], note="as promised", expires=timedelta(days=1))
            message = await anext(bob.messages())
            assert (message.kind, message.body, message.id) == ("file", "as promised", done[0].message)
            assert message.file is not None
            assert message.as_json()["file"] == {
                "id": done[0].id,
                "name": "report.pdf",
                "size": 5,
                "sha256": done[0].sha256,
            }
            assert (await own).file == message.file
            await bob.get_file(message.file.id, out)
            states = [(await asyncio.wait_for(heard.get(), LATER)).state for _ in range(2)]
            assert states == ["fetching", "done"]
            [offered] = await bob.files(sent=False)
            assert (offered.sender, offered.note, offered.state) == ("alice", "as promised", "stored")
            assert offered.expires is not None
            assert offered.expires - offered.time == timedelta(days=1)

    asyncio.run(scenario())


def test_who_was_offered_a_file_hears_at_once_that_it_was_taken_back_or_is_over(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    paths = [made(tmp_path / name, 5) for name in ("taken.txt", "short.txt", "unwanted.txt")]

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            heard: asyncio.Queue[tuple[str, OfferState]] = asyncio.Queue()
            alice.on_offer = lambda news: heard.put_nowait(("alice", news))
            bob.on_offer = lambda news: heard.put_nowait(("bob", news))
            following = [asyncio.ensure_future(anext(each.messages(own=True))) for each in (alice, bob)]
            taken, short, unwanted = [
                (await alice.send_files("bob", [path], expires=span))[0]
                for path, span in zip(paths, (None, timedelta(seconds=1), None), strict=True)
            ]
            await asyncio.gather(*following)
            await alice.withdraw_file(taken.id)
            await bob.decline_file(unwanted.id)
            got = [await asyncio.wait_for(heard.get(), LATER) for _ in range(5)]
            assert {(who, news.file.hex(), news.user, news.state) for who, news in got} == {
                ("alice", taken.id.replace("-", ""), "alice", "withdrawn"),
                ("bob", taken.id.replace("-", ""), "alice", "withdrawn"),
                ("alice", short.id.replace("-", ""), "alice", "expired"),
                ("bob", short.id.replace("-", ""), "alice", "expired"),
                ("bob", unwanted.id.replace("-", ""), "alice", "declined"),
            }

    asyncio.run(scenario())


def test_files_that_cannot_be_moved_for_want_of_descriptors_say_so_and_go_later(
    home: Home, tmp_path: Path, out: Path
) -> None:
    paths = [made(tmp_path / f"{number}.txt", 5) for number in range(6)]

    async def scenario(broker: BrokerProcess) -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            await alice.send_files("bob", paths[0])  # what moves files is loaded
            for left in (0, 2, 6, 10, 14):
                with no_descriptors(but=left), pytest.raises(CnMessageError) as caught:
                    await alice.send_files("bob", paths[1:])
                assert "ulimit -n" in caught.value.message, left
                assert "fault of cnmessage" not in caught.value.message
            assert len({each.id for each in await alice.send_files("bob", paths[1:])}) == 5
            for info in await bob.files(sent=False):
                await bob.get_file(info.id, out)

    with BrokerProcess(tmp_path / "broker") as broker:
        asyncio.run(scenario(broker))
    assert len(list(out.iterdir())) == 6


def test_the_way_of_a_file_is_told_step_by_step(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "a.bin", 3 * CHUNK)

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            steps: list[TransferProgress] = []
            [done] = await alice.send_files("bob", [path], progress=steps.append)
            phases = list(dict.fromkeys(each.phase for each in steps))
            assert phases == ["waiting", "sending", "verifying", "done"]
            assert (steps[-1].file, steps[-1].done, steps[-1].size) == (done.id, 3 * CHUNK, 3 * CHUNK)
            steps.clear()
            await bob.get_file(done.id, out, progress=steps.append)
            phases = list(dict.fromkeys(each.phase for each in steps))
            assert phases == ["waiting", "receiving", "verifying", "done"]
            assert (steps[-1].name, steps[-1].done, steps[-1].size) == ("a.bin", 3 * CHUNK, 3 * CHUNK)

    asyncio.run(scenario())


def test_what_cannot_be_sent_says_why_and_the_rest_goes(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    good, locked, pipe = made(tmp_path / "good", 10), made(tmp_path / "locked", 1), tmp_path / "pipe"
    os.mkfifo(pipe)
    locked.chmod(0)
    paths = [tmp_path / "missing", tmp_path, pipe, Path("/dev/zero"), locked, good, good]
    codes = [ErrorCode.NO_SUCH_FILE, ErrorCode.USAGE, ErrorCode.USAGE, ErrorCode.USAGE, ErrorCode.UNREADABLE]
    if os.geteuid() == 0:
        codes[4:], paths[4:5] = [], []  # root may read anything

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, _bob):
            done = await outcomes(alice.send_files("bob", paths))
            failed = [each.error for each in done if each.error is not None]
            assert [each.code for each in failed] == codes
            assert [str(path) in each.message for path, each in zip(paths, failed, strict=False)]
            assert done[-1].id != done[-2].id  # named twice, sent twice
            assert {each.sha256 for each in done[-2:]} == {hashlib.sha256(good.read_bytes()).hexdigest()}
            [unknown] = await outcomes(alice.send_files("nobody", [good]))
            assert unknown.error is not None
            assert unknown.error.code is ErrorCode.NO_SUCH_USER
            assert await refused(alice.send_files("all", [good])) is ErrorCode.BAD_REQUEST
            assert await refused(alice.send_files("bob", [good], names=[])) is ErrorCode.BAD_REQUEST
            # What was stored is not sent twice by the same call; another call means it.
            calls = [await outcomes(alice.send_files("bob", [tmp_path / "missing", good])) for _ in "12"]
            (first,), (again,) = ([each.id for each in call if each.error is None] for call in calls)
            assert first == again != done[-2].id
            assert [each.id for each in await alice.send_files("bob", [good])] not in ([first], [done[-2].id])
            assert list(alice.profile.uploads.iterdir()) == []

    asyncio.run(scenario())


def test_a_file_that_changes_while_it_is_sent_is_not_offered(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    path = made(tmp_path / "log", 40 * CHUNK)

    def on_progress(step: TransferProgress) -> None:
        if step.phase == "sending":
            os.utime(path)  # as any write to it does

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            [done] = await outcomes(alice.send_files("bob", [path], progress=on_progress))
            assert done.error is not None
            assert done.error.code is ErrorCode.INTEGRITY
            assert "changed while it was being sent" in done.error.message
            assert await bob.files(sent=False) == []

    asyncio.run(scenario())


def test_nothing_is_overwritten_unasked_and_nothing_written_through_a_link(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "a.txt", 100)

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            [done] = await sent(alice, "bob", path)
            (out / "a.txt").write_text("mine")
            assert await refused(bob.get_file(done.id, out)) is ErrorCode.EXISTS
            assert await refused(bob.get_file(done.id, out, name="a.txt")) is ErrorCode.EXISTS
            assert names(out) == ["a.txt"]
            assert (out / "a.txt").read_text() == "mine"
            assert (await alice.files(sent=True))[0].recipients[0].state != "failed"
            assert await bob.get_file(done.id, out, overwrite=True) == out / "a.txt"
            assert (out / "a.txt").read_bytes() == path.read_bytes()

            (tmp_path / "elsewhere").write_text("mine")
            (out / "b.txt").symlink_to(tmp_path / "elsewhere")
            assert await refused(bob.get_file(done.id, out, name="b.txt")) is ErrorCode.EXISTS
            await bob.get_file(done.id, out, name="b.txt", overwrite=True)
            assert (tmp_path / "elsewhere").read_text() == "mine"
            assert not (out / "b.txt").is_symlink()
            assert await bob.get_file(done.id, out, name="../../c.txt") == out / "c.txt"
            assert names(out) == ["a.txt", "b.txt", "c.txt"]

    asyncio.run(scenario())


def test_a_senders_names_stay_in_the_directory(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "plain", 3)
    told = ["..", ".bashrc", "CON", "line\nbreak", "n" * 255, "x\\..\\y"]

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            done = await alice.send_files("bob", [path] * len(told), names=told)
            assert [each.name for each in done] == told
            found = [await bob.get_file(each.id, out) for each in done]
            assert [each.name for each in found] == [
                "file",
                "bashrc",
                "_CON",
                "linebreak",
                "n" * 240,
                "y",
            ]
            [outside] = await outcomes(alice.send_files("bob", [path], names=["../x"]))
            assert outside.error is not None
            assert {each.parent for each in found} == {out}

    asyncio.run(scenario())


def test_an_id_of_someone_else_is_an_unknown_id(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "a.txt", 100)

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob", "eve") as (alice, bob, eve):
            [done] = await sent(alice, "bob", path)
            errors = []
            for wanted in (done.id, "0190f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"):
                with pytest.raises(CnMessageError) as caught:
                    await eve.get_file(wanted, out)
                errors.append((caught.value.code, caught.value.message))
            assert errors[0] == errors[1]
            assert errors[0][0] is ErrorCode.NO_SUCH_FILE
            assert await refused(bob.get_file("no such name", out)) is ErrorCode.NO_SUCH_FILE
            assert await refused(bob.get_file(done.id, tmp_path / "nowhere")) is ErrorCode.NO_SUCH_FILE
            assert await refused(bob.get_file(done.id, path)) is ErrorCode.USAGE
            assert (await alice.get_file(done.id, out)).read_bytes() == path.read_bytes()
            assert [each.state for each in (await alice.files(sent=True))[0].recipients] == ["offered"]

    asyncio.run(scenario())


def test_a_file_that_was_withdrawn_or_declined_is_told_as_such(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "a.txt", 100)

    async def scenario() -> None:
        async with users(broker.address, home, "alice", "bob") as (alice, bob):
            [first, second] = await sent(alice, "bob", path, path)
            await alice.withdraw_file(first.id)
            assert await refused(bob.get_file(first.id, out)) is ErrorCode.WITHDRAWN
            assert await refused(bob.withdraw_file(second.id)) is ErrorCode.NO_SUCH_FILE
            await bob.decline_file(second.id)
            states = {
                each.id: (each.state, each.recipients[0].state) for each in await alice.files(sent=True)
            }
            assert states == {first.id: ("withdrawn", "offered"), second.id: ("stored", "failed")}
            await bob.get_file(second.id, out)

    asyncio.run(scenario())


def test_a_file_beyond_the_brokers_limits_is_refused(home: Home, tmp_path: Path) -> None:
    config = broker_config(tmp_path / "broker", file_limit=1000, file_quota=1500)
    paths = [made(tmp_path / "big", 1001), made(tmp_path / "one", 900), made(tmp_path / "two", 900)]

    async def scenario(address: str) -> None:
        async with users(address, home, "alice", "bob") as (alice, _bob):
            errors = [(await outcomes(alice.send_files("bob", [path])))[0].error for path in paths]
            codes = [None if error is None else error.code for error in errors]
            assert codes == [ErrorCode.TOO_LARGE, None, ErrorCode.QUOTA]

    with BrokerThread(config) as broker:
        asyncio.run(scenario(broker.address))


def test_a_plain_script_sends_and_fetches_too(
    broker: BrokerThread, home: Home, tmp_path: Path, out: Path
) -> None:
    path = made(tmp_path / "a.txt", CHUNK + 1)
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    with SyncClient(home=home, profile="alice") as alice, SyncClient(home=home, profile="bob") as bob:
        [done] = alice.send_files("bob", [path])
        assert bob.get_file(done.id, out).read_bytes() == path.read_bytes()
        assert [each.id for each in bob.files(sent=False)] == [done.id]
        bob.decline_file(done.id)  # has it already: changes nothing
        assert alice.files(sent=True)[0].recipients[0].state == "done"
        alice.withdraw_file(done.id)


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="a folder in which even root can make no file")
def test_what_this_disk_refuses_does_not_look_begun_to_the_sender(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            (sent,) = await alice.send_files("bob", [made(tmp_path / "a.txt", 5)])
            with pytest.raises(CnMessageError, match="/sys"):
                await bob.get_file(sent.id, Path("/sys"), name="b.txt")
            (info,) = await alice.files(sent=True)
            assert [each.state for each in info.recipients] == ["offered"]

    asyncio.run(scenario())
