"""Every way a request can fail, and what each means to a program and to a shell.

One enumeration for both sides: the codes above the line travel on the wire, those below it are born in
a client. `EXIT_STATUS` is the only place where a code becomes an exit status.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ErrorCode(StrEnum):
    """The reason of a refusal; the value is the text on the wire and in JSON output."""

    BAD_REQUEST = "bad_request"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_VERB = "unknown_verb"
    TOO_LARGE = "too_large"
    UNAUTHENTICATED = "unauthenticated"
    BAD_CREDENTIALS = "bad_credentials"
    NAME_TAKEN = "name_taken"
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_DEVICE = "no_such_device"
    NO_SUCH_MESSAGE = "no_such_message"
    NO_SUCH_FILE = "no_such_file"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    QUOTA = "quota"
    NOT_ATTACHED = "not_attached"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    SHUTDOWN = "shutdown"
    STORAGE = "storage"
    INTEGRITY = "integrity"
    INTERNAL = "internal"

    # Never on the wire: what only a client can know.
    USAGE = "usage"
    UNREACHABLE = "unreachable"
    BROKER_KEY_CHANGED = "broker_key_changed"
    PARTIAL = "partial"
    EXISTS = "exists"
    UNREADABLE = "unreadable"
    NOT_DELIVERED = "not_delivered"
    INTERRUPTED = "interrupted"


RETRYABLE = frozenset(
    {ErrorCode.BUSY, ErrorCode.SHUTDOWN, ErrorCode.STORAGE, ErrorCode.RATE_LIMITED, ErrorCode.UNREACHABLE},
)
"""Codes after which the same request may succeed later, unchanged."""

EXIT_STATUS: Mapping[ErrorCode, int] = MappingProxyType(
    {
        ErrorCode.BAD_REQUEST: 2,
        ErrorCode.UNSUPPORTED_VERSION: 1,
        ErrorCode.UNKNOWN_VERB: 1,
        ErrorCode.TOO_LARGE: 7,
        ErrorCode.UNAUTHENTICATED: 4,
        ErrorCode.BAD_CREDENTIALS: 4,
        ErrorCode.NAME_TAKEN: 6,
        ErrorCode.NO_SUCH_USER: 5,
        ErrorCode.NO_SUCH_DEVICE: 5,
        ErrorCode.NO_SUCH_MESSAGE: 5,
        ErrorCode.NO_SUCH_FILE: 5,
        ErrorCode.EXPIRED: 5,
        ErrorCode.WITHDRAWN: 6,
        ErrorCode.QUOTA: 7,
        ErrorCode.NOT_ATTACHED: 1,
        ErrorCode.CONFLICT: 6,
        ErrorCode.RATE_LIMITED: 7,
        ErrorCode.BUSY: 6,
        ErrorCode.SHUTDOWN: 3,
        ErrorCode.STORAGE: 6,
        ErrorCode.INTERNAL: 1,
        ErrorCode.USAGE: 2,
        ErrorCode.UNREACHABLE: 3,
        ErrorCode.BROKER_KEY_CHANGED: 4,
        ErrorCode.PARTIAL: 8,
        ErrorCode.INTEGRITY: 9,
        ErrorCode.EXISTS: 6,
        ErrorCode.UNREADABLE: 6,
        ErrorCode.NOT_DELIVERED: 10,
        ErrorCode.INTERRUPTED: 130,
    },
)
"""Exit status of the command line for each code."""


class CnMessageError(Exception):
    """Root of every error this project raises on purpose.

    `code` says which kind, `message` tells a person what happened and what to do next.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later, unchanged."""
        return self.code in RETRYABLE

    @property
    def exit_status(self) -> int:
        """The command line's exit status for this error."""
        return EXIT_STATUS[self.code]


_TOLD = MappingProxyType(
    {str(code): code for code in tuple(ErrorCode)[: tuple(ErrorCode).index(ErrorCode.USAGE)]}
)


def known_code(word: str) -> ErrorCode:
    """The code that the other side named; one it cannot know, or that is new here, counts as internal."""
    return _TOLD.get(word, ErrorCode.INTERNAL)


class ProtocolError(CnMessageError):
    """The other side sent something this protocol does not allow."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.BAD_REQUEST, request_id: int = 0) -> None:
        super().__init__(code, message)
        self.request_id = request_id


class RequestError(CnMessageError):
    """A well-formed request was refused."""


class BrokenAnswerError(RequestError):
    """A broker's answer that the protocol does not allow. What became of the request is not known."""

    def __init__(self, what: str) -> None:
        super().__init__(
            ErrorCode.INTERNAL,
            f"the broker's answer is not what the protocol allows: {what}; tell whoever runs the broker",
        )


class NoProgressError(RequestError):
    """A broker's answers follow the protocol one by one, and lead nowhere."""

    def __init__(self, what: str) -> None:
        super().__init__(
            ErrorCode.INTERNAL, f"the broker's answers make no progress: {what}; tell whoever runs the broker"
        )


def broken(error: ProtocolError) -> RequestError:
    """What is wrong with an answer, as whoever asked is told. Another protocol version has its own words."""
    if error.code is ErrorCode.UNSUPPORTED_VERSION:
        return RequestError(error.code, error.message)
    return BrokenAnswerError(error.message)
