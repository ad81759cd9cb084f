"""The session, with its queue, inbox and calls, against a model broker and everything a network does.

Whatever happens: every submitted message is stored once, in order, and settled once; every item is shown
once and in order; every request is answered once. Once the faults end, all of it within `BOUND` seconds.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import Closed
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import ClientId
from cnmessage_protocol.machines.effects import Answered, End
from cnmessage_protocol.machines.sendqueue import Acked, Refused
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.requests import Users
from cnmessage_protocol.testing import Fate
from tests.unit.protocol.machines.world import BOB, NOBODY, World, number_id
from tests.unit.protocol.strategies import thorough

BOUND = 30.0
FATES = st.lists(st.sampled_from(Fate), max_size=8)


class SessionOverAStream(RuleBasedStateMachine):
    """Requests and replies are lost only with their link, as TCP has it; pushes are lost as they like."""

    lossy_requests = False

    def __init__(self) -> None:
        super().__init__()
        self.world = World(lossy_requests=self.lossy_requests)
        self.submitted: list[NewMessage] = []
        self.asked: list[int] = []
        self.forgotten: set[int] = set()

    # -- the application --------------------------------------------------------------------------

    @rule(to_bob=st.lists(st.booleans(), min_size=1, max_size=5))
    def messages_are_submitted(self, to_bob: list[bool]) -> None:
        fresh: list[NewMessage] = []
        for good in to_bob:
            number = len(self.submitted) + len(fresh) + 1
            fresh.append(
                NewMessage(ClientId(number_id(number)), (Direct(BOB if good else NOBODY),), str(number))
            )
        self.submitted += fresh
        self.world.perform(self.world.session.submit(self._now, fresh))

    @rule()
    def a_request_is_made(self) -> None:
        request_id, effects = self.world.session.request(self._now, Users())
        self.asked.append(request_id)
        self.world.perform(effects)

    @precondition(lambda self: self._open_requests())
    @rule()
    def the_oldest_request_is_forgotten(self) -> None:
        oldest = self._open_requests()[0]
        self.world.session.forget(oldest)
        self.forgotten.add(oldest)

    @rule()
    def everything_shown_is_marked_read(self) -> None:
        if self.world.shown:
            self.world.perform(self.world.session.mark_read(self._now, self.world.shown[-1].seq))

    @rule(paused=st.booleans())
    def the_application_pauses_or_goes_on(self, paused: bool) -> None:
        self.world.perform(self.world.session.pause(self._now, paused=paused))

    @rule()
    def the_session_is_closed_or_opened(self) -> None:
        session = self.world.session
        closed = session.state is State.CLOSED
        self.world.perform(session.open(self._now) if closed else session.close(self._now))

    # -- the world --------------------------------------------------------------------------------

    @rule(fates=FATES)
    def the_weather_changes(self, fates: list[Fate]) -> None:
        self.world.weather.clear()
        self.world.weather.extend(fates)

    @rule(seconds=st.sampled_from([0.005, 0.02, 0.1, 0.5, 2.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(count=st.integers(1, 30))
    def bob_writes(self, count: int) -> None:
        self.world.write(str(number) for number in range(count))

    @rule(pause=st.sampled_from([0.0, 1.0]))
    def the_link_is_cut(self, pause: float) -> None:
        self.world.perform(self.world.session.cut(self._now, pause))

    @rule()
    def the_broker_restarts(self) -> None:
        self.world.restart_broker()

    @rule(up=st.booleans())
    def the_broker_freezes_or_thaws(self, up: bool) -> None:
        self.world.up = up

    @rule(busy=st.booleans())
    def the_broker_is_busy_or_not(self, busy: bool) -> None:
        self.world.broker.busy = busy

    @rule(reason=st.sampled_from([ErrorCode.SHUTDOWN, ErrorCode.NOT_ATTACHED]))
    def the_broker_closes_the_listener(self, reason: ErrorCode) -> None:
        self.world.broker.restart()
        self.world.perform(self.world.session.delivered(self._now, Closed(reason)))

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def items_are_shown_once_in_order_without_a_gap(self) -> None:
        shown = self.world.shown
        assert shown == self.world.broker.inbox[: len(shown)]

    @invariant()
    def messages_are_stored_once_in_order_of_submission(self) -> None:
        stored = [item.client_id for item in self.world.broker.inbox if item.client_id is not None]
        good = [message.client_id for message in self.submitted if Direct(NOBODY) not in message.to]
        assert stored == good[: len(stored)]

    @invariant()
    def what_is_settled_is_settled_once_and_true(self) -> None:
        settled = [outcome.client_id for outcome in self.world.settled]
        assert len(set(settled)) == len(settled)
        bad = {message.client_id for message in self.submitted if Direct(NOBODY) in message.to}
        for outcome in self.world.settled:
            match outcome:
                case Acked(client_id, identity, seq, _):
                    assert self.world.broker.stored[client_id][1:] == (identity, seq)
                case Refused(client_id, error):
                    assert client_id in bad
                    assert error.code is ErrorCode.NO_SUCH_USER

    @invariant()
    def requests_are_answered_at_most_once_and_well(self) -> None:
        answers = self.world.journal.of(Answered)
        answered = [answer.request_id for answer in answers]
        assert len(set(answered)) == len(answered)
        assert set(answered) <= set(self.asked)
        assert all(answer.error is None for answer in answers)

    @invariant()
    def the_session_does_not_give_up(self) -> None:
        assert not self.world.journal.of(End)

    def teardown(self) -> None:
        """The faults end: everything is done in bounded time, and the session is live."""
        world = self.world
        world.weather.clear()
        world.up, world.broker.busy = True, False
        if world.session.state is State.CLOSED:
            world.perform(world.session.open(self._now))
        world.perform(world.session.pause(self._now, paused=False))
        world.run(BOUND)
        assert world.session.state is State.LIVE
        assert world.shown == world.broker.inbox
        assert len(world.session.queue) == 0
        assert len(world.settled) == len(self.submitted)
        assert self._open_requests() == []
        self.messages_are_stored_once_in_order_of_submission()
        self.what_is_settled_is_settled_once_and_true()
        self.requests_are_answered_at_most_once_and_well()
        if world.shown:
            world.perform(world.session.mark_read(self._now, world.shown[-1].seq))
            world.run(1.0)
            assert world.broker.read_upto == world.shown[-1].seq

    @property
    def _now(self) -> float:
        return self.world.clock.now

    def _open_requests(self) -> list[int]:
        answered = {answer.request_id for answer in self.world.journal.of(Answered)}
        return [each for each in self.asked if each not in answered and each not in self.forgotten]


class SessionOverALossyLink(SessionOverAStream):
    """Requests and replies are lost, doubled and reordered one by one as well.

    That is no theory: a socket that connects again by itself within the expiry loses what was under way
    without a word, and a broker drops the answers that a full queue does not take.
    """

    lossy_requests = True

    @rule()
    def the_connection_blinks(self) -> None:
        self.world.blink()


TestSessionOverAStream = pytest.mark.timeout(300)(SessionOverAStream.TestCase)
TestSessionOverAStream.settings = thorough(60, 2000)
TestSessionOverALossyLink = pytest.mark.timeout(300)(SessionOverALossyLink.TestCase)
TestSessionOverALossyLink.settings = thorough(60, 2000)
