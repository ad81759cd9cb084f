"""Strict validation of decoded values, declared beside each field of a record.

A record is a frozen Struct whose fields carry a check: `name: Annotated[str, text(64)]`; one with a default
is optional on the wire. Checks take the field's name and a plain value and return the value to keep or raise
ProtocolError.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import NODEFAULT, Struct

from cnmessage_protocol.conversation import Conversation, from_wire
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import NAME_PATTERN, new_user_name, normal, user_name

Check = Callable[[str, Any], Any]
Record = TypeVar("Record", bound=Struct)
Named = TypeVar("Named")

UINT63 = (1 << 63) - 1

LARGEST = (1 << 53) - 1
"""Largest number, size or seq that a broker may tell: every language, JSON's among them, has it exactly."""

LATEST = 253_402_214_399_999
"""Latest time that a broker may tell, in ms since 1970: a day before the year 10000, which calendars do not
have, so that every time zone can show it."""

EARLIEST = -62_135_510_400_000
"""Earliest time that a file can have been written, in the same ms: a day after the year 1 began."""


class Field(NamedTuple):
    """A field of a record; `default` is NODEFAULT where it must be there."""

    name: str
    type: Any
    check: Check
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be on the wire."""
        return self.default is NODEFAULT


_fields_of: dict[type[Struct], tuple[Field, ...]] = {}


def fields(record: type[Struct]) -> tuple[Field, ...]:
    """The fields of a record, in their order."""
    if (known := _fields_of.get(record)) is not None:
        return known
    names = record.__struct_fields__
    declared = [record.__annotations__[name] for name in names]
    defaults = (NODEFAULT,) * (len(names) - len(record.__struct_defaults__)) + record.__struct_defaults__
    found = _fields_of[record] = tuple(
        [
            Field(name, each.__origin__, each.__metadata__[0], default)
            for name, each, default in zip(names, declared, defaults, strict=True)
        ]
    )
    return found


def text(max_bytes: int, *, min_bytes: int = 0) -> Check:
    """UTF-8 text of `min_bytes` to `max_bytes` bytes."""

    def check(name: str, value: Any) -> str:
        if type(value) is not str:
            raise ProtocolError(f"'{name}' must be text")
        try:
            size = len(value) if value.isascii() else len(value.encode())
        except UnicodeEncodeError as error:
            raise ProtocolError(f"'{name}' is not valid Unicode; convert it to UTF-8 first") from error
        if size > max_bytes:
            raise ProtocolError(f"'{name}' has {size} bytes; the limit is {max_bytes}", ErrorCode.TOO_LARGE)
        if size < min_bytes:
            raise ProtocolError(f"'{name}' must have at least {min_bytes} bytes")
        return value

    return check


def compared(max_bytes: int, *, min_bytes: int = 0) -> Check:
    """Text that is compared, not shown: kept in its normal form, which has so many bytes."""
    before, after = text(4 * max_bytes), text(max_bytes, min_bytes=min_bytes)

    def check(name: str, value: Any) -> str:
        kept: str = after(name, normal(before(name, value)))
        return kept

    return check


def integer(low: int = 0, high: int = UINT63) -> Check:
    """A whole number from `low` to `high`; a bool is not one."""

    def check(name: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError(f"'{name}' must be a whole number from {low} to {high}")
        return value

    return check


count = integer(0, LARGEST)
"""A number that a broker tells."""

moment = integer(0, LATEST)
"""A time that a broker tells."""


def word(*allowed: str) -> Check:
    """One of a few words."""

    def check(name: str, value: Any) -> str:
        if type(value) is not str or value not in allowed:
            raise ProtocolError(f"'{name}' must be one of: {', '.join(allowed)}")
        return value

    return check


def boolean(name: str, value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise ProtocolError(f"'{name}' must be true or false")
    return value


def blob(size: int) -> Check:
    """Exactly `size` bytes."""

    def check(name: str, value: Any) -> bytes:
        if type(value) is not bytes or len(value) != size:
            raise ProtocolError(f"'{name}' must be {size} bytes")
        return value

    return check


def optional(inner: Check) -> Check:
    """Nil or what `inner` takes."""

    def check(name: str, value: Any) -> Any:
        return None if value is None else inner(name, value)

    return check


def many(inner: Check, maximum: int, *, minimum: int = 0) -> Check:
    """An array of `minimum` to `maximum` elements, kept as a tuple."""

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if type(value) is not list or not minimum <= len(value) <= maximum:
            raise ProtocolError(f"'{name}' must be an array of {minimum} to {maximum} elements")
        try:
            return tuple([inner(name, element) for element in value])
        except ProtocolError:  # which one is wrong is found out only now: it costs the good ones nothing
            return tuple([inner(f"{name}[{place}]", element) for place, element in enumerate(value)])

    return check


def together(inner: Check, place: int, maximum: int) -> Check:
    """An array of rows with arrays at `place`, which together have at most `maximum` elements.

    That is seen before anything of them is checked: it costs little, and they may cost much.
    """

    def length(element: Any) -> int:
        found = element[place] if type(element) is list and len(element) > place else None
        return len(found) if type(found) is list else 0

    def check(name: str, value: Any) -> Any:
        if type(value) is list and sum(map(length, value)) > maximum:
            text = f"'{name}' has rows with more than {maximum} names in all; send them in parts"
            raise ProtocolError(text, ErrorCode.TOO_LARGE)
        return inner(name, value)

    return check


def row(*inner: Check) -> Check:
    """An array of fixed length whose places have checks of their own, kept as a tuple."""

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(inner):
            raise ProtocolError(f"'{name}' must be an array of {len(inner)} elements")
        try:
            return tuple([one(name, element) for one, element in zip(inner, value, strict=True)])
        except ProtocolError:
            places = zip(inner, enumerate(value), strict=True)
            return tuple([one(f"{name}[{place}]", element) for one, (place, element) in places])

    return check


def named_row(kind: type[Any], **checks: Check) -> Check:
    """As `row`, kept as this kind of named tuple: it alone says in which order the places stand."""
    inner = row(*(checks[field] for field in kind._fields))

    def check(name: str, value: Any) -> Any:
        return kind._make(inner(name, value))

    return check


def username(name: str, value: Any) -> str:
    """A user's name as a broker writes it. Clients name files after it, so nothing else will do."""
    if type(value) is not str or NAME_PATTERN.match(value) is None:
        raise ProtocolError(f"'{name}' must be a user's name")
    return value


def existing_name(name: str, value: Any) -> str:
    """A user name; case does not matter."""
    return _named(name, value, user_name)


def name_or_none(name: str, value: Any) -> str:
    """A user name, or an empty text for a place before all names."""
    return "" if value == "" else existing_name(name, value)


def fresh_name(name: str, value: Any) -> str:
    """A user name that may be taken: not reserved."""
    return _named(name, value, new_user_name)


def conversation(name: str, value: Any) -> Conversation:
    """A user name, or the word for everyone; case does not matter."""
    return _named(name, value, from_wire)


def _named(name: str, value: Any, rule: Callable[[str], Named]) -> Named:
    if type(value) is not str:
        raise ProtocolError(f"'{name}' must be text")
    try:
        return rule(value)
    except ValueError as error:
        raise ProtocolError(f"'{name}': {error}") from error


def build(record: type[Record], values: Any, *, lenient: bool = False) -> Record:
    """Make `record` from a decoded map: every field checked, none missing.

    An unknown key is refused, or ignored when `lenient`: so clients read what a later broker tells.
    """
    if type(values) is not dict:
        raise ProtocolError("the fields must be a map")
    arguments = {}
    for each in fields(record):
        if each.name in values:
            arguments[each.name] = each.check(each.name, values[each.name])
        elif each.required:
            raise ProtocolError(f"'{each.name}' is missing")
    if len(arguments) != len(values) and not lenient:
        unknown = sorted(str(key) for key in values.keys() - arguments.keys())
        raise ProtocolError(f"unknown key '{unknown[0][:64]}'")
    return record(**arguments)


def plain(record: Struct) -> Mapping[str, Any]:
    """The map that `build` reads back; fields at their default are left out."""
    return {
        each.name: value
        for each in fields(type(record))
        if (value := getattr(record, each.name)) is not each.default
    }
