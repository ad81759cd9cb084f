"""The pages under docs/ say what the code does: names, limits, defaults, bytes, states.

Each check works both ways where it can: what the code has must be on the page, and what the page lists must
be in the code. The command line's own pages are tested with the command line.
"""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cnmessage_broker.app import DATABASE, KEY_FILE, LOCK_FILE
from cnmessage_broker.config import ENVIRONMENT_PREFIX, HIGHEST_PORT, Config
from cnmessage_broker.files import channel as broker_channel
from cnmessage_broker.files import pace
from cnmessage_broker.loop import arrivals, delivery, dispatch, listeners, refusals
from cnmessage_broker.maintenance.backup import back_up
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_client.link import lookout
from cnmessage_protocol import records, results
from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, encode
from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import DELIVERIES, Hello, Items
from cnmessage_protocol.envelope import pack_error, pack_key_card, pack_request, pack_result
from cnmessage_protocol.errors import RETRYABLE, ErrorCode
from cnmessage_protocol.files import channel as filechannel
from cnmessage_protocol.files import flows, transfer
from cnmessage_protocol.ids import RESERVED_NAMES, ClientId, FileId, MessageId, UserName
from cnmessage_protocol.machines import composure, inbox, liveness
from cnmessage_protocol.machines.states import TRANSITIONS, Event, State
from cnmessage_protocol.records import Direction, FileFacts, InboxItem, Kind, NewMessage
from cnmessage_protocol.requests import REQUESTS, Send
from cnmessage_protocol.results import Sent, result_values
from cnmessage_protocol.schema import LARGEST, Field, fields
from cnmessage_protocol.sealing import Opener, Sealer

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
RESULTS = sorted({each.RESULT for each in REQUESTS.values()}, key=lambda record: record.__name__)


def chapter(page: str, title: str) -> str:
    """What stands under a second-level heading that begins with `title`."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)
    (found,) = [part for part in parts if part.startswith(title)]
    return found


def sections(text: str) -> dict[str, str]:
    """Name to text of each third-level heading that is one name in backticks."""
    parts = re.split(r"^### `(\w+)`$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(text: str) -> dict[str, list[str]]:
    """The table rows of a text whose first cell begins with a name in backticks: name to the other cells."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\| `(\w+)` \|(.*)\|$", line)
        if match:
            cells = re.split(r"(?<!\\)\|", match[2])
            found[match[1]] = [cell.strip() for cell in cells]
    return found


def default_text(field: Field) -> str:
    """A field's default as the protocol page writes it."""
    if field.required:
        return "required"
    if field.default is None:
        return "`nil`"
    return f"`{json.dumps(field.default)}`"


def test_every_verb_has_a_section_and_no_other_verb_has_one() -> None:
    assert list(sections(chapter(PROTOCOL, "5. Verbs"))) == list(REQUESTS)


@pytest.mark.parametrize("verb", REQUESTS)
def test_a_verbs_section_gives_every_field_with_its_default_and_the_answer(verb: str) -> None:
    request, text = REQUESTS[verb], sections(chapter(PROTOCOL, "5. Verbs"))[verb]
    documented = {name: cells[-1] for name, cells in rows(text).items()}
    assert documented == {each.name: default_text(each) for each in fields(request)}
    assert f"Answer: `{request.RESULT.__name__}`" in text
    assert documented or "No fields." in text


def test_every_answer_has_a_section_with_every_field() -> None:
    documented = sections(chapter(PROTOCOL, "6. Answers"))
    assert sorted(documented) == [record.__name__ for record in RESULTS]
    for record in RESULTS:
        listed = rows(documented[record.__name__])
        assert list(listed) == [each.name for each in fields(record)], record.__name__
        for each in fields(record):
            assert ("Default:" in listed[each.name][-1]) is (not each.required), each.name


def test_every_error_code_is_listed_once_with_whether_to_retry() -> None:
    text = chapter(PROTOCOL, "7. Errors")
    assert {name: cells[0] for name, cells in rows(text).items()} == {
        str(code): "yes" if code in RETRYABLE else "no" for code in ErrorCode
    }
    assert len(re.findall(r"^\| `", text, flags=re.MULTILINE)) == len(ErrorCode)


def test_every_delivery_has_a_section_with_every_field() -> None:
    documented = sections(chapter(PROTOCOL, "8. Deliveries"))
    assert list(documented) == list(DELIVERIES)
    for kind, record in DELIVERIES.items():
        assert list(rows(documented[kind])) == [each.name for each in fields(record)], kind


def test_every_message_of_the_file_channel_is_listed_with_its_sender_fields_and_defaults() -> None:
    documented = rows(chapter(PROTOCOL, "9. The file channel"))
    records = {**filechannel.FROM_CLIENT, **filechannel.FROM_BROKER}
    assert sorted(documented) == sorted(records)
    for verb, record in records.items():
        sender, listed = documented[verb][:2]
        both = verb in filechannel.FROM_CLIENT and verb in filechannel.FROM_BROKER
        assert sender == ("both" if both else "client" if verb in filechannel.FROM_CLIENT else "broker")
        places = re.split(r"(?:^|, )(?=`[a-z]\w*`)", listed)[1:]
        assert [re.findall(r"`(\w+)`", place)[0] for place in places] == [
            each.name for each in fields(record)
        ]
        for each, place in zip(fields(record), places, strict=True):
            default = default_text(each)
            assert ("default" in place) is (default != "required"), f"{verb}: {place}"
            assert default == "required" or f"default {default}" in place, f"{verb}: {place}"


@pytest.mark.parametrize("row", [results.ListedDevice, results.ListedUser, results.ListedFile])
def test_a_row_of_a_list_is_laid_out_as_the_document_says(row: Any) -> None:
    names = ", ".join(row._fields).replace("sender", "from")
    assert f"rows `[{names}]`" in chapter(PROTOCOL, "6. Answers")


def test_the_facts_of_a_file_are_listed_in_order() -> None:
    names = ", ".join(FileFacts._fields)
    assert f"| nil, or of a file the array `[{names}]`" in chapter(PROTOCOL, "4. ")


def test_the_decoders_limits_are_those_of_the_page() -> None:
    numbers = re.findall(r"^\| [a-z ,]+ \| (\d+) \| (\d+) \|$", chapter(PROTOCOL, "3. "), flags=re.MULTILINE)
    names = ("total", "array", "mapping", "text", "binary")
    assert [(int(a), int(b)) for a, b in numbers] == [
        (getattr(REQUEST_LIMITS, name), getattr(REPLY_LIMITS, name)) for name in names
    ]


def test_every_reserved_name_is_listed() -> None:
    listed = chapter(PROTOCOL, "3. ").partition("may not be taken by `signup`:")[2]
    assert set(re.findall(r"`([\w-]+)`", listed)) == RESERVED_NAMES


def test_the_places_of_both_rows_are_listed_in_order() -> None:
    places = re.findall(r"^\| (\d+) \| `(\w+)` \|", chapter(PROTOCOL, "4. "), flags=re.MULTILINE)
    outgoing, item = (list(record._fields) for record in (NewMessage, InboxItem))
    item[item.index("sender")] = "from"
    assert places == [(str(place), name) for row in (outgoing, item) for place, name in enumerate(row)]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (inbox.PATIENCE * 1000, "has lasted **{} ms**"),
        (liveness.HEARTBEAT * 1000, "ms between beats, now {}"),
        (liveness.EXPIRY * 1000, "after which the listener ends, now {}"),
        (liveness.EXPIRY, "for `expiry` ms (**{} s**)"),
        (liveness.EARLY_BEAT, "as soon as **{} items**"),
        (lookout.FIRST_LOOK, "asks the probe again after {} s without a first answer"),
        (composure.JOIN_PATIENCE, "No hello within {} s"),
        (liveness.BACKOFF_LIMIT, f"`min({{}}, {liveness.BACKOFF_FIRST} · 2^n)`"),
        (inbox.HOLD, "({} rows here"),
        (listeners.WINDOW_BYTES >> 20, "at most {} MiB (rows)"),
        (delivery.PUSH_BYTES >> 10, "about {} KiB of bodies at most"),
        (arrivals.DRAIN, "takes up to {} requests"),
        (records.MAX_BODY, "1 to {} bytes of UTF-8"),
        (records.MAX_RECIPIENTS, "array of 1 to {} names"),
        (results.MAX_MESSAGES, "array of 1 to {} outgoing rows"),
        (HIGHEST_PORT, "at most {}."),
        (filechannel.MAX_HEADER, "The first frame has at most {} bytes"),
        (filechannel.CHUNK, "a chunk has 1 to {} bytes"),
        (filechannel.WINDOW_CHUNKS, "a window of {} chunks"),
        (filechannel.FIRST_CHUNK >> 10, "{} KiB at first; twice as large"),
        (flows.QUICK, "took less than {} s, half as"),
        (pace.GENTLE_CHUNK >> 10, "sends chunks of at most {} KiB and moves"),
        (pace.GENTLE_RATE >> 20, "and moves {} MiB a second"),
        (filechannel.MAX_EXPIRES, "seconds from now, at most {},"),
        (filechannel.MAX_EXPIRES, "`expires` from 1 to {}."),
        (LARGEST, "`size`, `offset` and `upto` are from 0 to {},"),
        (broker_channel.REFUSALS[0], "a key beyond {} at once and"),
        (broker_channel.REFUSALS[1], "at once and {} a second. A client that cannot read"),
        (transfer.SILENCE, "after {} s without a word"),
        (transfer.SILENCE, "no answer for {} s is said again"),
        (Config().transfers_per_device, "transfers at once for each device ({})"),
        (Config().transfers_per_user, "each user ({})"),
        (Config().max_transfers, "in all ({})"),
        (Config().file_count, "in number ({})"),
    ],
)
def test_numbers_that_a_client_relies_on_are_those_of_the_code(number: float, sentence: str) -> None:
    assert sentence.format(f"{number:g}" if number < 10_000 else number) in " ".join(PROTOCOL.split())


def examples() -> dict[str, bytes]:
    """The worked example of the protocol page, made by the code."""
    client_id = ClientId(bytes.fromhex("018bcfe5680070008000000000000001"))
    message_id = MessageId(bytes.fromhex("018bcfe5687b70008000000000000002"))
    topic, key = bytes(range(0xA0, 0xB0)), bytes(range(32))
    alice, bob = UserName("alice"), UserName("bob")
    item = InboxItem(
        12, Direction.RECEIVED, message_id, Kind.DIRECT, alice, (bob,), 1700000000123, "hello", None
    )
    values: dict[str, object] = {"items": [item]}
    sealer = Sealer(topic, key)
    first = sealer.seal(Hello.KIND, {"head": 11})
    second = sealer.seal(Items.KIND, values)
    opener = Opener(topic, key)
    assert (opener.open(first), opener.open(second)) == (Hello(11), Items((item,)))
    return {
        "key-card": pack_key_card(key),
        "send-request": pack_request(7, Send((NewMessage(client_id, (Direct(bob),), "hello"),))),
        "send-reply": pack_result(7, result_values(Sent(((client_id, message_id, 3, 1),)))),
        "error-reply": pack_error(8, ErrorCode.NO_SUCH_USER, "there is no user 'eve'"),
        "delivery-topic": second[0],
        "delivery-sequence": second[1],
        "delivery-plain": encode([Items.KIND, values]),
        "delivery-nonce": bytes(4) + second[1],
        "delivery-aad": topic + second[1],
        "delivery-sealed": second[2],
        **file_examples(),
    }


def file_examples() -> dict[str, bytes]:
    """The part of the worked example that is about files."""
    upload, file = bytes(range(0xC0, 0xD0)), bytes(range(0xD0, 0xE0))
    facts = FileFacts(FileId(file), "a.txt", 5, bytes(range(32)))
    message_id, to = MessageId(bytes.fromhex("018bcfe5687b70008000000000000002")), (UserName("bob"),)
    alice, time = UserName("alice"), 1700000000123
    item = InboxItem(13, Direction.RECEIVED, message_id, Kind.FILE, alice, to, time, "", None, facts)
    return {
        "file-put": filechannel.pack(upload, filechannel.Put("a.txt", 5, ("bob",))),
        "file-granted": filechannel.pack(upload, filechannel.Granted(file, 0, 5)),
        "file-chunk": filechannel.pack(upload, filechannel.Chunk(0)),
        "file-row": encode(item),
    }


def test_the_worked_example_is_what_the_code_makes() -> None:
    blocks = re.findall(r"^```hex ([\w-]+)\n(.*?)^```$", PROTOCOL, flags=re.MULTILINE | re.DOTALL)
    assert {name: bytes.fromhex(text) for name, text in blocks} == examples()


def test_the_drawing_of_the_session_holds_exactly_the_transitions_of_the_code() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.+)$", ARCHITECTURE, flags=re.MULTILINE)
    assert sorted(drawn) == sorted((a.name, b.name, event.value) for (a, event), b in TRANSITIONS.items())
    assert {a for a, _, _ in drawn} == {state.name for state in State}
    assert {event for _, _, event in drawn} == {event.value for event in Event}


def test_every_setting_is_listed_with_its_default_and_its_variable() -> None:
    documented = rows(chapter(OPERATIONS, "Settings"))
    assert list(documented) == [each.name for each in dataclasses.fields(Config)]
    for each in dataclasses.fields(Config):
        default, variable = documented[each.name][:2]
        assert variable == f"`{ENVIRONMENT_PREFIX}{each.name.upper()}`"
        assert default == ("see below" if each.name == "data" else f"`{each.default}`")


def test_every_event_of_the_brokers_log_is_explained() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "broker").rglob("*.py"))
    events = set(re.findall(r"log\.(?:debug|info|warning|error|exception)\(\s*\"([^\"]+)\"", sources))
    assert events
    events |= {*refusals.OF_VERB.values(), *refusals.OF_CODE.values()}
    assert events == set(re.findall(r"`([a-z ]+)`(?=[^|]*\| (?:debug|info|warning|error) \|)", OPERATIONS))


def test_every_machine_that_tells_its_transitions_is_listed_and_no_other() -> None:
    told: set[str] = set()
    for path in ROOT.glob("[bcp]*/cnmessage_*/**/*.py"):
        told |= set(re.findall(r'\.note\(\s*"([a-z ]+)", ', path.read_text(encoding="utf-8")))
    table = chapter(OPERATIONS, "When something is stuck").partition("| machine | where |")[2]
    listed = re.findall(r"^\| (`[^|]+) \| (?:client|broker|both) \|", table, re.MULTILINE)
    assert told == {name for row in listed for name in re.findall(r"`([a-z ]+)`", row)}


def test_every_file_of_the_data_directory_is_named() -> None:
    listed = chapter(OPERATIONS, "The data directory")
    assert all(f"`{name}`" in listed for name in (DATABASE, KEY_FILE, LOCK_FILE, f"{DATABASE}.incarnation"))


@pytest.mark.parametrize("fresh_directory", [False, True])
def test_a_restored_backup_has_another_epoch_as_the_page_says(tmp_path: Path, fresh_directory: bool) -> None:
    assert "At that start the **epoch** changes" in OPERATIONS
    database = tmp_path / "data" / DATABASE
    database.parent.mkdir()
    store = SqliteStore(database, os.urandom)
    epoch = store.epoch
    back_up(database, tmp_path / "copy.db")
    store.close()
    place = tmp_path / "elsewhere" / DATABASE if fresh_directory else database
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "copy.db").replace(place)
    restored = SqliteStore(place, os.urandom)
    try:
        assert restored.epoch != epoch
    finally:
        restored.close()


def test_every_make_target_is_explained() -> None:
    targets = re.findall(
        r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    explained = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `make ([\w-]+)`", explained, flags=re.MULTILINE)) == sorted(targets)


_TABLE = re.compile(r"`([a-z]+)\.([A-Z_]{2,})`")


def test_tables_of_the_code_that_pages_name_are_there() -> None:
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {found for page in pages for found in _TABLE.findall(page.read_text())}
    assert ("dispatch", "VERBS") in named
    rooms = [ROOT / room for room in ("protocol", "broker", "client")]
    for module, table in named:
        sources = [each.read_text() for room in rooms for each in room.rglob(f"{module}.py")]
        assert any(re.search(rf"^{table}\b", each, re.MULTILINE) for each in sources), f"{module}.{table}"
    verb = dispatch.VERBS[Send]
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    (leave_on,) = re.findall(r"Leave `(\w+)` on", guide)
    assert getattr(verb, leave_on) is False


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
