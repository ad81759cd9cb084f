"""What the broker's machines say they did: every transition by its names, and the log of it."""

import os

import pytest
import structlog

from cnmessage_broker.logs import LINES, Bounded, transitions
from cnmessage_broker.loop.listeners import TRANSITIONS, Event, Listeners, Stage
from cnmessage_broker.net.gate import TOO_MANY, Gate, GateLimits
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, Admission, anybody
from cnmessage_broker.scheduling.turns import LIGHT, Turns
from cnmessage_broker.store.ports.records import Device
from cnmessage_broker.watchdog import Watchdog
from cnmessage_protocol.ids import UserName
from cnmessage_protocol.trace import Trail, Transition

KEY = b"k" * 32
DEVICE = Device(1, "abcdefgh and more", 1, "", 0, 0)


def heard() -> Trail:
    """A trail that somebody listens to."""
    return Trail(listening=True)


def lines(trail: Trail) -> list[str]:
    """What was noted since the last time, as it is printed."""
    return [str(each) for each in trail.take()]


@pytest.mark.parametrize(("stage", "event"), TRANSITIONS)
def test_a_listener_tells_every_transition_of_its_table(stage: Stage, event: Event) -> None:
    trail = heard()
    listeners = Listeners(os.urandom, trail)
    listener, _ = listeners.add(DEVICE, UserName("alice"), 0.0)
    listener.stage = stage
    listeners.step(listener, event)
    after = TRANSITIONS[stage, event]
    assert lines(trail) == [
        "listener abcdefgh: none --attach--> attached (alice)",
        f"listener abcdefgh: {stage.value} --{event.value}--> {after.value} (alice)",
    ]


def test_what_means_nothing_to_a_listener_is_not_told() -> None:
    trail = heard()
    listeners = Listeners(os.urandom, trail)
    listener, _ = listeners.add(DEVICE, UserName("alice"), 0.0)
    listeners.step(listener, Event.BEAT)
    assert listener.stage is Stage.ATTACHED
    assert listeners.remove(listener, Event.SILENT)
    assert not listeners.remove(listener, Event.DETACHED)
    assert lines(trail)[1:] == ["listener abcdefgh: attached --silent--> ended (alice)"]


def test_the_watchdog_tells_when_memory_becomes_short_and_is_no_more() -> None:
    trail = heard()
    watchdog = Watchdog(100 << 20, trail)
    for used in (10, 80, 80, 99, 10):
        watchdog.look(used << 20)
    assert lines(trail) == [
        "memory: none --look--> soft (80 MiB)",
        "memory: soft --look--> hard (99 MiB)",
        "memory: hard --look--> none (10 MiB)",
    ]


def request(domain: bytes, mechanism: bytes = b"CURVE") -> list[bytes]:
    """What libzmq asks when somebody connects."""
    return [b"id", b"", b"1.0", b"1", domain, b"127.0.0.1", b"", mechanism, KEY]


def test_admission_tells_who_is_let_in_and_why_somebody_is_not() -> None:
    trail = heard()
    admission = Admission({DOMAIN: anybody, DELIVERIES_DOMAIN: lambda _: False}, lambda: 0.0, trail)
    admission.answer(request(DOMAIN))
    (first,) = trail.take()
    assert (first.event, first.after, first.cause, len(first.instance)) == (
        "admitted",
        "inside",
        "cnmessage",
        8,
    )
    admission.answer(request(DELIVERIES_DOMAIN))
    admission.answer(request(DOMAIN, b"PLAIN"))
    admission.bar("abcdefgh and more")
    assert [(each.event, each.cause) for each in trail.take()] == [
        ("refused", "no listener"),
        ("refused", "no CURVE key"),
        ("barred", "60 s"),
    ]


def test_who_is_barred_is_refused_for_that() -> None:
    trail = heard()
    admission = Admission({DOMAIN: anybody}, lambda: 0.0, trail)
    answer = admission.answer(request(DOMAIN))
    admission.bar(answer[6].decode())
    admission.answer(request(DOMAIN))
    assert [(each.before, each.event, each.cause) for each in trail.take()[1:]] == [
        ("inside", "barred", "60 s"),
        ("barred", "refused", "barred"),
    ]


def test_the_gate_tells_why_one_must_go() -> None:
    trail = heard()
    gate = Gate(GateLimits(100, 1, 100, 0.0), trail)
    gate.opened(0.0, "192.0.2.1")
    assert lines(trail) == []
    gate.opened(0.0, "192.0.2.1")
    assert lines(trail) == [f"gate 192.0.2.1: open --connected--> cut ({TOO_MANY})"]


def test_turns_tell_when_a_key_becomes_heavy_and_light_again() -> None:
    trail = heard()
    turns: Turns[str] = Turns(trail=trail)
    burst, rate = LIGHT
    for moment in (0.0, 0.0, 0.0, 1000 * burst / rate):
        turns.put("abcdefgh and more", "work", 1, moment)
        turns.take(moment)
        turns.served("abcdefgh and more", burst * 2, moment)
    assert lines(trail) == [
        "turns abcdefgh: light --used much--> heavy",
        "turns abcdefgh: heavy --rested--> light",
    ]


def test_a_transition_is_one_debug_event_with_its_names() -> None:
    with structlog.testing.capture_logs() as caught:
        write = transitions(structlog.get_logger())
        write(Transition("listener", "abcdefgh", "greeted", "beat", "live", "alice"))
        write(Transition("memory", "", "none", "look", "soft", ""))
    assert caught == [
        {
            "event": "transition",
            "log_level": "debug",
            "machine": "listener",
            "instance": "abcdefgh",
            "from": "greeted",
            "step": "beat",
            "to": "live",
            "cause": "alice",
        },
        {
            "event": "transition",
            "log_level": "debug",
            "machine": "memory",
            "from": "none",
            "step": "look",
            "to": "soft",
        },
    ]


def test_the_flood_of_one_machine_is_cut_off_and_hides_no_other() -> None:
    burst, _ = LINES
    bounded = Bounded(lambda: 0.0)
    through = 0
    for _ in range(burst + 50):
        try:
            bounded(None, "debug", {"event": "transition", "machine": "admission"})
            through += 1
        except structlog.DropEvent:
            continue
    assert through == burst
    assert bounded(None, "debug", {"event": "transition", "machine": "memory"})
