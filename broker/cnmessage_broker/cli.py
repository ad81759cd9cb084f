"""The broker's command line: start it, show its key, check and back up its data."""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import platformdirs
import structlog

from cnmessage_broker import health as reports
from cnmessage_broker import keys, logs, signals, streams
from cnmessage_broker.app import (
    CANNOT_START,
    DATABASE,
    FILES_FOLDER,
    KEY_FILE,
    Broker,
    DataDirectoryError,
    is_locked,
    lock_data_directory,
    purge,
)
from cnmessage_broker.config import Config, ConfigError, load
from cnmessage_broker.greeting import banner, from_elsewhere
from cnmessage_broker.loop.passwords import OWASP, Passwords
from cnmessage_broker.maintenance.backup import BackupError, back_up
from cnmessage_broker.maintenance.check import check as check_database
from cnmessage_broker.maintenance.deep_check import deep_check
from cnmessage_broker.maintenance.file_report import Listed, all_files
from cnmessage_broker.priority import be_prompt
from cnmessage_broker.serving import serve
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.store.sqlite.condition import require
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError
from cnmessage_broker.words import PathWord, status_of
from cnmessage_protocol.ids import fingerprint, id_text, parse_id

_PROGRESS_INTERVAL = 5.0

_USUAL = Config()

_OPTIONS = [
    click.option("--data", type=PathWord(), metavar="PATH", help="Directory for database and key."),
    click.option(
        "--config",
        "file",
        type=PathWord(),
        metavar="PATH",
        help="TOML file with settings; see docs/operations.md.",
    ),
]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cnmessage")
def cli() -> None:
    """Run and look after a cnmessage broker."""
    os.umask(0o077)  # whatever is made is nobody else's affair


@cli.command()
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How the log looks.  [default: text]")
@click.option(
    "--debug",
    "--verbose",
    "debug",
    is_flag=True,
    help="Log each transition, and what else is only of interest when something is wrong.",
)
@click.pass_obj
def start(passwords: Passwords, /, debug: bool, **flags: Any) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = _config(flags)
    logs.configure(config.log_format, debug=debug)
    log = structlog.get_logger()
    be_prompt()
    signals.not_yet()
    try:
        broker = Broker(config, debug=debug, passwords=passwords)
    except CANNOT_START as error:
        _fail(str(error))
    with broker:
        # Nothing built so far will ever be garbage; the collector need not look at it again and again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        serve(broker, lambda: _loaded(flags, again=True), lambda: _announce(broker, log), log)
        log.info("broker is stopping")
    if broker.reactor.exhausted:
        _fail(
            "memory ran out; see the log. Start the broker again, with more memory or fewer clients", status=3
        )
    if broker.reactor.failed:
        _fail("the disk failed; see the log. Start the broker again once it is mended")
    log.info("broker has stopped")


@cli.command()
def key(**flags: Any) -> None:
    """Show the address to give to people, key included, and its fingerprint."""
    config = _config(flags)
    path = config.data / KEY_FILE
    if not path.exists():
        _fail(f"there is no key in {config.data} yet; 'cnmessage-broker start' makes one")
    try:
        public, _ = keys.load(path)
    except keys.KeyFileError as error:
        _fail(str(error))
    host, port = config.host, config.port
    running = reports.read(config.data) if is_locked(config.data) else None
    if running is not None and running.port and (host, port) == (_USUAL.host, _USUAL.port):
        host, port = running.host, running.port  # nobody said otherwise
    click.echo(keys.address_line(host, port, public))
    click.echo(fingerprint(public), err=True)
    if host in keys.EVERYWHERE:
        click.echo(from_elsewhere(host), err=True)


@cli.command()
@click.option("--deep", is_flag=True, help="Also read every message and every file, against their checksums.")
def check(deep: bool, **flags: Any) -> None:
    """Examine the database of a stopped broker: SQLite's own check and the invariants of every inbox."""
    config = _config(flags)
    faults = 0
    try:
        require(config.data / DATABASE)  # or the lock would be left in a directory that is not ours
        lock = lock_data_directory(config.data)
        for fault in _faults(config, deep=deep):
            click.echo(fault)
            faults += 1
        os.close(lock)
    except (DataDirectoryError, UnusableDatabaseError) as error:
        _fail(str(error))
    if faults:
        sys.exit(9)
    click.echo("the database and its files are sound" if deep else "the database is sound", err=True)


def _faults(config: Config, *, deep: bool) -> Iterator[str]:
    yield from check_database(config.data / DATABASE)
    if deep:
        yield from deep_check(config.data / DATABASE, config.data / FILES_FOLDER, _now_and_then())


def _now_and_then() -> Callable[[str], None]:
    """Says on stderr how far long work is, once in five seconds."""
    said = time.monotonic()

    def progress(text: str) -> None:
        nonlocal said
        if time.monotonic() - said >= _PROGRESS_INTERVAL:
            said = time.monotonic()
            click.echo(f"checking: {text}", err=True)

    return progress


@cli.command()
@click.argument("target", type=PathWord())
def backup(target: Path, **flags: Any) -> None:
    """Copy the database, also of a running broker, to TARGET."""
    config = _config(flags)
    if target.exists():
        what = "is a directory; name a file in it" if target.is_dir() else "exists; choose another name"
        _fail(f"{target} {what}")
    try:
        with signals.broken_off():
            back_up(config.data / DATABASE, target)
    except signals.BrokenOffError as signal:
        _fail(f"broken off ({signal}); nothing of {target} is left", status=128 + signal.number)
    except (UnusableDatabaseError, BackupError) as error:
        _fail(str(error))
    click.echo(f"saved {target}; keep {config.data / KEY_FILE} with it", err=True)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def health(as_json: bool, **flags: Any) -> None:
    """Show how the running broker is; exits 1 when something is wrong, or no broker runs."""
    config = _config(flags)
    report = reports.read(config.data)
    if report is None or not is_locked(config.data):
        _fail(f"no broker runs on {config.data}; 'cnmessage-broker start' starts one")
    age = time.time() - report.time
    if age > reports.STALE:
        _fail(f"the broker (process {report.process}) has said nothing for {age:.0f} s: does it hang?")
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        _show(report)
    for trouble in report.troubles:
        click.echo(f"cnmessage-broker: {trouble}", err=True)
    if report.troubles:
        sys.exit(1)


def _show(report: reports.Health) -> None:
    connections = ", ".join(f"{count} {port}" for port, count in report.connections.items())
    rows = {
        "process": str(report.process),
        "age": f"{max(0.0, time.time() - report.time):.0f} s",
        "attached": str(report.attached),
        "connections": connections,
        "descriptors": f"{report.descriptors_used} of {report.descriptors_limit}",
        "memory": f"{report.memory_used >> 20} of {report.memory_limit >> 20} MiB",
        "waiting": f"{report.waiting} bytes of requests",
        "unread": f"{report.unread} bytes of answers and deliveries",
    }
    for name, value in rows.items():
        click.echo(f"{name}\t{value}")


@cli.group(invoke_without_command=True)
@click.pass_context
def files(context: click.Context, /, **flags: Any) -> None:
    """List the files that users sent, or free their room. Alone it lists them."""
    context.default_map = dict.fromkeys(("list", "purge"), flags)  # what is said here counts behind it too
    if context.invoked_subcommand is None:
        context.invoke(list_files, **flags)


@files.command("list")
def list_files(**flags: Any) -> None:
    """List all files, also of a running broker: id, sender, name, bytes, when, state, fetched/recipients."""
    for each in _all_files(_config(flags)):
        fields = (
            id_text(each.id),
            each.owner,
            each.name,
            str(each.size),
            _utc(each.created),
            each.status,
            f"{each.fetched}/{each.recipients}",
        )
        click.echo("\t".join(_one_field(field) for field in fields))


@files.command("purge")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--user", help="All that this user sent.")
@click.option("--older-than", type=click.IntRange(0), metavar="DAYS", help="All that is older.")
def purge_files(ids: tuple[str, ...], user: str | None, older_than: int | None, **flags: Any) -> None:
    """End files and free their room; the broker must be stopped. History keeps their names.

    With several conditions, a file must meet all of them.
    """
    config = _config(flags)
    if not ids and user is None and older_than is None:
        _fail("say which: ids, --user NAME or --older-than DAYS", status=2)
    try:
        wanted = {parse_id(each) for each in ids}
    except ValueError as error:
        _fail(str(error), status=2)
    before = None if older_than is None else (time.time() - older_than * 86400) * 1000
    chosen = [
        each.id
        for each in _all_files(config)
        if each.takes_room
        and (not ids or each.id in wanted)
        and (user is None or each.owner == user.lower())
        and (before is None or each.created <= before)
    ]
    missing = wanted - set(chosen)
    if missing:
        _fail(f"no file that takes room has the id {id_text(missing.pop())}; nothing was purged", status=5)
    try:
        removed = purge(config.data, chosen)
    except (DataDirectoryError, UnusableDatabaseError, StoreError, OSError) as error:
        _fail(str(error))
    click.echo(f"purged {len(chosen)} files, removed {removed} from the disk", err=True)


def _all_files(config: Config) -> list[Listed]:
    try:
        return all_files(config.data / DATABASE)
    except UnusableDatabaseError as error:
        _fail(str(error))


def _utc(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _one_field(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)


for _command in (start, key, check, backup, health, files, list_files, purge_files):
    _idle = _command not in {start, key}  # taken for the sake of scripts, and of no use
    click.option("--host", hidden=_idle, help="Address to listen on.  [default: 127.0.0.1]")(_command)
    click.option("--port", hidden=_idle, type=int, help="First of four ports.  [default: 12416]")(_command)
    for _option in _OPTIONS:
        _option(_command)


def main(prog_name: str | None = None, passwords: Passwords = OWASP) -> None:
    """Run the program; where it cannot print, that ends here with one line."""
    streams.prepare()
    try:
        sys.exit(status_of(cli, prog_name, lambda text: click.echo(text, err=True), passwords))
    except streams.UnprintableError as error:
        streams.discard(sys.stdout)
        _fail(str(error), status=6)


def _config(flags: dict[str, Any]) -> Config:
    try:
        return _loaded(flags)
    except ConfigError as error:
        _fail(str(error), status=2)


def _loaded(flags: dict[str, Any], *, again: bool = False) -> Config:
    given = {name: value for name, value in flags.items() if name != "file"}
    return load(given, os.environ, flags.get("file"), _default_data(), again=again)


def _announce(broker: Broker, log: structlog.typing.FilteringBoundLogger) -> None:
    if not (sys.stdout.isatty() and sys.stderr.isatty()):  # else one person reads both
        config = broker.config
        log.info("broker is ready", host=config.host, port=config.port, data=str(config.data))
    try:
        click.echo(banner(broker.config, broker.public_key, broker.address))
    except streams.UnprintableError as error:  # closed, full, or whoever read it has left: no reason to end
        streams.discard(sys.stdout)
        log.warning("address not printed", reason=str(error))


def _default_data() -> Path | None:
    """Where data is unless a setting says otherwise; None for a user without a home directory."""
    if home := os.environ.get("CNMESSAGE_HOME"):
        return Path(home) / "broker"
    try:
        return Path(platformdirs.user_data_dir("cnmessage-broker", appauthor=False))
    except RuntimeError:  # neither HOME nor an entry in passwd
        return None


def _fail(text: str, status: int = 1) -> NoReturn:
    click.echo(f"cnmessage-broker: {text}", err=True)
    sys.exit(status)
