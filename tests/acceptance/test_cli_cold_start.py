"""What a command loads before it does anything: its own, and nothing of what other commands need."""

import subprocess
import sys

import pytest

from tests.acceptance.conftest import Cli
from tests.support.patience import PATIENCE

MOST_MODULES = 75
"""Of ours, when somebody asks who is logged in."""

OTHERS = (
    "cnmessage_broker", "cnmessage_client.chat", "cnmessage_client.link.monitor", "cnmessage_client.sync",
    "cnmessage_client.transfer.thread", "cnmessage_protocol.files", "cnmessage_protocol.sealing",
    "argon2", "apsw", "cryptography", "platformdirs", "prompt_toolkit", "rich", "structlog", "uvloop",
    "difflib", "encodings.idna", "encodings.utf_8_sig", "hashlib", "importlib.metadata", "queue",
    "shutil", "tempfile", "zmq.asyncio",
)  # fmt: skip
"""What `whoami` does without, each with all that is in it."""

_PROGRAM = """
import atexit, sys
from cnmessage_client.__main__ import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
main()
"""


def _loaded(cli: Cli, *arguments: str) -> set[str]:
    """The modules that a process of `cnmessage` with these arguments loads."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=cli.environment(),
        timeout=PATIENCE,
        check=True,
    )
    return set(done.stderr.split())


def test_whoami_loads_its_own_command_and_nothing_that_others_need(cli: Cli) -> None:
    cli.accounts("cold1")
    loaded = _loaded(cli, "--profile", "cold1", "whoami")
    assert "cnmessage_client.client" in loaded
    assert not [name for name in loaded for other in OTHERS if f"{name}.".startswith(f"{other}.")]
    commands = {name for name in loaded if name.startswith("cnmessage_client.cli.commands.")}
    assert commands == {"cnmessage_client.cli.commands.account"}
    assert len([name for name in loaded if name.startswith("cnmessage_")]) <= MOST_MODULES


@pytest.mark.parametrize(
    ("arguments", "module"),
    [("users", "people"), ("sessions", "account"), ("history", "history"), ("files list", "files")],
)
def test_a_command_of_any_name_and_a_group_load_what_they_need(cli: Cli, arguments: str, module: str) -> None:
    name = f"cold-{module}-{len(arguments)}"
    cli.accounts(name)
    assert f"cnmessage_client.cli.commands.{module}" in _loaded(cli, "--profile", name, *arguments.split())


def test_the_first_file_that_moves_loads_what_moves_files(cli: Cli) -> None:
    cli.accounts("cold2")
    loaded = _loaded(cli, "--profile", "cold2", "files", "send", "cold2", __file__)
    assert {"cnmessage_client.transfer.thread", "cnmessage_protocol.files.upload"} <= loaded
