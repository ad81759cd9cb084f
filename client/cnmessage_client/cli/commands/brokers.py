"""The group `broker`: which brokers' keys are known here, and forgetting one. Asks no broker."""

import click

from cnmessage_client.address import parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.profile import Home
from cnmessage_client.shell.command import Facts, Section, group
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.ids import fingerprint


@group(Facts(Section.MACHINE, "cnmessage broker list", asks=False, account=False, moves=False, in_chat=False))
@common
def broker(settings: Settings) -> None:
    """The brokers that were met from here, each known by its key."""


@broker.command(
    "list",
    facts=Facts(
        Section.MACHINE, "cnmessage broker list", asks=False, account=False, moves=False, in_chat=False
    ),
)
@common
def list_brokers(settings: Settings) -> None:
    """List the brokers whose keys are known, with the keys' fingerprints."""
    known = sorted(KnownBrokers(Home.find()).all().items())
    rows = [({"broker": place, "key": fingerprint(key)}, (place, fingerprint(key))) for place, key in known]
    settings.renderer.table(("BROKER", "KEY"), rows)


@broker.command(
    facts=Facts(
        Section.MACHINE,
        "cnmessage broker forget 192.0.2.10",
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
    )
)
@click.argument("address", metavar="HOST[:PORT]")
@common
def forget(settings: Settings, address: str) -> None:
    """Forget a broker's key, as when it was installed anew: the next command meets it as a new one.

    Without a port, those of all brokers on that host.
    """
    known = KnownBrokers(Home.find())
    place = parse_address(address)
    all_ports = address.lower() in {place.host, f"[{place.host}]"}
    chosen = [
        each
        for each in sorted(known.all())
        if each == place.place or (all_ports and each.rpartition(":")[0].strip("[]") == place.host)
    ]
    if not chosen:
        raise usage(f"no key of a broker at {address} is known; see: cnmessage broker list")
    for each in chosen:
        known.forget(each)
        settings.renderer.record(
            {"broker": each, "status": "forgotten"}, f"The key of {each} is forgotten.", [each, "forgotten"]
        )
