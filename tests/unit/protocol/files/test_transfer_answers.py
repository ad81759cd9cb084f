"""What the machines of a transfer make of single answers; all ways they can go: test_transfer_machine.py."""

import pytest

from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.files.channel import (
    CHUNK,
    WINDOW,
    WINDOW_CHUNKS,
    Credit,
    Fetched,
    Finish,
    Get,
    Granted,
    Kept,
    Opened,
    Pause,
    Put,
    Stop,
)
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import SILENCE, Effect, Ended, Keep, Reopen, Say, SeekTo
from cnmessage_protocol.files.upload import MAX_RESTARTS, Upload

FILE, MESSAGE, DIGEST = b"f" * 16, b"m" * 16, b"d" * 32
PUT = Put("a.bin", 3 * CHUNK, ("bob",))
KEPT = Kept(FILE, MESSAGE, 1, 1)
UNKNOWN = Stop(str(ErrorCode.NOT_ATTACHED))


def sending(machine: Upload) -> list[tuple[int, int]]:
    chunks = []
    while (chunk := machine.next_chunk()) is not None:
        chunks.append(chunk)
    return chunks


def test_an_upload_asks_once_however_many_chunks_were_unknown() -> None:
    # Otherwise each answer would bring a window of chunks, and each of those an answer.
    machine = Upload(PUT, 0.0, 10.0)
    machine.received(1.0, Granted(FILE, 0, 3 * CHUNK))
    sent = sending(machine)
    assert len(sent) > 3
    said = [effect for _ in sent for effect in machine.received(2.0, UNKNOWN)]
    assert said == [Say(PUT)]


def test_a_broker_that_is_at_work_is_waited_for() -> None:
    machine = Upload(PUT, 0.0, 10.0)
    effects: list[Effect] = []
    for second in range(1, 60):  # it hashes what it has
        machine.received(float(second), Credit(0))
        effects += machine.tick(float(second))
    machine.received(60.0, Granted(FILE, 0, 3 * CHUNK))
    sending(machine)
    machine.finish(60.0, DIGEST)
    for second in range(61, 120):  # it brings it to its disk
        machine.received(float(second), Credit(3 * CHUNK))
        effects += machine.tick(float(second))
    assert set(effects) == {Say(PUT), Say(Finish(DIGEST))}  # asked again now and then, and no more
    assert machine.tick(119.0 + SILENCE) != []


def test_an_upload_without_progress_ends_though_the_broker_talks() -> None:
    machine = Upload(PUT, 0.0, 10.0)
    machine.received(0.0, Granted(FILE, 0, 0))
    effects: list[Effect] = []
    for second in range(1, 11):
        machine.received(float(second), Credit(0))
        effects += machine.tick(float(second))
    assert effects[0] == Say(Pause()), "what has arrived is kept"
    assert [type(each) for each in effects[1:]] == [Ended]


def test_a_silent_link_is_replaced_and_the_broker_asked_again() -> None:
    machine = Upload(PUT, 0.0, 100.0)
    assert machine.tick(SILENCE) == [Reopen()]
    assert machine.lost(SILENCE) == [Say(PUT)]


def test_an_upload_that_never_arrives_right_is_given_up() -> None:
    machine = Upload(PUT, 0.0, 10.0)
    effects = machine.received(0.0, Granted(FILE, 0, 3 * CHUNK))
    for _ in range(MAX_RESTARTS + 1):
        assert effects == [SeekTo(0)]
        sending(machine)
        machine.finish(0.0, DIGEST)
        effects = machine.received(0.0, Granted(FILE, 0, 3 * CHUNK))
    [said, ended] = effects
    assert said == Say(Stop("integrity"))
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INTEGRITY


@pytest.mark.parametrize("machine", [Upload(PUT, 0.0, 10.0), Download(0, 0.0, 10.0)])
def test_a_side_that_cannot_go_on_tells_the_other(machine: Upload | Download) -> None:
    error = RequestError(ErrorCode.INTEGRITY, "changed")
    assert machine.failed(error) == [Say(Stop("integrity")), Ended(None, error)]


@pytest.mark.parametrize("machine", [Upload(PUT, 0.0, 10.0), Download(0, 0.0, 10.0)])
def test_a_side_that_stops_for_now_pauses_and_does_so_once(machine: Upload | Download) -> None:
    error = RequestError(ErrorCode.INTERRUPTED, "interrupted")
    assert machine.paused(error) == [Say(Pause()), Ended(None, error)]
    assert machine.paused(error) == []


def test_a_download_whose_broker_stops_asks_the_next_one() -> None:
    machine = Download(0, 0.0, 10.0)
    machine.received(0.0, Opened("a.bin", WINDOW, DIGEST))
    machine.chunk(0.0, 0, 10)
    assert machine.received(1.0, Stop(str(ErrorCode.SHUTDOWN))) == []
    assert machine.chunk(1.0, 10, 10) == (False, []), "what was under way comes again"
    [ask] = machine.lost(2.0)
    assert isinstance(ask, Say)
    assert isinstance(ask.message, Get)
    assert ask.message.offset == 10


def test_a_download_that_is_verified_while_its_broker_stops_tells_the_next_one() -> None:
    machine = Download(0, 0.0, 10.0)
    machine.received(0.0, Opened("a.bin", 0, DIGEST))
    assert machine.received(0.0, Stop(str(ErrorCode.SHUTDOWN))) == []
    assert machine.kept(1.0) == [Say(Fetched())]
    assert machine.received(2.0, Stop(str(ErrorCode.SHUTDOWN))) == []
    assert machine.lost(3.0) == [Say(Fetched())]


def test_an_upload_that_asks_the_next_broker_takes_its_word_later() -> None:
    machine = Upload(PUT, 0.0, 30.0)
    machine.begin()
    machine.received(1.0, Credit(0))
    assert machine.tick(SILENCE) == [Say(PUT)], "said twice on one link"
    machine.received(SILENCE, Stop(str(ErrorCode.SHUTDOWN)))
    machine.lost(SILENCE)
    assert machine.received(SILENCE, Granted(FILE, 0, 3 * CHUNK)) == [SeekTo(0)]
    assert machine.received(SILENCE, Granted(FILE, 0, 3 * CHUNK)) == [SeekTo(0)], "a chunk did not fit"


def test_chunks_grow_on_a_quick_line_and_stay_small_on_a_slow_one() -> None:
    for gap, grown in ((0.0, True), (1.0, False)):
        machine = Download(0, 0.0, 10.0)
        machine.received(0.0, Opened("a.bin", WINDOW, DIGEST))
        first = machine.flow.chunk
        for number in range(WINDOW_CHUNKS // 2):
            machine.chunk(gap * (number + 1), number * first, first)
            machine.written()
        assert (machine.flow.chunk > first) is grown


def test_a_download_goes_on_at_its_offset_on_a_fresh_link() -> None:
    machine = Download(5, 0.0, 10.0)
    machine.received(0.0, Opened("a.bin", WINDOW, DIGEST))
    machine.chunk(0.0, 5, 10)
    [ask] = machine.lost(1.0)
    assert isinstance(ask, Say)
    assert isinstance(ask.message, Get)
    assert ask.message.offset == 15
    assert machine.received(1.0, UNKNOWN) == []  # asked already
    effects = machine.received(1.0, Opened("a.bin", WINDOW, DIGEST))
    assert effects[0] == SeekTo(15)
    assert isinstance(effects[1], Say)  # what GET granted may have been used up before


def test_an_empty_file_is_kept_at_once() -> None:
    machine = Download(0, 0.0, 10.0)
    assert machine.received(0.0, Opened("a.bin", 0, DIGEST)) == [SeekTo(0), Keep(DIGEST)]
