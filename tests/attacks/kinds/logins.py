"""Passwords: bad logins at a steady rate, and signups as fast as they go."""

from itertools import count

from tests.attacks.ground import Account, Attack, Ground
from tests.attacks.peers import flood, links_of, pause
from tests.support.harness import PASSWORD
from tests.support.raw import Raw, frame, new_keys

_RATE = 500
_LINKS = 20


def _strangers() -> list[Account]:
    made = [new_keys() for _ in range(_LINKS)]
    return [Account("", keys.public.decode(), keys.secret.decode()) for keys in made]


def _bad_logins(ground: Ground) -> None:
    """500 a second, for names that exist and names that do not."""
    with Raw(ground.place.address) as raw:
        links = links_of(raw, _strangers())
        names = [account.name for account in ground.place.crowd]
        ground.ready()
        began = ground.now
        while ground.going():
            number = ground.tally.tried
            name = names[number % len(names)] if number % 2 else f"nobody-{number}"
            link = links[number % len(links)]
            link.throw(frame("login", {"name": name, "password": "wrong horse battery"}))
            link.drain(ground)
            ground.tally.tried += 1
            pause(ground, max(0.0, began + ground.tally.tried / _RATE - ground.now))


def _signups(ground: Ground) -> None:
    """New accounts, as fast as they are made."""
    numbers = count()
    stem = f"s{int(ground.now * 1000) % 10**9}"
    with Raw(ground.place.address) as raw:
        links = links_of(raw, _strangers())
        ground.ready()
        flood(
            ground,
            links,
            lambda: frame("signup", {"name": f"{stem}-{next(numbers)}", "password": PASSWORD}),
            depth=4,
        )


ATTACKS = (
    Attack("bad-logins", 10, "500 bad logins a second from 20 keys", _bad_logins),
    Attack("signups", 10, "signups as fast as they are taken, on 20 links", _signups),
)
