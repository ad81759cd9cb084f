"""A client's calls about accounts, devices and people. Made part of Client by client.py."""

from cnmessage_client.caller import Caller
from cnmessage_client.link.courier import Courier
from cnmessage_client.link.requests import checked
from cnmessage_client.model import LoginSession, User, from_millis
from cnmessage_protocol import requests as verbs
from cnmessage_protocol.results import Identity, LoggedIn


class PeopleCalls(Caller):
    """Sign up and log in, see devices, list and block people."""

    _courier: Courier

    async def signup(self, name: str, password: str) -> str:
        """Make an account and log this profile in to it; gives the name as the broker keeps it."""
        return await self._log_in(checked(lambda: verbs.Signup(name.lower(), password, self.profile.label)))

    async def login(self, name: str, password: str) -> str:
        """Log this profile in; gives the name as the broker keeps it."""
        return await self._log_in(checked(lambda: verbs.Login(name.lower(), password, self.profile.label)))

    async def logout(self) -> None:
        """Log this profile out."""
        await self._ask(verbs.Logout())
        self.profile.remember(broker=self.address.place, user=None)

    async def passwd(self, old: str, new: str) -> int:
        """Change the password; gives how many other devices were logged out."""
        answer = await self._ask(checked(lambda: verbs.Passwd(old, new)))
        return int(answer.revoked)

    async def whoami(self) -> Identity:
        """Who this profile is logged in as, and how its inbox stands."""
        answer: Identity = await self._read(verbs.Whoami())
        return answer

    async def sessions(self) -> list[LoginSession]:
        """The devices that are logged in to this account."""
        answer = await self._read(verbs.Sessions())
        return [
            LoginSession(identity, label, from_millis(created), from_millis(seen), online, current)
            for identity, label, created, seen, online, current in answer.sessions
        ]

    async def revoke(self, session: int) -> None:
        """Log another device out."""
        await self._ask(verbs.Revoke(session))

    async def users(self) -> list[User]:
        """Everyone, in order of name."""
        self._connected()
        return [
            User(name, online, None if seen is None else from_millis(seen))
            for name, online, seen in await self._requests.users()
        ]

    async def block(self, name: str) -> None:
        """Let nothing of `name` into the inbox from now on."""
        await self._ask(verbs.Block(name.lower()))

    async def unblock(self, name: str) -> None:
        """Take `name` off the blocklist; what was kept out meanwhile stays out."""
        await self._ask(verbs.Unblock(name.lower()))

    async def blocked(self) -> list[str]:
        """Whom this user blocks."""
        answer = await self._read(verbs.Blocklist())
        return list(answer.names)

    async def _log_in(self, request: verbs.Signup | verbs.Login) -> str:
        answer: LoggedIn = await self._ask(request)
        self.profile.remember(broker=self.address.place, user=answer.user)
        self._courier.adopt(answer.user)
        return answer.user
