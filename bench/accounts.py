"""Accounts that are in a broker's store before it starts: hashing thousands is another subject."""

import json
import os
import time
from pathlib import Path

import zmq

from cnmessage_broker.app import DATABASE
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import UserName


def made(folder: Path, count: int, password: str = "") -> Path:
    """A data directory with so many accounts, each with one device; gives the file that names their keys.

    A line each, as JSON: name, public and secret key. `password` is the hash that all have; with an empty one
    nobody can log in, and their devices need not.
    """
    (folder / "broker").mkdir(mode=0o700)
    path = folder / "accounts"
    store = SqliteStore(folder / "broker" / DATABASE, os.urandom)
    now = int(time.time() * 1000)
    try:
        with path.open("w", encoding="utf-8") as lines:
            for number in range(count):
                public, secret = (each.decode() for each in zmq.curve_keypair())
                account = store.create_account(UserName(f"user{number}"), password, now)
                store.bind_device(public, account.id, "", now)
                lines.write(json.dumps([account.name, public, secret]) + "\n")
    finally:
        store.close()
    return path
