"""A tour without a keyboard: `make demo`.

Starts a real broker, lets three users talk through the command line and the library, and prints each step.
Every step is checked; the exit status is 0 only if all were seen to work.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnmessage_client import Client, Home, Message

BIN = Path(sys.executable).parent
PASSWORD = "a long enough password\n"
DEADLINE = 15.0


class TourError(Exception):
    """A step was not seen to work."""


class Tour:
    """One broker, one home directory, and commands typed for us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = ""
        self.environment = {**os.environ, "CNMESSAGE_HOME": str(folder / "home")}

    @contextmanager
    def broker(self) -> Iterator[subprocess.Popen[str]]:
        """A broker process; ended by its id however the tour ends."""
        data = str(self.folder / "broker")
        command = [str(BIN / "cnmessage-broker"), "start", "--port", str(self.port), "--data", data]
        with (self.folder / "broker.log").open("a") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                for line in process.stdout or ():
                    if "--broker '" in line:
                        self.address = line.split("'")[1]
                        break
                else:
                    raise TourError("the broker did not start; see broker.log")
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.wait(DEADLINE)
                if process.stdout is not None:
                    process.stdout.close()

    def run(self, line: str, typed: str = "", status: int = 0) -> list[Any]:
        """Run one command as a user would and show it; gives the objects it printed."""
        print(f"  $ cnmessage {line}")
        result = subprocess.run(
            [BIN / "cnmessage", *shlex.split(line), "--json"],
            input=typed,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env=self.environment,
            check=False,
        )
        objects = [json.loads(each) for each in result.stdout.splitlines()]
        for each in objects:
            print(f"    {in_words(each)}")
        for each in result.stderr.splitlines() if status else ():
            print(f"    {json.loads(each)['error']['message']}")
        if result.returncode != status:
            raise TourError(f"'{line}' exited {result.returncode}, not {status}: {result.stderr}")
        return objects

    def client(self, name: str) -> Client:
        """The library, on the same profile as the commands."""
        home = self.folder / "home"
        return Client(profile=name, home=Home(home, home / "state"))


def in_words(values: dict[str, Any]) -> str:
    """What a command has printed, as a person would say it."""
    match values:
        case {"body": body, "from": sender}:
            return f"{sender}: {body}"
        case {"name": name, "online": online}:
            return f"{name} is {'online' if online else 'offline'}"
        case {"status": status, "recipients": count}:
            return f"{status} for {count} {'user' if count == 1 else 'users'}"
        case {"user": user}:
            return f"logged in as {user}"
    return ", ".join(str(value) for value in values.values())


def step(title: str) -> None:
    """Announce what comes."""
    print(f"\n== {title}")


def expect(seen: object, wanted: object) -> None:
    """Stop the tour unless what was seen is what was wanted."""
    if seen != wanted:
        raise TourError(f"expected {wanted!r}, saw {seen!r}")


def bodies(objects: list[Any]) -> list[str]:
    """What the messages say."""
    return [each["body"] for each in objects]


async def next_message(stream: Any) -> Message:
    """The next message, or the deadline."""
    message: Message = await asyncio.wait_for(anext(stream), DEADLINE)
    return message


def main() -> None:
    """Walk through everything."""
    with tempfile.TemporaryDirectory(prefix="cnmessage-tour-") as folder:
        tour = Tour(Path(folder))
        with tour.broker():
            print(f"A broker runs on 127.0.0.1:{tour.port}.")
            accounts(tour)
            offline(tour)
            asyncio.run(online(tour))
            blacklist(tour)
            asyncio.run(reconnect(tour))
    print("\nAll steps were seen to work.")


def accounts(tour: Tour) -> None:
    """Three users sign up."""
    step("Three users sign up, each with a profile of their own")
    for name in ("alice", "bob", "carol"):
        broker = f"--broker {shlex.quote(tour.address)}"
        (answer,) = tour.run(f"--profile {name} {broker} signup {name} --password-stdin", PASSWORD)
        expect(answer["user"], name)
    (me,) = tour.run("--profile alice whoami")
    expect(me["user"], "alice")
    tour.run(
        "--profile mallory login alice --password-stdin " + f"--broker {shlex.quote(tour.address)}",
        "wrong\n",
        4,
    )


def offline(tour: Tour) -> None:
    """Messages wait for someone who is offline."""
    step("Alice writes to Bob, who is offline; he finds it with history 0")
    tour.run("--profile alice send bob 'Lunch at noon?'")
    tour.run("--profile alice send bob carol 'Or at one?'")
    expect(bodies(tour.run("--profile bob history 0")), ["Lunch at noon?", "Or at one?"])
    expect(bodies(tour.run("--profile carol history 0")), ["Or at one?"])
    tour.run("--profile alice send dave 'Are you there?'", status=5)


async def online(tour: Tour) -> None:
    """A broadcast reaches who is online, at once."""
    step("Bob is online; a broadcast reaches him and not Carol, who is not")
    async with tour.client("bob") as bob:
        stream = bob.messages()
        for wanted in ("Lunch at noon?", "Or at one?"):
            expect((await next_message(stream)).body, wanted)
        (answer,) = await asyncio.to_thread(tour.run, "--profile alice broadcast 'The printer works again'")
        expect(answer["recipients"], 1)
        message = await next_message(stream)
        expect(
            (message.kind, message.sender, message.body), ("broadcast", "alice", "The printer works again")
        )
        users = await asyncio.to_thread(tour.run, "--profile carol users")
        expect(
            {each["name"]: each["online"] for each in users}, {"alice": False, "bob": True, "carol": False}
        )
    expect(bodies(tour.run("--profile carol history")), ["Or at one?"])


def blacklist(tour: Tour) -> None:
    """Carol does not want to hear from Alice."""
    step("Carol blocks Alice: nothing of hers arrives, and Alice is not told")
    tour.run("--profile carol blacklist add alice")
    (answer,) = tour.run("--profile alice send carol 'Can you hear me?'")
    expect((answer["status"], answer["recipients"]), ("stored", 1))
    tour.run("--profile carol blacklist rm alice")
    tour.run("--profile alice send carol 'And now?'")
    expect(bodies(tour.run("--profile carol history")), ["Or at one?", "And now?"])


async def reconnect(tour: Tour) -> None:
    """A broken connection heals without a login and without a loss."""
    step("Bob's connection breaks; he comes back by himself and has missed nothing")
    async with tour.client("bob") as bob:
        stream = bob.messages()
        await asyncio.to_thread(tour.run, "--profile alice send bob 'Before the break'")
        while (await next_message(stream)).body != "Before the break":
            continue
        bob.cut(pause=1.0)
        print(f"    (bob's sockets are cut: {bob.state.value})")
        for number in (1, 2, 3):
            await asyncio.to_thread(tour.run, f"--profile alice send bob 'During the break, {number}'")
        for number in (1, 2, 3):
            expect((await next_message(stream)).body, f"During the break, {number}")
        print(f"    (bob is {bob.state.value} again, without a password)")


def free_port() -> int:
    """The first of four free ports in a row, below the ephemeral range."""
    for port in range(20000 + os.getpid() % 1000 * 4, 32000, 4):
        try:
            for offset in range(4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port
    raise TourError("no four free ports in a row")


if __name__ == "__main__":
    try:
        main()
    except (TourError, subprocess.TimeoutExpired, TimeoutError) as error:
        sys.exit(f"\nThe tour failed: {error}")
