"""The broker's command line: start it, show its key, check and back up its data."""

import gc
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import platformdirs
import structlog

from cnmessage_broker import keys, logs
from cnmessage_broker.app import DATABASE, KEY_FILE, Broker, DataDirectoryError, lock_data_directory
from cnmessage_broker.config import Config, ConfigError, load
from cnmessage_broker.sockets import BindError
from cnmessage_broker.store import maintenance
from cnmessage_broker.store.migrate import UnusableDatabaseError
from cnmessage_protocol.ids import fingerprint

_OPTIONS = [
    click.option("--host", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("--port", type=int, help="First of four ports in a row.  [default: 12416]"),
    click.option("--data", type=click.Path(path_type=Path), help="Directory for database and key."),
    click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        help="TOML file with settings; see docs/operations.md.",
    ),
]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cnmessage")
def main() -> None:
    """Run and look after a cnmessage broker."""


@main.command()
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How the log looks.  [default: text]")
@click.option("--verbose", is_flag=True, help="Log what is only of interest when something is wrong.")
def start(verbose: bool, **flags: Any) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = _config(flags)
    logs.configure(config.log_format, verbose=verbose)
    log = structlog.get_logger()
    try:
        broker = Broker(config)
    except (DataDirectoryError, BindError, UnusableDatabaseError, keys.KeyFileError) as error:
        _fail(str(error))
    with broker:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: broker.stop())
        log.info("broker is ready", host=config.host, port=config.port, data=str(config.data))
        # Nothing built so far will ever be garbage; the collector need not look at it again and again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        _banner(broker)
        broker.run()
        log.info("broker is stopping")
    if broker.reactor.failed:
        _fail("the disk failed; see the log. Start the broker again once it is mended")
    log.info("broker has stopped")


@main.command()
def key(**flags: Any) -> None:
    """Show the address to give to people, key included, and its fingerprint."""
    config = _config(flags)
    path = config.data / KEY_FILE
    if not path.exists():
        _fail(f"there is no key in {config.data} yet; 'cnmessage-broker start' makes one")
    try:
        public, _ = keys.load_or_create(path)
    except keys.KeyFileError as error:
        _fail(str(error))
    click.echo(keys.address_line(config.host, config.port, public))
    click.echo(fingerprint(public), err=True)


@main.command()
def check(**flags: Any) -> None:
    """Examine the database of a stopped broker: SQLite's own check and the invariants of every inbox."""
    config = _config(flags)
    if not (config.data / DATABASE).exists():
        _fail(f"there is no database in {config.data}")
    try:
        lock = lock_data_directory(config.data)
        faults = maintenance.check(config.data / DATABASE)
        os.close(lock)
    except (DataDirectoryError, UnusableDatabaseError) as error:
        _fail(str(error))
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(9)
    click.echo("the database is sound", err=True)


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
def backup(target: Path, **flags: Any) -> None:
    """Copy the database, also of a running broker, to TARGET."""
    config = _config(flags)
    if target.exists():
        _fail(f"{target} exists; choose another name")
    try:
        maintenance.back_up(config.data / DATABASE, target)
    except UnusableDatabaseError as error:
        _fail(str(error))
    click.echo(f"saved {target}; keep {config.data / KEY_FILE} with it", err=True)


for _command in (start, key, check, backup):
    for _option in _OPTIONS:
        _option(_command)


def _config(flags: dict[str, Any]) -> Config:
    file = flags.pop("file", None)
    home = os.environ.get("CNMESSAGE_HOME")
    default = (
        Path(home) / "broker"
        if home
        else Path(platformdirs.user_data_dir("cnmessage-broker", appauthor=False))
    )
    try:
        return load(flags, os.environ, file, default)
    except ConfigError as error:
        _fail(str(error), status=2)


def _banner(broker: Broker) -> None:
    program = Path(sys.argv[0]).with_name("cnmessage")
    on_path = shutil.which("cnmessage")
    same = on_path is not None and program.exists() and program.samefile(on_path)
    command = "cnmessage" if same or not program.exists() else os.path.relpath(program)
    click.echo(
        f"cnmessage broker on {broker.config.host}:{broker.config.port}\n"
        f"key {fingerprint(broker.public_key)}\n"
        f"data {broker.config.data}\n\n"
        "In a second terminal, with a name of your choice:\n\n"
        f"  {command} --broker '{broker.address}' signup NAME\n",
    )
    sys.stdout.flush()


def _fail(text: str, status: int = 1) -> NoReturn:
    click.echo(f"cnmessage-broker: {text}", err=True)
    sys.exit(status)
