"""One upload step by step: what stale, early and repeated words of the broker do, and when it gives up."""

import pytest

from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import (
    CHUNK,
    FIRST_CHUNK,
    WINDOW,
    Credit,
    Finish,
    Granted,
    Kept,
    Noted,
    Pause,
    Put,
    Stop,
)
from cnmessage_protocol.files.transfer import (
    LEAST_GAIN,
    SILENCE,
    UPLOADING,
    Ended,
    Phase,
    Reopen,
    Say,
    SeekTo,
    Step,
    next_phase,
)
from cnmessage_protocol.files.upload import MAX_RESTARTS, Upload

FILE, DIGEST = b"f" * 16, b"d" * 32
KEPT = Kept(FILE, b"m" * 16, 7, 1)
LIMIT = 60.0
WHOLE = 3 * CHUNK


def moving(size: int = WHOLE) -> Upload:
    """An upload that may send its first window."""
    upload = Upload(Put("x", size, ("bob",)), 0.0, LIMIT)
    upload.received(0.0, Granted(FILE, 0, min(size, WINDOW)))
    upload.received(0.0, Credit(min(size, WINDOW), CHUNK))
    return upload


def finishing(size: int = WHOLE) -> Upload:
    """One that has said all."""
    upload = moving(size)
    while upload.next_chunk():
        pass
    assert upload.all_sent
    assert upload.finish(0.0, DIGEST) == [Say(Finish(DIGEST))]
    return upload


def test_it_asks_sends_finishes_and_ends() -> None:
    upload = Upload(Put("x", CHUNK + 1, ("bob",)), 0.0, LIMIT)
    assert upload.begin() == [Say(upload.put)]
    assert upload.next_chunk() is None
    assert upload.received(1.0, Granted(FILE, 0, CHUNK + 1)) == [SeekTo(0)]
    assert upload.next_chunk() == (0, FIRST_CHUNK), "small until the broker says that they come quickly"
    upload.received(1.0, Credit(CHUNK + 1, CHUNK))
    rest = CHUNK + 1 - FIRST_CHUNK
    assert [upload.next_chunk(), upload.next_chunk()] == [(FIRST_CHUNK, rest), None]
    assert upload.finish(2.0, DIGEST) == [Say(Finish(DIGEST))]
    assert upload.received(3.0, KEPT) == [Ended(KEPT)]
    assert upload.confirmed == CHUNK + 1


def test_an_empty_file_is_granted_and_finished_at_once() -> None:
    upload = moving(0)
    assert upload.next_chunk() is None
    assert upload.all_sent
    upload.finish(0.0, DIGEST)
    assert upload.received(0.0, Granted(FILE, 0, 0)) == [SeekTo(0)], "said twice, which is no new beginning"
    assert upload.all_sent


def test_what_was_kept_before_ends_it_at_once() -> None:
    upload = Upload(Put("x", 5, ("bob",)), 0.0, LIMIT)
    assert upload.received(0.0, KEPT) == [Ended(KEPT)]


@pytest.mark.parametrize("word", [Granted(FILE, 0, 9), Credit(9), KEPT, Stop("withdrawn"), Noted()])
def test_it_ends_once_whatever_comes_later(word: Kept) -> None:
    upload = finishing()
    upload.received(0.0, KEPT)
    error = RequestError(ErrorCode.UNREADABLE, "gone")
    assert upload.received(1.0, word) == upload.lost(1.0) == upload.tick(1e9) == upload.failed(error) == []


def test_credit_that_comes_while_asking_or_finishing_moves_nothing() -> None:
    upload = finishing()
    assert upload.received(1.0, Credit(WHOLE)) == []
    assert upload.phase is Phase.FINISHING
    upload.lost(2.0)
    assert upload.received(3.0, Credit(WHOLE)) == []
    assert upload.next_chunk() is None


def test_after_a_cut_it_goes_on_where_the_broker_says_and_only_as_far() -> None:
    upload = moving(3 * WINDOW)
    for _ in range(5):
        upload.next_chunk()
    assert upload.lost(1.0) == [Say(upload.put)]
    assert upload.next_chunk() is None
    assert upload.received(1.0, Granted(FILE, 2 * CHUNK, 3 * CHUNK)) == [SeekTo(2 * CHUNK)]
    assert [upload.next_chunk(), upload.next_chunk()] == [(2 * CHUNK, CHUNK), None]


def test_what_is_confirmed_lags_a_window_behind_the_credit_until_the_end() -> None:
    size = 2 * WINDOW
    upload = moving(size)
    assert upload.confirmed == 0
    upload.received(0.0, Credit(WINDOW + 3 * CHUNK))
    assert upload.confirmed == 3 * CHUNK
    upload.received(0.0, Credit(WINDOW + CHUNK))
    assert upload.confirmed == 3 * CHUNK
    upload.received(0.0, Credit(size))
    assert upload.confirmed == size - WINDOW
    upload.received(0.0, KEPT)
    assert upload.confirmed == size


def test_a_link_that_is_not_known_is_asked_on_once() -> None:
    upload = moving()
    stop = Stop(str(ErrorCode.NOT_ATTACHED))
    assert upload.received(0.0, stop) == [Say(upload.put)]
    assert upload.received(0.0, stop) == upload.received(0.0, stop) == []


def test_a_file_that_arrives_as_another_again_and_again_is_given_up() -> None:
    upload = finishing()
    for _ in range(MAX_RESTARTS):
        assert upload.received(0.0, Granted(FILE, 0, WHOLE)) == [SeekTo(0)]
        while upload.next_chunk():
            pass
        upload.finish(0.0, DIGEST)
    said, ended = upload.received(0.0, Granted(FILE, 0, WHOLE))
    assert said == Say(Stop("integrity"))
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INTEGRITY
    assert upload.phase is Phase.ENDED


def test_a_refusal_ends_it_with_the_brokers_words() -> None:
    (ended,) = moving().received(0.0, Stop("quota", "too much"))
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == (ErrorCode.QUOTA, "too much")


@pytest.mark.parametrize("ending", [True, False])
def test_a_broker_that_stops_is_waited_for_and_asked_again(ending: bool) -> None:
    upload = finishing() if ending else moving()
    assert upload.received(1.0, Stop("shutdown", "the broker is stopping")) == []
    assert upload.next_chunk() is None
    assert upload.lost(2.0) == [Say(upload.put)]
    assert upload.received(3.0, KEPT) == [Ended(KEPT)]


def test_a_failure_of_this_side_is_told_to_the_broker() -> None:
    error = RequestError(ErrorCode.UNREADABLE, "cannot be read")
    assert moving().failed(error) == [Say(Stop("unreadable")), Ended(None, error)]


@pytest.mark.parametrize("word", [Granted(FILE, WHOLE + 1, WHOLE + 1), Noted()])
def test_what_the_protocol_does_not_allow_is_a_protocol_error(word: Noted) -> None:
    with pytest.raises(ProtocolError):
        moving().received(0.0, word)


def test_silence_asks_for_a_fresh_link_and_no_progress_ends_it_once() -> None:
    upload = moving()
    assert upload.tick(SILENCE - 0.1) == []
    assert upload.tick(upload.deadline) == [Reopen()]
    now = SILENCE
    while now < LIMIT - SILENCE:
        upload.lost(now)
        now += SILENCE
        assert upload.tick(now) == [Reopen()]
    said, ended = upload.tick(LIMIT)
    assert said == Say(Pause())
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code is ErrorCode.UNREACHABLE
    assert upload.tick(LIMIT + 1) == []


@pytest.mark.parametrize("ending", [True, False])
def test_a_question_is_repeated_although_the_link_lives(ending: bool) -> None:
    upload = finishing() if ending else Upload(Put("x", 5, ("bob",)), 0.0, LIMIT)
    now = 0.0
    while now < SILENCE - 1:
        now += 1.0
        upload.received(now, Credit(0))
        assert upload.tick(now) == []
    question = Say(Finish(DIGEST)) if ending else Say(upload.put)
    assert upload.deadline <= SILENCE
    assert upload.tick(SILENCE) == [question]
    assert upload.tick(SILENCE) == []


def test_a_broker_that_is_at_work_is_waited_for_but_not_one_that_only_lives_while_bytes_should_move() -> None:
    for upload, patient in ((finishing(), True), (moving(), False)):
        now = 0.0
        while now < 3 * LIMIT and upload.phase is not Phase.ENDED:
            now += 1.0
            upload.received(now, Credit(0))
            upload.tick(now)
        assert (upload.phase is not Phase.ENDED) is patient


def test_the_late_answer_to_a_question_said_twice_sends_nothing_twice() -> None:
    upload = Upload(Put("x", WHOLE, ("bob",)), 0.0, LIMIT)
    upload.begin()
    upload.received(SILENCE - 1, Credit(0))
    assert upload.tick(SILENCE) == [Say(upload.put)]
    granted = Granted(FILE, 0, WHOLE)
    assert upload.received(SILENCE, granted) == [SeekTo(0)]
    assert upload.next_chunk() == (0, CHUNK)
    assert upload.received(SILENCE, granted) == []
    assert upload.flow.offset == CHUNK, "what went out does not go out again"
    assert upload.received(SILENCE, granted) == [SeekTo(0)], "the broker wants it from there"


def test_a_slow_line_is_progress_as_long_as_the_broker_grants_more() -> None:
    upload = moving(10 * WINDOW)
    for second in range(1, int(3 * LIMIT)):
        upload.received(float(second), Credit(WINDOW + second * LEAST_GAIN, FIRST_CHUNK))
        assert upload.tick(float(second)) == []
    assert upload.phase is Phase.MOVING


def test_the_table_holds_every_transition_and_nothing_leads_out_of_the_end() -> None:
    assert {phase for phase, _ in UPLOADING} == {Phase.ASKING, Phase.MOVING, Phase.FINISHING}
    for phase in Phase:
        for step in Step:
            if (phase, step) not in UPLOADING:
                with pytest.raises(ProtocolError, match=f"{phase.value} cannot be {step.value}"):
                    next_phase(UPLOADING, phase, step)
