"""The session's table of transitions, and moves that the state machine test does not single out."""

from itertools import product

import pytest

from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import Closed, Hello, Presence
from cnmessage_protocol.envelope import Reply
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.machines.composure import JOIN_PATIENCE
from cnmessage_protocol.machines.effects import (
    Answered,
    CloseLink,
    Effect,
    End,
    Listen,
    OpenLink,
    PresenceNews,
    Resolve,
    StateChanged,
    Transmit,
)
from cnmessage_protocol.machines.liveness import BACKOFF_LIMIT
from cnmessage_protocol.machines.sendqueue import Refused
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import TRANSITIONS, Event, State
from cnmessage_protocol.records import InboxItem, NewMessage
from cnmessage_protocol.requests import Attach, Beat, Send, Sync, Users
from cnmessage_protocol.testing import Fate
from tests.unit.protocol.machines.world import World

PAIRS = list(product(State, Event))


def live() -> World:
    """A session that has come up undisturbed."""
    world = World(lossy_requests=False)
    world.run(0.2)
    assert world.session.state is State.LIVE
    return world


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda each: each.value)
def test_a_pair_moves_as_the_table_says_or_is_a_protocol_error(state: State, event: Event) -> None:
    session = Session(lambda: 0.5)
    session.state = state
    if (state, event) in TRANSITIONS:
        session._move(event)
        assert session.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(ProtocolError, match=f"is {state.value} cannot be {event.value}"):
            session._move(event)
        assert session.state is state


def test_every_state_is_reachable_and_every_event_is_used() -> None:
    reached, fresh = set[State](), {State.CLOSED}
    while fresh:
        reached |= fresh
        fresh = {after for (before, _), after in TRANSITIONS.items() if before in fresh} - reached
    assert reached == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_from_every_state_but_closed_there_is_a_way_to_live_and_to_closed() -> None:
    for goal in (State.LIVE, State.CLOSED):
        good = {goal}
        while more := {before for (before, _), after in TRANSITIONS.items() if after in good} - good:
            good |= more
        assert good == set(State)


def test_the_way_up_is_attach_listen_hello_live() -> None:
    world = live()
    states = [moved.state for moved in world.journal.of(StateChanged)]
    assert states == [State.ATTACHING, State.JOINING, State.CATCHING_UP, State.LIVE]
    kinds = [type(each) for each in world.journal.effects if not isinstance(each, StateChanged)]
    assert kinds[:3] == [OpenLink, Transmit, Listen]


def test_opening_twice_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="live cannot be open"):
        live().session.open(1.0)


def test_a_lost_hello_is_asked_for_by_subscribing_anew() -> None:
    world = World(lossy_requests=False)
    world.run(0.025)
    assert world.journal.of(StateChanged)[-1].state is State.JOINING
    world.subscriptions.cut()
    world.run(JOIN_PATIENCE + 0.1)
    assert len(world.journal.of(Listen)) == 2
    assert world.session.state is State.LIVE


def test_a_silent_broker_is_lost_after_the_expiry_and_tried_again_ever_more_rarely() -> None:
    world = live()
    world.up = False
    world.run(120.0)
    waits = [moved.retry_in for moved in world.journal.of(StateChanged) if moved.state is State.WAITING]
    assert waits == sorted(waits)
    assert waits[0] < 0.2
    assert waits[-1] == BACKOFF_LIMIT * 0.55  # all but a tenth is jitter, which is one half here
    assert len(world.journal.of(CloseLink)) == len(waits)
    assert 8 < len(waits) < 20


def test_a_beat_goes_out_every_second_and_carries_the_cursor() -> None:
    world = live()
    world.write(["hello"])
    world.run(4.0)
    beats = [each.request for each in world.journal.of(Transmit) if type(each.request) is Beat]
    assert len(beats) == 4
    assert beats[-1].cursor == 1


@pytest.mark.parametrize("weather", [[Fate.DROP], [Fate.DROP, Fate.PASS]], ids=["all", "half"])
@pytest.mark.parametrize("count", [1, 300])
def test_dropped_pushes_cost_at_most_two_seconds(weather: list[Fate], count: int) -> None:
    world = live()
    world.weather.extend(weather)
    for number in range(count):
        world.write([f"body {number}"])
    world.run(2.0)
    assert len(world.shown) == count
    assert world.shown == world.broker.inbox


def test_a_broker_that_forgot_the_listener_is_attached_to_again_on_the_same_link() -> None:
    world = live()
    world.broker.restart()
    world.run(2.0)
    assert world.session.state is State.LIVE
    assert len(world.journal.of(OpenLink)) == 1
    assert sum(type(each.request) is Attach for each in world.journal.of(Transmit)) == 2


def test_being_logged_out_ends_the_session() -> None:
    world = live()
    world.perform(world.session.delivered(1.0, Closed("unauthenticated")))
    assert world.journal.of(End)[0].error.code is ErrorCode.UNAUTHENTICATED
    assert world.session.state is State.CLOSED
    assert world.session.deadline is None


@pytest.mark.parametrize("code", ErrorCode)
def test_an_attach_that_is_refused_is_tried_again_or_ends_the_session(code: ErrorCode) -> None:
    session = Session(lambda: 0.5, deliveries=True)
    (attach,) = [each for each in session.open(0.0) if isinstance(each, Transmit)]
    error = RequestError(code, "why")
    effects = session.replied(0.1, Reply(attach.request_id, None, error))
    ended = [each.error for each in effects if isinstance(each, End)]
    assert ended == ([] if error.retryable else [error])
    assert session.state is (State.WAITING if error.retryable else State.CLOSED)


def test_an_answer_of_the_wrong_form_is_an_error_and_no_crash() -> None:
    session = Session(lambda: 0.5)
    session.open(0.0)
    request_id, _ = session.request(0.0, Users())
    (answer,) = session.replied(0.1, Reply(request_id, {"users": 7}))
    assert isinstance(answer, Answered)
    assert answer.error is not None
    assert "the broker's answer" in answer.error.message
    assert session.replied(0.2, Reply(request_id, {})) == []


def test_presence_is_passed_on_and_a_hello_out_of_turn_is_ignored() -> None:
    world = live()
    assert world.session.delivered(1.0, Presence((("bob", True),))) == [PresenceNews((("bob", True),))]
    assert world.session.delivered(1.0, Hello(7)) == []


def test_an_idle_session_for_requests_needs_no_timer_and_no_traffic() -> None:
    session = Session(lambda: 0.5)
    session.open(0.0)
    assert session.deadline is None
    assert session.tick(1000.0) == []
    assert session.state is State.READY


def test_following_after_a_long_idle_time_does_not_drop_the_link() -> None:
    session = Session(lambda: 0.5)
    session.open(0.0)
    session.follow(1000.0)
    assert session.tick(1000.5) == []
    assert session.state is State.ATTACHING


def test_an_ask_left_open_by_closing_does_not_block_the_next_opening() -> None:
    world = live()
    world.write(["lost"])
    world.pushes.cut()
    while not any(type(each.request) is Sync for each in world.journal.of(Transmit)):
        world.run(0.01)
    world.perform(world.session.close(world.clock.now))
    world.perform(world.session.open(world.clock.now))
    world.run(5.0)
    assert world.session.state is State.LIVE
    assert [item.body for item in world.shown if isinstance(item, InboxItem)] == ["lost"]


def test_answers_lost_while_heartbeats_go_on_are_asked_for_again() -> None:
    """A socket that reconnects by itself within the expiry loses an answer without a word."""
    world = live()
    request_id, effects = world.session.request(world.clock.now, Users())
    world.perform(effects)
    world.blink()
    world.run(10.0)
    assert [answer.request_id for answer in world.journal.of(Answered)] == [request_id]


LOGGED_OUT = RequestError(ErrorCode.UNAUTHENTICATED, "this device is not logged in")
MESSAGE = NewMessage(ClientId(b"c" * 16), (Direct(UserName("bob")),), "once")


def sends(effects: list[Effect]) -> list[int]:
    return [each.request_id for each in effects if isinstance(each, Transmit) and type(each.request) is Send]


def test_a_message_that_is_refused_to_who_is_logged_out_was_not_stored() -> None:
    session = Session(lambda: 0.5)
    session.open(0.0)
    (request_id,) = sends(session.submit(0.0, [MESSAGE]))
    (resolved,) = session.replied(0.1, Reply(request_id, None, LOGGED_OUT))
    assert resolved == Resolve([Refused(MESSAGE.client_id, LOGGED_OUT)])


def test_whether_a_repeated_message_was_stored_before_a_logout_stays_open() -> None:
    session = Session(lambda: 0.5)
    session.open(0.0)
    session.submit(0.0, [MESSAGE])
    session.cut(0.1, 1.0)  # the answer is lost with the link
    (again,) = sends(session.tick(1.2))
    effects = session.replied(1.3, Reply(again, None, LOGGED_OUT))
    assert [each.error for each in effects if isinstance(each, End)] == [LOGGED_OUT]
    assert not [each for each in effects if isinstance(each, Resolve)]
    assert len(session.queue) == 1
