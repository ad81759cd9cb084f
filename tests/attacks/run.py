"""One attack, measured: rounds of quiet, attack, recovery and control, with the same honest users beside all.

The control is what the attackers cost the machine without what they do: as many processes that burn as much
processor, because attackers and victims share the cores here. docs/attack-report.md is what comes out.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.attacks.brokers import DEFAULT_BUDGETS, Holding, Watch, death_of, is_dead
from tests.attacks.ground import Attack
from tests.attacks.measure import Latency, Ledger, Window
from tests.attacks.parties import Party, PartyError
from tests.attacks.scene import Scene
from tests.support.harness import BrokerProcess

SECONDS = 2.0
"""Of a window, unless the attack says another."""

READY = 20.0
"""Seconds in which a party must be ready."""

GRACE = 3.0
"""Seconds after its window in which an attacker must have ended."""

RECOVERY = 20.0
"""Most seconds that are waited for honest users to be served again."""

_TICK = 0.05
_CALM, _IDLE = 0.3, 0.5
"""The broker is idle when in so many seconds it has used no more than that share of a core."""

_PREPARING = {"number": 0, "seconds": 0.0, "prepare": True}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often; without `seconds`, as long as each attack needs.

    `allowance` is of seconds: no new round begins that would exceed it.
    """

    seconds: float | None = None
    quiet: float = 1.0
    rounds: int = 3
    allowance: float = math.inf


@dataclass(slots=True)
class Found:
    """What came of one attack."""

    attack: Attack
    rounds: int = 0
    tried: int = 0
    heard: int = 0
    leaked: int = 0
    stuck: int = 0
    deaths: list[str] = field(default_factory=list)
    quiet: Latency = field(default_factory=lambda: Latency(0, 0, 0))
    control: Latency = field(default_factory=lambda: Latency(0, 0, 0))
    attacked: Latency = field(default_factory=lambda: Latency(0, 0, 0))
    joined_quiet: float = 0.0
    joined_attacked: float = 0.0
    kept_out: int = 0
    recovery: float = 0.0
    messages: int = 0
    lost: int = 0
    late: int = 0
    restarts: int = 0
    doubled: int = 0
    disordered: int = 0
    refused: int = 0
    away: int = 0
    disowned: int = 0
    before: Holding = field(default_factory=lambda: Holding(0, 0))
    peak: Holding = field(default_factory=lambda: Holding(0, 0))
    after: Holding = field(default_factory=lambda: Holding(0, 0))

    @property
    def ratio(self) -> float:
        """How many times the control's p99 an acknowledgement takes under the attack."""
        return self.attacked.ack_p99 / self.control.ack_p99 if self.control.ack_p99 else 0.0


@dataclass(frozen=True, slots=True)
class _Spent:
    """What the attackers of one window cost."""

    window: Window
    cpu: float


class Run:
    """One attack on a broker of its own."""

    def __init__(self, scene: Scene, attack: Attack, plan: Plan) -> None:
        self._scene = scene
        self._plan = plan
        self._attack = attack
        self._seconds = plan.seconds or attack.seconds or SECONDS
        self._folder = scene.folder / attack.name
        self._ledger = Ledger()
        self._crowd: Party | None = None
        self._windows: dict[str, list[Window]] = {"quiet": [], "attack": [], "control": []}
        self.found = Found(attack)

    def measure(self) -> Found:
        """All rounds, then what was lost and what stays."""
        began = time.monotonic()
        self._folder.mkdir()
        with self._broker() as broker, self._people():
            watch = Watch(broker)
            try:
                for number in range(self._plan.rounds):
                    started = time.monotonic()
                    self._round(broker, watch, first=number == 0)
                    now = time.monotonic()
                    if now - began + (now - started) > self._plan.allowance:
                        break
                self._honest.say("end")
                self._wait_for(lambda: self._ledger.ended, READY)
                self._recovered(broker, watch)
                self._wait_for(lambda: watch.now().descriptors <= self.found.before.descriptors, SECONDS)
                self.found.after, self.found.peak = watch.now(), watch.peak
            finally:
                watch.end()
            if self._crowd is not None:
                self._crowd.say("end")
                counted = self._crowd.result(READY)
                self.found.disowned = 0 if counted is None else counted["disowned"]
                self.found.stuck += counted is None
        self._conclude(time.monotonic())
        return self.found

    # -- who takes part ---------------------------------------------------------------------------

    @contextmanager
    def _broker(self) -> Iterator[BrokerProcess]:
        data = self._scene.copy(self._folder / "broker")
        broker = BrokerProcess(data, None, **DEFAULT_BUDGETS)
        try:
            self._start(broker)
            self._place = self._folder / "place.json"
            self._scene.at(broker.address).write(self._place)
            yield broker
        finally:
            if broker.process is not None:
                broker.kill()

    def _start(self, broker: BrokerProcess) -> None:
        broker.descriptors = self._attack.descriptors
        broker.alone = True
        broker.start()

    @contextmanager
    def _people(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self._attack.prepare is not None:
                preparing = self._party(stack, "attack", attack=self._attack.name, **_PREPARING)
                if preparing.result(60) is None:
                    raise PartyError(f"{self._attack.name} could not be prepared")
            if self._attack.crowd:
                self._crowd = self._party(stack, "crowd", count=self._attack.crowd)
                self._crowd.wait_until_ready(60)
                self._crowd.say()
            self._honest = Party("honest", self._place, self._ledger.take, folder=str(self._folder / "homes"))
            stack.callback(self._honest.end)
            self._honest.wait_until_ready(60)
            self._honest.say()
            yield

    def _party(self, stack: ExitStack, role: str, **settings: Any) -> Party:
        party = Party(role, self._place, None, **settings)
        stack.callback(party.end)
        return party

    # -- a round ----------------------------------------------------------------------------------

    def _round(self, broker: BrokerProcess, watch: Watch, *, first: bool) -> None:
        crowd = self._crowd_cpu()
        self._window("quiet", self._plan.quiet)
        idle = (self._crowd_cpu() - crowd) / self._plan.quiet
        if first:
            self.found.before = watch.now()
        spent = self._under_attack(idle)
        recovered = self._recovered(broker, watch)
        self.found.recovery = max(self.found.recovery, time.monotonic() - spent.window.end)
        if not recovered:  # what waits in the broker goes with it, so that the control is one
            self.found.restarts += 1
            broker.kill()
            self._start(broker)
            self._recovered(broker, watch)
        self._beside_control(spent)
        self.found.rounds += 1

    def _window(self, kind: str, seconds: float) -> Window:
        start = time.monotonic()
        time.sleep(seconds)
        window = Window(start, time.monotonic())
        self._windows[kind].append(window)
        return window

    def _under_attack(self, idle: float) -> _Spent:
        with ExitStack() as stack:
            attackers = [
                self._party(
                    stack,
                    "attack",
                    attack=self._attack.name,
                    number=number,
                    seconds=self._seconds,
                    prepare=False,
                )
                for number in range(self._attack.processes)
            ]
            attackers = [each for each in attackers if self._is_ready(each)]
            crowd, before = self._crowd_cpu(), [each.cpu() for each in attackers]
            for each in attackers:
                each.say()
            window = self._window("attack", self._seconds)
            others = max(0.0, self._crowd_cpu() - crowd - idle * self._seconds)
            deadline = window.end + GRACE
            results = [each.result(deadline - time.monotonic()) for each in attackers]
            cpu = others
            for each, result, was in zip(attackers, results, before, strict=True):
                self._count(result)
                cpu += each.cpu() - was if result is None else result["cpu"]
        return _Spent(window, cpu)

    def _is_ready(self, attacker: Party) -> bool:
        try:
            attacker.wait_until_ready(READY)
        except PartyError:
            self.found.stuck += 1
            return False
        return True

    def _count(self, result: dict[str, int] | None) -> None:
        if result is None:
            self.found.stuck += 1
            return
        self.found.tried += result["tried"]
        self.found.heard += result["heard"]
        self.found.leaked += result["leaked"]

    def _beside_control(self, spent: _Spent) -> None:
        seconds = spent.window.end - spent.window.start
        cores = spent.cpu / seconds
        processes = max(self._attack.processes, math.ceil(cores))
        share = min(1.0, cores / processes)
        with ExitStack() as stack:
            spinners = [
                self._party(stack, "spin", share=share, seconds=seconds + READY) for _ in range(processes)
            ]
            for each in spinners:
                each.wait_until_ready(READY)
            for each in spinners:
                each.say()
            self._window("control", seconds)

    def _recovered(self, broker: BrokerProcess, watch: Watch) -> bool:
        """Wait until all honest messages have come and the broker is idle; if it died, start it."""
        deadline = time.monotonic() + RECOVERY
        while (now := time.monotonic()) < deadline:
            if is_dead(broker):
                self.found.deaths.append(death_of(broker))
                self._start(broker)
            used = watch.cpu()
            time.sleep(_CALM)
            if watch.cpu() - used < _CALM * _IDLE and self._ledger.unsettled(now) == 0:
                return True
        return False

    def _crowd_cpu(self) -> float:
        return 0.0 if self._crowd is None else self._crowd.cpu()

    def _wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            time.sleep(_TICK)

    # -- the end ----------------------------------------------------------------------------------

    def _conclude(self, now: float) -> None:
        found, ledger = self.found, self._ledger
        found.quiet, found.attacked, found.control = (
            ledger.latency(self._windows[kind], now) for kind in ("quiet", "attack", "control")
        )
        found.joined_quiet = _worst(ledger, self._windows["quiet"], now)
        found.joined_attacked = _worst(ledger, self._windows["attack"], now)
        found.kept_out = sum(ledger.kept_out(window) for window in self._windows["attack"])
        found.away = ledger.away(Window(self._windows["quiet"][0].start, now))
        found.messages = ledger.count
        found.lost, found.late, found.doubled = ledger.lost(), ledger.late(), ledger.doubled()
        found.disordered, found.refused = ledger.disordered(), ledger.refused()


def _worst(ledger: Ledger, windows: Sequence[Window], now: float) -> float:
    return max((each for window in windows for each in ledger.newcomers(window, now)), default=0.0)
