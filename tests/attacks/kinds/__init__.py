"""Every attack there is, in the order of the report.

A new one is a function of a `Ground`, and an `Attack` in its module's list.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tests.attacks.ground import Attack
from tests.attacks.kinds import (
    connections,
    deaf,
    descriptors,
    endless,
    identities,
    leaving,
    listeners,
    logins,
    takeover,
    verbs,
    wide,
)

ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        attack.name: attack
        for module in (
            takeover,
            identities,
            connections,
            leaving,
            wide,
            verbs,
            deaf,
            descriptors,
            listeners,
            endless,
            logins,
        )
        for attack in module.ATTACKS
    }
)
