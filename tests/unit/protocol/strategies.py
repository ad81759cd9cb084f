"""Values for the protocol's tests, made from the schema itself, and ways to spoil them."""

from inspect import getclosurevars
from typing import Any

import msgpack
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.ids import ID_SIZE, RESERVED_NAMES, normal
from cnmessage_protocol.records import DIGEST_SIZE, Direction, Kind, file_facts, inbox_item, outgoing
from cnmessage_protocol.results import Attached
from cnmessage_protocol.schema import (
    LARGEST,
    LATEST,
    Check,
    boolean,
    conversation,
    existing_name,
    fields,
    fresh_name,
    name_or_none,
    username,
)

Values = SearchStrategy[Any]

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True)
IDS = st.binary(min_size=ID_SIZE, max_size=ID_SIZE)
UINT63 = st.integers(0, (1 << 63) - 1)
COUNTS = st.integers(0, LARGEST)
BODIES = st.text(min_size=1, max_size=40)
_USERS = NAMES.filter(lambda name: name != to_wire(Everyone()))
_MOST_ELEMENTS = 4  # longer arrays teach nothing more; the exact bounds have tests of their own
_MOST_TEXT = 64

PLAIN: Values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
"""Anything that frames can carry."""

TOO_LONG: Values = (
    st.builds(str.__mul__, st.sampled_from("aé€😀"), st.sampled_from([33, 129, 1025, 1 << 14, (1 << 16) + 1]))
    | st.builds(lambda each, count: [each] * count, PLAIN, st.sampled_from([65, 257, 1001, 1025]))
    | st.sampled_from([17, 33, 65, 4096]).map(bytes)
    | st.integers(1 << 63, (1 << 64) - 1)
)
"""Longer than some field, array or number may be."""

_recipients = st.lists(_USERS, min_size=1, max_size=4) | st.just([to_wire(Everyone())])
EXTRAS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8) | IDS | COUNTS, max_size=3)
"""Of rows that a broker sends: what a client does not know, it leaves out."""

_digests = st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE)
_facts = st.tuples(IDS, BODIES, COUNTS, _digests).map(list)
_ROWS: dict[Any, Values] = {
    boolean: st.booleans(),
    conversation: NAMES,
    existing_name: NAMES,
    name_or_none: NAMES | st.just(""),
    username: NAMES,
    fresh_name: NAMES.filter(lambda name: name not in RESERVED_NAMES),
    outgoing: st.tuples(IDS, _recipients, BODIES | st.binary(min_size=1, max_size=40), st.just({})).map(list),
    inbox_item: st.sampled_from(Kind).flatmap(
        lambda kind: st.tuples(
            st.integers(1, LARGEST),
            st.sampled_from(Direction).map(int),
            IDS,
            st.just(int(kind)),
            NAMES,
            st.lists(NAMES, min_size=1, max_size=3),
            st.integers(0, LATEST),
            BODIES,
            st.none() | IDS,
            _facts if kind is Kind.FILE else st.none(),
            EXTRAS,
        ).map(list)
    ),
    file_facts: _facts,
}


def thorough(examples: int, many: int) -> settings:
    """`examples` in the everyday suite, `many` under `--hypothesis-profile=ci`."""
    thoroughly = settings.get_current_profile_name() == "ci"
    return settings(max_examples=many if thoroughly else examples, stateful_step_count=50, deadline=None)


def valid(check: Check) -> Values:  # noqa: C901, PLR0912 - a case for each kind of check
    """Wire values that `check` accepts, read off the check itself."""
    if check in _ROWS:
        return _ROWS[check]
    rule, limits = check.__qualname__.split(".")[0], getclosurevars(check).nonlocals
    if rule in {
        "together",
        "named_row",
    }:  # what is made here has far fewer elements than are allowed together
        return valid(limits["inner"])
    match rule:
        case "text":
            return st.text(
                st.characters(codec="utf-8"),
                min_size=limits["min_bytes"],
                max_size=min(_MOST_TEXT, limits["max_bytes"] // 4),
            )
        case "compared":
            return valid(limits["after"]).map(normal)
        case "integer":
            return st.integers(limits["low"], limits["high"])
        case "word":
            return st.sampled_from(limits["allowed"])
        case "blob":
            return st.binary(min_size=limits["size"], max_size=limits["size"])
        case "optional":
            return st.none() | valid(limits["inner"])
        case "many":
            return st.lists(valid(limits["inner"]), min_size=limits["minimum"], max_size=_MOST_ELEMENTS)
        case "_ack":
            return st.tuples(IDS, IDS, st.integers(1, LARGEST), COUNTS).map(list)
        case "_recipients":
            return st.lists(_USERS, min_size=1, max_size=4)
        case "_file_name":
            return st.text(
                st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=_MOST_TEXT // 2
            ).map(normal)
        case "row":
            return st.tuples(*map(valid, limits["inner"])).map(list)
        case _:
            raise AssertionError(f"no strategy for the check '{check.__qualname__}'")


def valid_map(record: type[Any]) -> SearchStrategy[dict[str, Any]]:
    """The maps that `build` turns into `record`."""
    places = {each.name: valid(each.check) for each in fields(record)}
    optional = {each.name: places.pop(each.name) for each in fields(record) if not each.required}
    maps = st.fixed_dictionaries(places, optional=optional)
    if record is not Attached:
        return maps
    return maps.map(lambda each: {**each, "expiry": max(each["expiry"], each["heartbeat"] + 1)})


@st.composite
def spoiled_map(draw: st.DrawFn, record: type[Any]) -> Any:
    """A map for `record` with one thing wrong with it, as far as chance allows."""
    values: dict[Any, Any] = dict(draw(valid_map(record)))
    keys = sorted(each.name for each in fields(record))
    ways = ["unknown key", "not a map"] + ["missing", "wrong type", "too long", "inside"] * bool(keys)
    way = draw(st.sampled_from(ways))
    match way:
        case "not a map":
            return draw(PLAIN)
        case "unknown key":
            values[draw(st.text(max_size=40) | st.binary(max_size=40))] = draw(PLAIN)
        case "missing":
            values.pop(draw(st.sampled_from(keys)), None)
        case "wrong type":
            values[draw(st.sampled_from(keys))] = draw(PLAIN)
        case "too long":
            values[draw(st.sampled_from(keys))] = draw(TOO_LONG)
        case "inside":
            key = draw(st.sampled_from(keys))
            values[key] = draw(_spoiled_inside(values.get(key)))
    return values


@st.composite
def _spoiled_inside(draw: st.DrawFn, value: Any) -> Any:
    """One element of an array replaced, at any depth."""
    if not isinstance(value, list) or not value or draw(st.integers(0, 9)) == 0:
        return draw(PLAIN | TOO_LONG)
    place = draw(st.integers(0, len(value) - 1))
    return [*value[:place], draw(_spoiled_inside(value[place])), *value[place + 1 :]]


def raw_frame(value: Any) -> bytes:
    """Msgpack without our own checks: lone surrogates U+DC80 to U+DCFF become the raw bytes 80 to FF."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape")
    return packed
