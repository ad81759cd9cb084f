"""A peer whose network goes away without a word: the broker's descriptors for it are free within 30 s.

Broker and peer stand in two network namespaces with a virtual link between them; both go at the end, and no
packet leaves them.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import BIN, PASSWORD, eventually

WITHIN = 30.0
NEAR, FAR = "10.213.77.1", "10.213.77.2"
PEER = """
import sys
import zmq
from zmq.utils import z85
from tests.support.raw import Raw, ask, frame, new_keys

with Raw(sys.argv[1]) as raw:
    keys = new_keys()
    peer = raw.dealer(keys)
    assert ask(peer, "signup", {"name": "alice", "password": sys.argv[2]}).error is None
    attached = ask(peer, "attach", {})
    assert attached.error is None
    curve = {"CURVE_PUBLICKEY": keys.public, "CURVE_SECRETKEY": keys.secret}
    for kind, offset in ((zmq.SUB, 1), (zmq.DEALER, 2)):  # not in the middle of a handshake
        assert raw.admitted(kind, offset, CURVE_SERVERKEY=z85.encode(raw.key), **curve)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(100):
        peer.send(frame("whoami", {}, number + 2))
    print("sent", flush=True)
    sys.stdin.readline()
"""


def ip(*words: str) -> None:
    """Run iproute2's command."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def link() -> Iterator[tuple[str, str]]:
    """The names of two namespaces that see each other and nothing else."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must be able to cut a link: it needs Linux, root and iproute2")
        pytest.skip("cutting a link needs Linux, root and iproute2")
    near, far = f"near-{os.getpid()}", f"far-{os.getpid()}"
    try:
        for each in (near, far):
            ip("netns", "add", each)
        ip("-n", near, "link", "add", "cut0", "type", "veth", "peer", "name", "cut0", "netns", far)
        for each, address in ((near, NEAR), (far, FAR)):
            ip("-n", each, "address", "add", f"{address}/30", "dev", "cut0")
            ip("-n", each, "link", "set", "cut0", "up")
        yield near, far
    finally:
        for each in (near, far):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", each)


@contextlib.contextmanager
def inside(namespace: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A process in a namespace, killed at the end."""
    with subprocess.Popen(
        ["ip", "netns", "exec", namespace, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], word: str) -> str:
    """The next line of a process that has this word."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return line
    raise AssertionError(f"the process ended without a word of {word!r}")


def say(process: subprocess.Popen[str]) -> None:
    """Let a process take its next step."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("talking", [False, True], ids=["idle", "with data in flight"])
def test_a_peer_behind_a_cut_link_is_gone_within_30_seconds(
    link: tuple[str, str], tmp_path: Path, talking: bool
) -> None:
    near, far = link
    start = [str(BIN / "cnmessage-broker"), "start", "--host", NEAR, "--data", str(tmp_path / "data")]
    with inside(near, *start) as broker:
        address = told(broker, "--broker '").split("--broker '")[1].split("'")[0]
        descriptors = Path(f"/proc/{broker.pid}/fd")

        def held() -> int:
            sockets = 0
            for each in descriptors.iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    sockets += str(each.readlink()).startswith("socket:")
            return sockets

        before = held()
        with inside(far, sys.executable, "-c", PEER, address, PASSWORD) as peer:
            told(peer, "ready")
            eventually(lambda: held() == before + 3)
            if talking:  # requests still come; the answers get lost on the way, and nobody says so
                nobody = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")
                ip("-n", near, "neigh", "replace", FAR, "dev", "cut0", *nobody)
                say(peer)
                told(peer, "sent")
            else:
                ip("-n", near, "link", "set", "cut0", "down")
            eventually(lambda: held() == before, WITHIN)
