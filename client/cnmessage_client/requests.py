"""Questions to the broker and who waits for their answers. Called by client.py; no verb is special to it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from cnmessage_client.connection import Connection, unreachable
from cnmessage_client.profile import Address, Profile
from cnmessage_protocol.effects import Answer
from cnmessage_protocol.errors import CnMessageError, ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.messages import History, Request, parse_request, request_arguments
from cnmessage_protocol.records import InboxItem
from cnmessage_protocol.results import MAX_MESSAGES, Page
from cnmessage_protocol.session import Session

Result = TypeVar("Result")


class Requests:
    """Asks through a session; every question has a deadline of `timeout` seconds."""

    def __init__(
        self,
        profile: Profile,
        address: Address,
        session: Session,
        connection: Connection,
        timeout: float,
    ) -> None:
        self._profile = profile
        self._session = session
        self._connection = connection
        self._address = address
        self._timeout = timeout
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, request: Request) -> Any:
        """The checked answer; raises a refusal or UNREACHABLE. What the broker would refuse is not sent."""
        checked(lambda: parse_request(request.VERB, _as_decoded(request)))
        request_id, effects = self._session.request(self._connection.now(), request)
        waiting = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            self._connection.perform(effects)
            return await asyncio.wait_for(waiting, self._timeout)
        except TimeoutError:
            raise unreachable(self._address) from None
        finally:
            del self._waiting[request_id]
            self._session.forget(request_id)

    async def history(self, limit: int, wanted: History) -> list[InboxItem]:
        """The latest `limit` items that match, page by page until there are enough or no more."""
        found: list[InboxItem] = []
        before = wanted.before
        while len(found) < limit:
            count = min(limit - len(found), MAX_MESSAGES)
            page: Page = await self.ask(replace(wanted, limit=count, before=before))
            found = [*page.items, *found]
            if not page.more or page.before <= 1:
                break
            before = page.before
        return found

    def answered(self, answer: Answer) -> None:
        """An answer came."""
        waiting = self._waiting.get(answer.request_id)
        if waiting is None or waiting.done():
            return
        if answer.error is not None:
            waiting.set_exception(self._profile.explained(answer.error, self._address))
        else:
            waiting.set_result(answer.result)

    def fail(self, error: CnMessageError) -> None:
        """Nothing will be answered any more."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)


def checked(build: Callable[[], Result]) -> Result:
    """Build something from a caller's values; what the protocol forbids becomes a clear error."""
    try:
        return build()
    except ProtocolError as error:
        raise RequestError(error.code, error.message) from error
    except ValueError as error:
        raise RequestError(ErrorCode.BAD_REQUEST, str(error)) from error


def _as_decoded(request: Request) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in request_arguments(request).items()
    }
