"""What a person reads when a broker has begun: where it is, its key, what to type next. Prints nothing."""

import os
import shutil
import sys
from pathlib import Path

from cnmessage_broker import keys
from cnmessage_broker.config import Config
from cnmessage_protocol.ids import fingerprint


def banner(config: Config, public_key: bytes, address: str) -> str:
    """The lines of a broker that is ready; `address` is what clients are given."""
    lines = (
        f"cnmessage broker on {config.host}:{config.port}\n"
        f"key {fingerprint(public_key)}\n"
        f"data {config.data}\n\n"
        "In a second terminal, with a name of your choice:\n\n"
        f"  {_client()} --broker '{address}' signup NAME\n"
    )
    return f"{lines}\n{from_elsewhere(config.host)}\n" if config.host in keys.EVERYWHERE else lines


def from_elsewhere(host: str) -> str:
    """For one of keys.EVERYWHERE: the address that is shown is for this machine."""
    return f"On other machines put a name or an address of this one in place of {keys.EVERYWHERE[host]}."


def _client() -> str:
    """How to call the client that was installed with this program."""
    here = Path(sys.argv[0])
    program = (Path(sys.executable) if here.name == "__main__.py" else here).with_name("cnmessage")
    on_path = shutil.which("cnmessage")
    same = on_path is not None and program.exists() and program.samefile(on_path)
    return "cnmessage" if same or not program.exists() else os.path.relpath(program)
