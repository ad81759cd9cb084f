"""A slice of the attack run that is short enough for every day: attacks that once stopped or fooled a broker.

`make attacks` is the whole of it, with the latencies of honest users; windows as short as these tell none.
"""

import pytest

from tests.attacks.kinds import ATTACKS
from tests.attacks.run import Plan, Run
from tests.attacks.scene import Scene, prepare

PLAN = Plan(seconds=1.0, quiet=0.3, rounds=1)
SLICE = (
    "takeover-file",
    "chosen-ids",
    "chosen-ids-probe",
    "garbage",
    "push-noise",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return prepare(tmp_path_factory.mktemp("attacks"))


@pytest.mark.parametrize("name", SLICE)
def test_the_broker_lives_and_honest_users_lose_nothing_and_nobody_reads_what_is_not_theirs(
    scene: Scene, name: str
) -> None:
    found = Run(scene, ATTACKS[name], PLAN).measure()
    assert found.tried > 0
    assert found.deaths == []
    assert found.leaked == 0
    assert (found.lost, found.late, found.doubled, found.disordered, found.refused) == (0, 0, 0, 0, 0)
    assert found.away == 0


def test_every_row_of_the_table_that_is_about_peers_has_an_attack() -> None:
    assert {attack.row for attack in ATTACKS.values()} == {1, 2, 3, 4, 5, 6, 7, 8, 10}
    assert all(name == attack.name for name, attack in ATTACKS.items())
    assert set(SLICE) <= set(ATTACKS)
