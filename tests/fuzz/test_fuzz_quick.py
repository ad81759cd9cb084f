"""A slice of the fuzz for every day: some seconds on all four ports, and what the supervisor would notice."""

import itertools
import random
from pathlib import Path

import pytest

from cnmessage_client.address import parse_address
from tests.fuzz import late
from tests.fuzz.__main__ import WIDTH, summary
from tests.fuzz.attacker import CASES, cases_of, choose, play
from tests.fuzz.case import PORTS, Ground
from tests.fuzz.supervisor import Run, Settings
from tests.support.harness import BrokerProcess, eventually
from tests.support.raw import Raw, ask, new_keys

SEED = 20_240_229
SECONDS = 4.0
BURSTS = 12


@pytest.mark.slow
def test_some_seconds_on_all_ports_end_nothing(tmp_path: Path) -> None:
    settings = Settings(seconds=SECONDS, seed=SEED, pace=15, restart_every=SECONDS / 2)
    with Run(tmp_path, settings) as run:
        run.attack()
    assert run.incidents == [], "\n".join(summary(run))
    assert run.honest.lost == []
    assert run.honest.acknowledged
    assert all(kinds.total() > 0 for kinds in run.kinds.values())


def test_a_broker_that_dies_is_noticed_and_replaced(tmp_path: Path) -> None:
    with Run(tmp_path, Settings(("probe",), seconds=0.0, seed=SEED)) as run:
        assert run.broker.process is not None
        run.broker.process.kill()
        eventually(lambda: _seen(run))
        assert "status -9" in run.incidents[0].what
        assert run.broker.process is not None
        assert run.broker.process.poll() is None, "a new one runs"


def _seen(run: Run) -> bool:
    run.look()
    return bool(run.incidents)


@pytest.mark.parametrize("offset", PORTS.values(), ids=PORTS)
def test_a_case_is_the_same_whenever_it_is_played(offset: int) -> None:
    for number in range(50):
        (case, rng), (again, same) = choose(SEED, offset, number), choose(SEED, offset, number)
        assert case is again
        assert rng.random() == same.random()


@pytest.mark.parametrize("offset", PORTS.values(), ids=PORTS)
def test_a_run_begins_with_one_case_of_each_kind(offset: int) -> None:
    kinds = {each.kind for each in cases_of(offset)}
    assert {choose(SEED, offset, number)[0].kind for number in range(len(kinds))} == kinds


@pytest.mark.parametrize("port", PORTS)
def test_a_burst_with_pings_and_a_reset_do_not_abort_the_broker(
    broker_process: BrokerProcess, port: str
) -> None:
    place = parse_address(broker_process.address)
    assert place.key is not None
    offset = PORTS[port]
    ground = Ground(
        broker_process.address, place.port + offset, offset, place.key, (new_keys(),), ("nobody",)
    )
    case = next(each for each in late.CASES if each.act is late.burst_and_reset)
    for number in range(BURSTS):
        play(ground, case, random.Random(number))
    assert broker_process.process is not None
    assert broker_process.process.poll() is None, Path(broker_process.log.name).read_text()
    with Raw(broker_process.address) as raw:
        assert ask(raw.dealer(new_keys()), "whoami", {}).error is not None, "it still answers"
    assert broker_process.stop() == 0


def test_kinds_have_names_of_their_own() -> None:
    kinds = [each.kind for each in CASES]
    assert len(set(kinds)) == len(kinds)
    assert all(len(kind) < WIDTH for kind in kinds), "the table's first column holds them"
    assert set(itertools.chain(*(each.ports for each in CASES))) == set(PORTS.values())
