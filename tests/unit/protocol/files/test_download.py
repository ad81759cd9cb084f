"""One download step by step: parts from earlier, growing chunks, late words, and when it gives up."""

import pytest

from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import (
    FETCHED_CHUNK,
    FIRST_CHUNK,
    WINDOW_CHUNKS,
    Credit,
    Fetched,
    FileMessage,
    Get,
    Kept,
    Noted,
    Opened,
    Pause,
    Stop,
)
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.flows import QUICK
from cnmessage_protocol.files.transfer import DOWNLOADING, SILENCE, Ended, Keep, Phase, Reopen, Say, SeekTo

DIGEST = b"d" * 32
LIMIT = 60.0
FIRST_WINDOW = WINDOW_CHUNKS * FIRST_CHUNK
SIZE = 4 * FIRST_WINDOW


def moving(size: int = SIZE, offset: int = 0) -> Download:
    """A download whose file was opened."""
    download = Download(offset, 0.0, LIMIT)
    download.received(0.0, Opened("x", size, DIGEST))
    return download


def verifying() -> Download:
    """One that has all bytes."""
    download = moving(5)
    assert download.chunk(0.0, 0, 5) == (True, [])
    assert download.written() == [Keep(DIGEST)]
    return download


def finishing() -> Download:
    """One whose file is in its place."""
    download = verifying()
    assert download.kept(0.0) == [Say(Fetched())]
    return download


def take(download: Download, now: float, length: int) -> list[object]:
    """A chunk that comes and is written: what the download wants then."""
    assert download.chunk(now, download.flow.offset, length) == (True, [])
    return list(download.written())


def test_it_asks_takes_verifies_tells_and_ends() -> None:
    download = finishing()
    assert download.received(0.0, Noted()) == [Ended(Opened("x", 5, DIGEST))]


def test_it_asks_from_where_the_part_ends_for_one_small_window() -> None:
    assert Download(700, 0.0, LIMIT).begin() == [Say(Get(700, 700 + FIRST_WINDOW, FIRST_CHUNK))]


@pytest.mark.parametrize("size", [0, 9])
def test_a_part_that_is_whole_already_is_only_verified(size: int) -> None:
    download = Download(size, 0.0, LIMIT)
    assert download.received(0.0, Opened("x", size, DIGEST)) == [SeekTo(size), Keep(DIGEST)]
    assert download.chunk(0.0, size, 1) == (False, [])


def test_a_part_longer_than_the_file_is_not_of_this_file() -> None:
    with pytest.raises(ProtocolError, match="longer than the file"):
        Download(10, 0.0, LIMIT).received(0.0, Opened("x", 9, DIGEST))


def test_chunks_out_of_order_and_chunks_while_asking_are_not_written() -> None:
    download = moving()
    assert download.chunk(0.0, 5, 5) == (False, [])
    assert download.chunk(0.0, 0, SIZE + 1) == (False, [])
    take(download, 0.0, 10)
    assert download.chunk(0.0, 0, 10) == (False, [])
    download.lost(0.0)
    assert download.chunk(0.0, 10, 10) == (False, [])


def test_chunks_grow_while_they_come_quickly_up_to_what_is_asked_for_and_never_before_it_is_granted() -> None:
    download = moving(1 << 34)
    granted, chunk = FIRST_WINDOW, FIRST_CHUNK
    while chunk < FETCHED_CHUNK:
        for effect in take(download, 0.0, chunk):
            assert isinstance(effect, Say)
            assert isinstance(effect.message, Credit)
            assert effect.message.chunk == min(2 * chunk, FETCHED_CHUNK)
            assert effect.message.upto == download.flow.offset + WINDOW_CHUNKS * effect.message.chunk
            granted, chunk = effect.message.upto, effect.message.chunk
        assert download.flow.offset < granted, "the broker may always go on"
    for _ in range(WINDOW_CHUNKS):
        take(download, 0.0, FETCHED_CHUNK)
    assert download.flow.chunk == FETCHED_CHUNK


def test_one_slow_chunk_lets_the_next_ones_be_smaller_but_not_below_the_first() -> None:
    download = moving()
    now, said = 0.0, list[object]()
    while not said:
        now += QUICK if download.flow.offset == FIRST_CHUNK else 0.01
        said = take(download, now, FIRST_CHUNK)
    assert download.flow.chunk == FIRST_CHUNK
    assert said == [Say(Credit(download.flow.offset + FIRST_WINDOW, FIRST_CHUNK))]


def test_after_a_cut_it_asks_from_its_last_byte_and_for_a_whole_window() -> None:
    download = moving()
    take(download, 0.0, 100)
    assert download.lost(1.0) == [Say(Get(100, 100 + FIRST_WINDOW, FIRST_CHUNK))]
    again = Opened("x", SIZE, DIGEST)
    assert download.received(1.0, again) == [SeekTo(100), Say(Credit(100 + FIRST_WINDOW, FIRST_CHUNK))]


def test_a_cut_while_verifying_waits_and_one_after_it_tells_again() -> None:
    download = verifying()
    assert download.lost(1.0) == []
    assert download.kept(2.0) == [Say(Fetched())]
    assert download.lost(3.0) == [Say(Fetched())]


@pytest.mark.parametrize("download", [verifying(), finishing()], ids=["verifying", "finishing"])
def test_a_late_answer_to_an_earlier_question_changes_nothing(download: Download) -> None:
    phase = download.phase
    assert download.received(0.0, Opened("x", 5, DIGEST)) == download.received(0.0, Credit(5)) == []
    assert download.phase is phase


@pytest.mark.parametrize("word", [Noted(), Opened("x", 5, DIGEST), Credit(9), Stop("withdrawn")])
def test_it_ends_once_whatever_comes_later(word: FileMessage) -> None:
    download = verifying()
    (ended,) = download.received(0.0, Stop("withdrawn", "taken back"))
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.WITHDRAWN
    error = RequestError(ErrorCode.STORAGE, "full")
    assert download.received(1.0, word) == download.kept(1.0) == download.failed(error) == []
    assert download.lost(1.0) == download.tick(1e9) == []


def test_a_link_that_is_not_known_is_asked_on_once() -> None:
    download = moving()
    stop = Stop(str(ErrorCode.NOT_ATTACHED))
    assert len(download.received(0.0, stop)) == 1
    assert download.received(0.0, stop) == []
    assert finishing().received(0.0, stop) == [Say(Fetched())]


def test_a_failure_of_this_side_is_told_to_the_broker() -> None:
    error = RequestError(ErrorCode.STORAGE, "the disk is full")
    assert moving().failed(error) == [Say(Stop("storage")), Ended(None, error)]


def test_an_answer_to_something_else_is_a_protocol_error() -> None:
    for word in (Kept(bytes(16), bytes(16), 1, 1), Noted()):
        with pytest.raises(ProtocolError):
            moving().received(0.0, word)


def test_silence_asks_for_a_fresh_link_and_no_progress_ends_it_once() -> None:
    download = moving()
    assert download.tick(SILENCE) == [Reopen()]
    said, ended = download.tick(LIMIT)
    assert said == Say(Pause())
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.UNREACHABLE
    assert download.tick(LIMIT + 1) == []


def test_verifying_takes_as_long_as_it_takes() -> None:
    download = verifying()
    for minute in range(1, 10):
        assert download.tick(minute * LIMIT) == []


def test_nothing_leads_out_of_the_end() -> None:
    assert Phase.ENDED not in {phase for phase, _ in DOWNLOADING}
    assert {phase for phase, _ in DOWNLOADING} == set(Phase) - {Phase.ENDED}
