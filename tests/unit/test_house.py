"""The habits that no linter knows: who prints, how long a file may get, what the public API is."""

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cnmessage_client
import cnmessage_protocol

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("protocol", "broker", "client") for path in (ROOT / folder).rglob("*.py")
)
BENCH = sorted((ROOT / "bench").rglob("*.py"))
PRINTERS = {"client/cnmessage_client/shell/oneshot.py", "broker/cnmessage_broker/cli.py"}
LONGEST = 350
LONGEST_MACHINE = 450
"""A machine that is one class may be longer: cutting it would hide what belongs together."""

PATCHED = {
    # A name with two addresses: no machine has one for certain.
    ("tests/integration/test_key_probe.py", "loop.getaddrinfo"),
    ("tests/integration/test_reach.py", "loop.getaddrinfo"),
}
"""What tests replace though it is not the system's."""

PATCHERS = {"setattr", "delattr", "setitem", "delitem"}


def test_every_file_has_one_purpose_and_opens_by_saying_it() -> None:
    for path in (*SOURCES, *BENCH):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        assert text.startswith(('"""', 'r"""')), name
        classes = sum(isinstance(node, ast.ClassDef) for node in ast.parse(text).body)
        assert len(text.splitlines()) <= (LONGEST_MACHINE if classes == 1 else LONGEST), name


def module_of(path: Path) -> str:
    """The dotted name of a source of ours."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, modules: Collection[str]) -> Iterator[str]:
    """Which of these modules a source imports, wherever that stands in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:  # a module of a package, or something in a module
                inner, outer = f"{node.module}.{alias.name}", node.module or ""
                yield from (each for each in [inner if inner in modules else outer] if each in modules)


def circle(sources: dict[str, str]) -> list[str]:
    """Modules that import one another in a circle, by their names; empty when there is none."""
    graph = {name: set(imported(text, sources)) for name, text in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circle({module_of(path): path.read_text(encoding="utf-8") for path in SOURCES}) == []


def test_a_circle_is_found_also_where_only_types_are_wanted() -> None:
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import door"
    assert circle({"house.door": "import house.room", "house.room": "import house.bell"}) == []
    found = circle({"house.door": "import house.room", "house.room": hidden})
    assert set(found) == {"house.door", "house.room"}


def test_unit_tests_stand_where_what_they_test_does() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (*SOURCES, *BENCH)}
    rooms = {re.sub("/cnmessage_[a-z]+", "", folder) for folder in folders}
    tests = {
        path.parent.relative_to(ROOT / "tests/unit").as_posix()
        for path in (ROOT / "tests/unit").rglob("test_*.py")
    }
    assert tests - {"."} <= rooms


def test_only_the_renderers_print() -> None:
    printing = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    printers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in printing
    }
    assert printers == PRINTERS


def test_only_the_value_knows_the_word_for_everyone() -> None:
    spelling = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "all"
    }
    assert spelling == {
        "protocol/cnmessage_protocol/conversation.py",
        "protocol/cnmessage_protocol/ids.py",  # among the reserved names
        "client/cnmessage_client/chat/talk/lines.py",  # `retry all`, which is another all
    }
    statements = (ROOT / "broker").rglob("*.sql")
    assert not [path.name for path in statements if "'all'" in path.read_text(encoding="utf-8")]


def test_the_public_client_api_is_what_the_readme_and_users_rely_on() -> None:
    assert cnmessage_client.__all__ == [
        "Client",
        "CnMessageError",
        "Delivered",
        "Device",
        "ErrorCode",
        "FileInfo",
        "FileStatus",
        "FilesError",
        "Home",
        "Level",
        "Message",
        "MessageFile",
        "MessageKind",
        "Phase",
        "Receipt",
        "RecipientState",
        "RecipientStatus",
        "SentFile",
        "SyncClient",
        "TransferProgress",
        "Unknown",
        "User",
        "new_event_loop",
    ]
    assert cnmessage_protocol.__all__ == ["VERSION"]


def test_both_clients_offer_the_same_calls() -> None:
    asynchronous = {name for name in dir(cnmessage_client.Client) if not name.startswith("_")}
    synchronous = {name for name in dir(cnmessage_client.SyncClient) if not name.startswith("_")}
    # A blocking program has no loop on which to be told of changes or to break its own connection.
    assert asynchronous - synchronous == {"acknowledge", "cut", "give_up", "queued", "reached", "state"}
    assert synchronous <= asynchronous


def test_no_test_sleeps_nor_has_a_shell_sleep() -> None:
    sleeping = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\bsleep [0-9]|\btime\.sleep\(|asyncio\.sleep\([^0]", path.read_text(encoding="utf-8"))
    }
    assert sleeping == {"tests/attacks/test_hostile_broker.py"}  # the command that it runs takes its time


def patched(source: str) -> Iterator[str]:
    """What a test's source replaces, but for what is the system's: of ours it drives the real thing.

    A bound is a constructor argument, a clock and randomness are handed in, a disk or a peer is a real one.
    """
    tree = ast.parse(source)
    imports = {
        (alias.asname or alias.name).partition(".")[0]: getattr(node, "module", None) or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    yield from (f"{name} of {module}" for name, module in imports.items() if module == "unittest.mock")

    def of_the_system(root: str) -> bool:
        return imports.get(root, root).partition(".")[0] in sys.stdlib_module_names

    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name(name) | ast.Attribute(_, name), [ast.Constant(str(path)), *_]) if (
                name in PATCHERS
            ):
                if not of_the_system(path.partition(".")[0]):
                    yield path
            case ast.Call(ast.Name(name) | ast.Attribute(_, name), [target, *rest]) if name in PATCHERS:
                attribute = str(rest[0].value) if rest and isinstance(rest[0], ast.Constant) else "?"
                if not of_the_system(ast.unparse(target).partition(".")[0]):
                    yield f"{ast.unparse(target)}.{attribute}"
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                if imports.get(ast.unparse(node).partition(".")[0], "").startswith("cnmessage_"):
                    yield ast.unparse(node)


def test_no_test_and_no_benchmark_replaces_what_is_ours() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), what)
        for folder in ("tests", "bench")
        for path in (ROOT / folder).rglob("*.py")
        for what in patched(path.read_text(encoding="utf-8"))
    }
    assert found == PATCHED


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\nmonkeypatch.setattr(os, 'link', no)", []),
        ("monkeypatch.setattr('sys.stdin.isatty', no)", []),
        ("monkeypatch.setattr('cnmessage_broker.limits.MOST', 1)", ["cnmessage_broker.limits.MOST"]),
        ("from cnmessage_broker import limits\nlimits.MOST = 1", ["limits.MOST"]),
        ("from cnmessage_broker import limits\nsetattr(limits, name, 1)", ["limits.?"]),
        ("monkeypatch.setattr(chat.talk, 'typed', broken)", ["chat.talk.typed"]),
        ("monkeypatch.setitem(cli.commands, 'whoami', broken)", ["cli.commands.whoami"]),
        ("from unittest.mock import patch", ["patch of unittest.mock"]),
    ],
)
def test_what_replaces_something_is_found(source: str, found: list[str]) -> None:
    assert list(patched(source)) == found


@pytest.mark.parametrize("ignored", ["INT QUIT", "HUP", "TERM TSTP USR1 CHLD"])
def test_what_tests_start_ignores_no_signal_however_the_tests_were_started(ignored: str) -> None:
    # A shell ignores INT and QUIT for what runs behind it, nohup HUP; a test that sends one waited in vain.
    look = "import signal, tests.conftest as c; print(*sorted(each.name for each in signal.Signals if signal.getsignal(each) is signal.SIG_IGN))"  # noqa: E501
    script = f"trap '' {ignored}; exec {sys.executable} -c '{look}'"
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["SIGPIPE", "SIGXFSZ"]  # Python's own
