"""An upload and a download, each with its flows, against a model broker and all that a network does.

Whatever happens: no byte is ever written in the wrong place, and a transfer ends once. Over a stream no cut
makes more than one window go twice. Once the faults end, the file is whole on the other side within `BOUND`
seconds.
"""

from collections.abc import Callable, Iterable
from itertools import cycle, islice
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cnmessage_protocol.files.channel import CHUNK, FIRST_CHUNK, WINDOW, Chunk, FileMessage, Put
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import SILENCE, Effect, Ended, Keep, Phase, Reopen, Say, SeekTo
from cnmessage_protocol.files.upload import Upload
from cnmessage_protocol.testing import Fate
from tests.unit.protocol.files.transfer_world import (
    DIGEST,
    DISK,
    KEPT,
    NOTHING,
    PATIENT,
    KeepingBroker,
    Said,
    ServingBroker,
    TransferWorld,
    one_piece,
)
from tests.unit.protocol.strategies import thorough

BOUND = 60.0
GUST = 256
"""Messages that a change of the weather lasts for: every one that comes out of turn is answered, and the
answer makes a window go again, so that without an end they became tens of thousands.
"""
FATES = st.lists(st.sampled_from([Fate.PASS, Fate.TWICE, Fate.LATE]), max_size=8)
UPLOADS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, WINDOW, WINDOW + 1, 2 * WINDOW + CHUNK // 2]
DOWNLOADS = [0, 1, FIRST_CHUNK - 1, FIRST_CHUNK + 1, 16 * FIRST_CHUNK, CHUNK + 1, 5 * CHUNK + 7]


class Sender:
    """A client that uploads: hashes what it reads, from the start of the file on."""

    def __init__(self, broker: KeepingBroker, now: float, *, unruly: bool) -> None:
        self.broker = broker
        self.size = size = broker.size
        self.machine = Upload(Put("x", size, ("bob",)), now, PATIENT)
        if unruly:  # a finish that overtakes a chunk looks like a file that is being changed
            self.machine._restarts = -1_000_000
        self.ended: list[Ended] = []
        self.reopen = False
        self.sent = 0
        self._hashed = 0

    def begin(self) -> list[Said]:
        return self._perform(self.machine.begin())

    def lost(self, now: float) -> list[Said]:
        return self._perform(self.machine.lost(now))

    def received(self, now: float, link: int, message: FileMessage, data: range) -> list[Said]:
        del link, data
        return self._perform(self.machine.received(now, message))

    def passed(self, now: float) -> list[Said]:
        said = self._perform(self.machine.tick(now))
        while chunk := self.machine.next_chunk():
            offset, length = chunk
            assert offset == self._hashed, "what goes out is hashed on the way, in order"
            self._hashed += length
            assert self._hashed <= self.broker.highest + WINDOW, "no more is under way than a window"
            self.sent += length
            said.append((Chunk(offset), range(offset, offset + length)))
        if self.machine.all_sent:
            assert self._hashed == self.size
            said += self._perform(self.machine.finish(now, DIGEST))
        return said

    @property
    def deadline(self) -> float:
        return float("inf") if self.ended else self.machine.deadline

    def _perform(self, effects: Iterable[Effect]) -> list[Said]:
        said: list[Said] = []
        for effect in effects:
            match effect:
                case Say(message):
                    said.append((message, NOTHING))
                case SeekTo(offset):
                    self._hashed = offset
                case Reopen():
                    self.reopen = True
                case Ended():
                    self.ended.append(effect)
                case _:
                    raise AssertionError(f"an upload does not want {effect}")
        return said


class Receiver:
    """A client that downloads: writes a part, verifies it, puts it in its place. Both outlive it."""

    def __init__(self, part: list[range], now: float) -> None:
        self.part = part
        self.placed = False
        self.machine = Download(len(one_piece(part)), now, PATIENT)
        self.ended: list[Ended] = []
        self.reopen = False
        self._keep_at = float("inf")

    def begin(self) -> list[Said]:
        return self._perform(self.machine.begin(), 0.0)

    def lost(self, now: float) -> list[Said]:
        return self._perform(self.machine.lost(now), now)

    def received(self, now: float, link: int, message: FileMessage, data: range) -> list[Said]:
        del link
        if not isinstance(message, Chunk):
            return self._perform(self.machine.received(now, message), now)
        take, effects = self.machine.chunk(now, message.offset, len(data))
        said = self._perform(effects, now)
        if take:
            self.part.append(data)
            said += self._perform(self.machine.written(), now)
        return said

    def passed(self, now: float) -> list[Said]:
        said = self._perform(self.machine.tick(now), now)
        if self._keep_at <= now:
            self._keep_at = float("inf")
            self.placed = True
            said += self._perform(self.machine.kept(now), now)
        return said

    @property
    def deadline(self) -> float:
        return float("inf") if self.ended else min(self.machine.deadline, self._keep_at)

    def _perform(self, effects: Iterable[Effect], now: float) -> list[Said]:
        said: list[Said] = []
        for effect in effects:
            match effect:
                case Say(message):
                    said.append((message, NOTHING))
                case SeekTo(offset):
                    assert offset == len(one_piece(self.part))
                case Keep(sha256):
                    assert sha256 == DIGEST
                    self._keep_at = now + DISK
                case Reopen():
                    self.reopen = True
                case Ended():
                    self.ended.append(effect)
        return said


class Transfer(RuleBasedStateMachine):
    """What happens to transfers of both kinds."""

    unruly = False
    world: TransferWorld

    @rule(seconds=st.sampled_from([0.005, 0.02, 0.1, 0.5, 2.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule()
    def the_link_is_cut(self) -> None:
        self.world.cut()

    @rule()
    def the_connection_blinks(self) -> None:
        self.world.blink()

    @rule()
    def the_broker_is_killed_and_started(self) -> None:
        self.world.restart_broker()

    @rule(up=st.booleans())
    def the_broker_freezes_or_thaws(self, up: bool) -> None:
        self.world.up = up

    @precondition(lambda self: self.unruly)
    @rule(fates=FATES)
    def the_weather_changes(self, fates: list[Fate]) -> None:
        self.world.weather.clear()
        self.world.weather.extend(islice(cycle(fates), GUST))

    @precondition(lambda self: self.unruly)
    @rule()
    def the_client_asks_again_while_answers_are_under_way(self) -> None:
        self.world.say(self.world.client.lost(self.world.clock.now))

    @invariant()
    def a_transfer_ends_once_and_well(self) -> None:
        assert len(self.world.client.ended) <= 1
        assert all(each.error is None for each in self.world.client.ended)

    def teardown(self) -> None:
        """The faults end: the file is whole on the other side in bounded time."""
        self.world.weather.clear()
        self.world.up = True
        self.world.run(BOUND)
        assert self.world.client.ended
        self.a_transfer_ends_once_and_well()
        self.arrived_whole()

    def arrived_whole(self) -> None:
        raise NotImplementedError


class UploadOverAStream(Transfer):
    """Messages are lost only with their connection, as TCP has it."""

    @initialize(size=st.sampled_from(UPLOADS))
    def a_client_begins(self, size: int) -> None:
        self.size = size
        self.broker = KeepingBroker(size)
        self.before = self.lost = 0
        self.client = Sender(self.broker, 0.0, unruly=self.unruly)
        self.world = TransferWorld(self.client, self.broker, self.client.begin(), unruly=self.unruly)

    @rule()
    def the_sender_is_killed_and_started(self) -> None:
        self.before += self.client.sent
        self.world.blink()
        self.world.client = self.client = Sender(self.broker, self.world.clock.now, unruly=self.unruly)
        self.world.say(self.client.begin())

    @precondition(lambda self: not self.broker.kept)
    @rule(share=st.floats(0, 1))
    def the_power_fails_and_takes_the_end_of_what_was_written(self, share: float) -> None:
        here = len(one_piece(self.broker.pieces))
        left = int(here * share)
        self.lost += here - left
        self.broker.pieces = [range(left)]
        self.world.restart_broker()

    @invariant()
    def a_cut_makes_no_more_than_a_window_go_twice(self) -> None:
        if not self.unruly:
            here = len(one_piece(self.broker.pieces))
            sent = self.before + self.client.sent
            assert sent <= here + self.lost + WINDOW * (self.world.cuts + 1)

    @invariant()
    def what_is_confirmed_is_there(self) -> None:
        if self.client.ended and not self.unruly:
            assert self.client.machine.confirmed == self.size

    def arrived_whole(self) -> None:
        assert self.broker.kept
        assert one_piece(self.broker.pieces) == range(self.size)
        assert self.client.ended == [Ended(KEPT)]
        if not self.unruly:
            assert self.before + self.client.sent <= self.size + self.lost + WINDOW * self.world.cuts


class DownloadOverAStream(Transfer):
    """The same towards the client, which may have a part of the file from an earlier time."""

    @initialize(size=st.sampled_from(DOWNLOADS), share=st.sampled_from([0.0, 0.0, 0.3, 1.0]))
    def a_client_begins(self, size: int, share: float) -> None:
        self.size = size
        self.had = int(size * share)
        self.broker = ServingBroker(size)
        self.client = Receiver([range(self.had)], 0.0)
        self.world = TransferWorld(self.client, self.broker, self.client.begin(), unruly=self.unruly)

    @precondition(lambda self: not self.client.placed)
    @rule()
    def the_receiver_is_killed_and_started(self) -> None:
        self.world.blink()
        self.world.client = self.client = Receiver(self.client.part, self.world.clock.now)
        self.world.say(self.client.begin())

    @invariant()
    def a_cut_makes_no_more_than_a_window_go_twice(self) -> None:
        if not self.unruly:
            here = len(one_piece(self.client.part)) - self.had
            assert self.broker.sent <= here + WINDOW * (self.world.cuts + 1)

    @invariant()
    def a_file_is_in_its_place_only_when_it_is_whole(self) -> None:
        if self.client.placed:
            assert one_piece(self.client.part) == range(self.size)

    def arrived_whole(self) -> None:
        assert self.client.placed
        assert self.client.machine.phase is Phase.ENDED
        assert one_piece(self.client.part) == range(self.size)
        assert self.broker.noted


class UploadOverAnUnrulyLink(UploadOverAStream):
    """Messages are doubled and overtaken by others as well: no ZeroMQ link does so, and yet it ends well."""

    unruly = True


class DownloadOverAnUnrulyLink(DownloadOverAStream):
    """The same towards the client."""

    unruly = True


def _test(machine: type[Any], decorate: Callable[[Any], Any]) -> Any:
    case = decorate(machine.TestCase)
    case.settings = thorough(60, 500)
    return case


TestUploadOverAStream = _test(UploadOverAStream, pytest.mark.timeout(1800))
TestDownloadOverAStream = _test(DownloadOverAStream, pytest.mark.timeout(1800))
TestUploadOverAnUnrulyLink = _test(UploadOverAnUnrulyLink, pytest.mark.timeout(1800))
TestDownloadOverAnUnrulyLink = _test(DownloadOverAnUnrulyLink, pytest.mark.timeout(1800))


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("machine", [UploadOverAStream, DownloadOverAStream])
def test_a_link_that_connects_again_unnoticed_costs_a_silence_and_no_more(
    machine: type[UploadOverAStream] | type[DownloadOverAStream], seconds: float
) -> None:
    transfer = machine()
    begins = {"size": CHUNK - 1} if isinstance(transfer, UploadOverAStream) else {"size": CHUNK, "share": 0.0}
    transfer.a_client_begins(**begins)
    transfer.time_passes(seconds)
    transfer.the_connection_blinks()
    transfer.time_passes(SILENCE + 1.0)
    assert len(transfer.world.client.ended) == 1
    transfer.teardown()
