"""What machines say they did: every transition of every table, by its names."""

import pytest

from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.files.channel import Put
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import DOWNLOADING, UPLOADING, Phase, Step
from cnmessage_protocol.files.upload import Upload
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.machines.composure import Composure
from cnmessage_protocol.machines.inbox import PATIENCE, Inbox
from cnmessage_protocol.machines.sendqueue import SendQueue
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import TRANSITIONS, Event, State
from cnmessage_protocol.records import Direction, InboxItem, Kind, NewMessage
from cnmessage_protocol.results import Sent
from cnmessage_protocol.trace import KEPT, Trail, Transition, counted


def heard() -> Trail:
    """A trail that somebody listens to."""
    return Trail(listening=True)


def lines(trail: Trail) -> list[str]:
    """What was noted since the last time, as it is printed."""
    return [str(each) for each in trail.take()]


def item(seq: int) -> InboxItem:
    """One message of an inbox."""
    identity, bob = MessageId(seq.to_bytes(16, "big")), UserName("bob")
    return InboxItem(seq, Direction.RECEIVED, identity, Kind.DIRECT, bob, (bob,), 0, "a marker", None, None)


def message(number: int) -> NewMessage:
    """One message to send."""
    return NewMessage(ClientId(number.to_bytes(16, "big")), (Direct(UserName("bob")),), "a marker")


@pytest.mark.parametrize(("state", "event"), TRANSITIONS)
def test_a_session_tells_every_transition_of_its_table(state: State, event: Event) -> None:
    session = Session(lambda: 0.5, trail=heard())
    session.state = state
    session._move(event, "why")
    after = TRANSITIONS[state, event]
    assert session.trail.take() == [Transition("session", "", state.value, event.value, after.value, "why")]


@pytest.mark.parametrize(("phase", "step"), UPLOADING)
def test_an_upload_tells_every_transition_of_its_table(phase: Phase, step: Step) -> None:
    trail = heard()
    upload = Upload(Put("a marker", 5, ("bob",)), 0.0, 10.0, trail.of("1a2b"))
    upload.phase = phase
    upload._move(step)
    after = UPLOADING[phase, step]
    assert lines(trail) == [f"upload 1a2b: {phase.value} --{step.value}--> {after.value}"]


@pytest.mark.parametrize(("phase", "step"), DOWNLOADING)
def test_a_download_tells_every_transition_of_its_table(phase: Phase, step: Step) -> None:
    trail = heard()
    download = Download(0, 0.0, 10.0, trail=trail)
    download.phase = phase
    download._move(step)
    after = DOWNLOADING[phase, step]
    assert lines(trail) == [f"download: {phase.value} --{step.value}--> {after.value}"]


def test_an_inbox_tells_of_a_gap_until_it_is_closed() -> None:
    trail = heard()
    inbox = Inbox(0, trail)
    inbox.pushed(0.0, [item(1)])
    assert lines(trail) == []
    inbox.pushed(0.0, [item(3), item(4)])
    inbox.tick(PATIENCE)
    inbox.page(1.0, [item(2), item(3), item(4)], 4, more=False)
    assert lines(trail) == [
        "inbox: caught up --pushed--> behind (2 items)",
        "inbox: behind --sync asked--> asking (after 1)",
        "inbox: asking --page--> caught up (3 items)",
    ]


def test_an_inbox_tells_of_refusals_pauses_and_another_database() -> None:
    trail = heard()
    inbox = Inbox(0, trail)
    inbox.head_reported(0.0, 2)
    inbox.ask_now()
    inbox.ask_failed(0.0)
    inbox.pause(0.0, paused=True)
    inbox.pause(0.0, paused=False)
    inbox.ask_now()
    inbox.interrupted()
    inbox.restored(0)
    assert lines(trail) == [
        "inbox: caught up --head--> behind (seq 2)",
        "inbox: behind --sync asked--> asking (after 0)",
        "inbox: asking --refused--> behind",
        "inbox: behind --pause--> paused",
        "inbox: paused --resume--> behind",
        "inbox: behind --sync asked--> asking (after 0)",
        "inbox: asking --interrupted--> behind",
        "inbox: behind --restored--> caught up (seq 0)",
    ]


def test_a_send_queue_tells_what_becomes_of_each_batch() -> None:
    trail = heard()
    queue = SendQueue(trail)
    queue.submit([message(1), message(2)])
    queue.next_batch(0.0)
    queue.interrupted()
    queue.next_batch(0.0)
    queue.failed(0.0, RequestError(ErrorCode.STORAGE, "a marker"))
    queue.next_batch(100.0)
    queue.answered(100.0, Sent(((message(1).client_id, b"m" * 16, 1, 1),), ()))
    queue.next_batch(200.0)
    queue.failed(200.0, RequestError(ErrorCode.UNAUTHENTICATED, "a marker"))
    assert lines(trail) == [
        "send queue: idle --submitted--> waiting (2 messages)",
        "send queue: waiting --sent--> in flight (2 messages)",
        "send queue: in flight --interrupted--> waiting (2 messages)",
        "send queue: waiting --repeated--> in flight (2 messages)",
        "send queue: in flight --hindered--> waiting (storage)",
        "send queue: waiting --repeated--> in flight (2 messages)",
        "send queue: in flight --acknowledged--> waiting (1 message)",
        "send queue: waiting --hindered--> waiting (unreachable)",
        "send queue: waiting --repeated--> in flight (1 message)",
        "send queue: in flight --refused--> idle (unauthenticated)",
    ]


def test_composure_tells_how_long_it_waits_and_that_it_is_calm_again() -> None:
    trail = heard()
    composure = Composure(lambda: 1.0, trail)
    composure.answered()
    assert lines(trail) == []
    composure.lost(0.0)
    composure.lost(1.0)
    composure.answered()
    composure.fetch_failed()
    composure.ack_refused(0.0)
    assert lines(trail) == [
        "composure link: calm --pause--> waiting (0.20 s)",
        "composure link: waiting --pause--> waiting (0.40 s)",
        "composure link: waiting --success--> calm",
        "composure fetch: calm --pause--> waiting (0.20 s)",
        "composure ack: calm --pause--> waiting (0.20 s)",
    ]


def test_a_silent_link_and_requests_without_an_answer_are_told() -> None:
    session = Session(lambda: 1.0, deliveries=True, trail=heard())
    session.open(0.0)
    session.tick(3.0)
    session.tick(3.5)
    told = lines(session.trail)
    assert "request 1: asked --overdue--> asked (attach)" in told
    assert told[-3:] == [
        "liveness: heard --expired--> silent (3.5 s)",
        "session: attaching --lost--> waiting (silence)",
        "composure link: calm --pause--> waiting (0.20 s)",
    ]


def test_what_nobody_listens_to_is_not_kept() -> None:
    trail = Trail()
    trail.note("session", State.CLOSED, Event.CLOSE, State.CLOSED)
    assert trail.take() == []


def test_transitions_are_taken_once_and_the_oldest_are_forgotten() -> None:
    trail = heard()
    for number in range(KEPT + 3):
        trail.of("x").note("machine", "a", "b", "c", number)
    taken = trail.take()
    assert (len(taken), taken[0].cause, taken[0].instance) == (KEPT, "3", "x")
    assert trail.take() == []


def test_a_count_is_told_in_words() -> None:
    assert [counted(number, "item") for number in (0, 1, 2)] == ["0 items", "1 item", "2 items"]
