"""Fixtures that every layer uses. See tests/support for what stands behind them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cnmessage_client import Home
from tests.support.harness import BrokerProcess, BrokerThread, broker_config, home_at

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it for what runs behind it
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
