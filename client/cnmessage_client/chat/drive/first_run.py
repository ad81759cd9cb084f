"""The first run: from nothing to a user who is logged in, by a few questions.

The same whether the answers are typed or piped: a wrong one is said and asked for again, three times in all.
Asks and tells through what it is given; knows no screen.
"""

from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import Protocol, TypeVar

from cnmessage_client.address import DEFAULT_BROKER, parse_address
from cnmessage_client.chat.drive.client import ChatClient
from cnmessage_client.client import Client
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import new_user_name, user_name
from cnmessage_protocol.requests import MIN_PASSWORD

Answer = TypeVar("Answer")

TRIES = 3
"""How often a question may be answered wrongly."""

_YES = {"y", "yes"}
_NO = {"", "n", "no"}


class Person(Protocol):
    """Whoever sits at the screen, or has piped the answers."""

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        """A line in answer; raises click.Abort when there is none."""

    def questions_over(self) -> None:
        """Nothing more is asked: what was typed ahead is no answer."""

    def note(self, text: str) -> None:
        """Tell."""

    def warned(self, text: str) -> None:
        """Tell what went wrong."""


async def connect(living: ChatClient, person: Person) -> Client:
    """A client; for a broker that is new here, the person is asked whether its key is the right one."""
    try:
        return await living.get()
    except CnMessageError:
        if living.untrusted is None or living.untrusted in living.trusted:
            raise
        place, fingerprint = living.untrusted
        person.note(f"The broker {place} is new here. Its key has the fingerprint\n  {fingerprint}")
        if not await _yes(person, "Is that what its operator told you?"):
            raise
    living.trusted.add((place, fingerprint))
    return await living.get()


async def first_run(living: ChatClient, person: Person, *, broker_given: bool) -> None:
    """Ask for broker, name and password, and sign up or log in.

    Raises what went wrong the last time, when all went wrong. A broker that was told (`broker_given`) is not
    asked for, unless it cannot be used.
    """
    person.note("Nobody is logged in here yet: a few questions, Ctrl-C leaves.")
    ask_broker = not broker_given
    # Not what was typed last: that is asked for again only because it did not work.
    default = living.profile.broker or DEFAULT_BROKER

    async def attempt() -> None:
        nonlocal ask_broker
        if ask_broker:
            await _choose_broker(living, person, default)
        ask_broker = True
        await connect(living, person)
        await _enter(living, person)

    await _again(attempt, person, _worth_another_broker)


async def _choose_broker(living: ChatClient, person: Person, default: str) -> None:

    async def attempt() -> str:
        text = (await person.ask(f"Broker [{default}]: ")).strip() or default
        parse_address(text)
        return text

    chosen = await _again(attempt, person, lambda error: error.code is ErrorCode.USAGE)
    await living.close()
    living.use(chosen)


async def _enter(living: ChatClient, person: Person) -> None:
    new = False

    async def attempt() -> None:
        nonlocal new
        name = await _again(lambda: _name(person), person, lambda error: error.code is ErrorCode.USAGE)
        new = await _yes(person, "New here?")
        if new:
            try:
                new_user_name(name)
            except ValueError as error:
                raise CnMessageError(ErrorCode.NAME_TAKEN, str(error)) from error
            await _sign_up(living, person, name)
        else:
            questions = chain(["Password: "], repeat("Password (nothing: another name): "))
            await _again(lambda: _log_in(living, person, name, next(questions)), person, _wrong_password)

    await _again(attempt, person, lambda error: error.code in {ErrorCode.NAME_TAKEN, ErrorCode.NO_SUCH_USER})
    user = living.profile.user
    person.questions_over()
    person.note(
        f"Welcome{'' if new else ' back'}, {user}. 'to NAME' begins a conversation, 'help' lists the rest."
    )


async def _name(person: Person) -> str:
    try:
        return user_name((await person.ask("User name: ")).strip())
    except ValueError as error:
        raise CnMessageError(ErrorCode.USAGE, str(error)) from error


async def _sign_up(living: ChatClient, person: Person, name: str) -> None:
    async def attempt() -> str:
        password = await person.ask(f"Password, at least {MIN_PASSWORD} characters: ", hidden=True)
        if len(password.encode()) < MIN_PASSWORD:
            raise CnMessageError(ErrorCode.USAGE, f"a password has at least {MIN_PASSWORD} characters")
        if password != await person.ask("The same again: ", hidden=True):
            raise CnMessageError(ErrorCode.USAGE, "these were two different passwords")
        return password

    password = await _again(attempt, person, lambda error: error.code is ErrorCode.USAGE)
    await _account(living, lambda client: client.signup(name, password))


async def _log_in(living: ChatClient, person: Person, name: str, question: str) -> None:
    password = await person.ask(question, hidden=True)
    if not password:
        raise CnMessageError(ErrorCode.NO_SUCH_USER, f"not {name}, then")
    await _account(living, lambda client: client.login(name, password))


async def _account(living: ChatClient, job: Callable[[Client], Awaitable[str]]) -> None:
    await living.do(job, timeout=living.settings.timeout, account=True)


async def _yes(person: Person, question: str) -> bool:
    """A yes or a no; nothing is a no. A usage error when it is neither, however often it is asked."""
    for left in reversed(range(TRIES)):
        answer = (await person.ask(f"{question} [y/N]: ")).strip().lower()
        if answer in _YES | _NO:
            return answer in _YES
        if left:
            person.warned("answer y for yes or n for no")
    text = f"'{question}' was answered {TRIES} times with neither y nor n, so nothing was done; begin again"
    raise CnMessageError(ErrorCode.USAGE, text)


async def _again(
    attempt: Callable[[], Awaitable[Answer]], person: Person, worth: Callable[[CnMessageError], bool]
) -> Answer:
    """Try up to TRIES times, telling what went wrong, as long as another answer is `worth` it."""
    for _ in range(TRIES - 1):
        try:
            return await attempt()
        except CnMessageError as error:
            if not worth(error):
                raise
            person.warned(error.message)
    return await attempt()


def _wrong_password(error: CnMessageError) -> bool:
    return error.code is ErrorCode.BAD_CREDENTIALS


def _worth_another_broker(error: CnMessageError) -> bool:
    return error.code in {ErrorCode.UNREACHABLE, ErrorCode.BROKER_KEY_CHANGED}
