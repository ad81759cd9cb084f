"""Fixtures that every layer uses. See tests/support for what stands behind them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cnmessage_client import Home
from tests.support.harness import BrokerProcess, BrokerThread, broker_config, home_at

_PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}
"""Signals that Python ignores itself, and has again as they were in what it starts."""

# A shell ignores some for what runs behind it, nohup another: what is started here would ignore them, too.
for _number in set(signal.Signals) - _PYTHONS_OWN:
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())

if settings.get_current_profile_name() == "default":  # else CI's, or what the command line says
    settings.register_profile("everyday", deadline=None)  # how long an example takes is the machine's affair
    settings.load_profile("everyday")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A client's home directory of its own."""
    return home_at(tmp_path / "home")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerThread]:
    """A broker in a thread, with SQLite on disk."""
    with BrokerThread(broker_config(tmp_path / "broker")) as running:
        yield running


@pytest.fixture
def broker_process(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker as a process of its own."""
    with BrokerProcess(tmp_path / "broker") as running:
        yield running
