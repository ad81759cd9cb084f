"""Machine: the password changes of the last minute, for those that are repeated after a lost answer.

Only the device that made a change may repeat it. Keeps hashes, never a password; what is older is not used,
so that an old password opens nothing later. Knows no account and no clock.
"""

from dataclasses import dataclass

REPEATABLE = 60.0
"""Seconds in which a change may be repeated."""

MOST = 1000
"""Changes that are remembered; of more, the latest."""


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The hashes before and after, how many devices it logged out, and when it was, on a monotonic clock."""

    was: str
    became: str
    revoked: int
    at: float


class PasswordChanges:
    """The latest change of each device, by its key."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._made: dict[str, PasswordChange] = {}

    def __len__(self) -> int:
        return len(self._made)

    def made(self, key: str, change: PasswordChange) -> None:
        """This device has changed its password."""
        self._made.pop(key, None)  # the latest stands last
        self._made[key] = change
        for each, earlier in list(self._made.items()):
            if len(self._made) <= self._most and change.at - earlier.at <= REPEATABLE:
                break
            del self._made[each]

    def repeatable(self, key: str, password: str, now: float) -> PasswordChange | None:
        """The change of this device that gave the account the hash that it has now, if it was just now."""
        change = self._made.get(key)
        if change is None or change.became != password or now - change.at > REPEATABLE:
            return None
        return change
