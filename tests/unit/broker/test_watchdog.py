"""The memory watchdog: when to let go, when to end, when all is well again."""

from cnmessage_broker.watchdog import Pressure, Watchdog, memory_there, memory_used


def test_pressure_grows_with_what_is_used() -> None:
    watchdog = Watchdog(1000)
    assert [watchdog.look(used) for used in (0, 750, 751, 950, 951)] == [
        Pressure.NONE,
        Pressure.NONE,
        Pressure.SOFT,
        Pressure.SOFT,
        Pressure.HARD,
    ]


def test_it_is_over_only_well_below_where_it_began() -> None:
    watchdog = Watchdog(1000)
    assert [watchdog.look(used) for used in (760, 700, 651, 650, 700)] == [
        Pressure.SOFT,
        Pressure.SOFT,
        Pressure.SOFT,
        Pressure.NONE,
        Pressure.NONE,
    ]


def test_this_process_uses_some_of_what_there_is() -> None:
    assert 1 << 20 < memory_used() < memory_there()
