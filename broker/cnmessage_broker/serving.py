"""A broker in a process of its own: serves until a signal stops it, reads its settings again on SIGHUP.

Must not know where settings come from.
"""

from collections.abc import Callable

import structlog

from cnmessage_broker import signals
from cnmessage_broker.app import Broker
from cnmessage_broker.config import Config, ConfigError


def serve(
    broker: Broker,
    load: Callable[[], Config],
    announce: Callable[[], None],
    log: structlog.typing.FilteringBoundLogger,
) -> None:
    """Run the broker; `load` gives its settings as they are now, or raises ConfigError.

    It is announced once signals are minded: whoever waits for that may send one at once.
    """

    def read_again() -> None:
        try:
            taken, left = broker.take_over(load())
        except ConfigError as error:
            log.error("settings not read", reason=str(error))  # noqa: TRY400 - a person's mistake, not ours
        else:
            log.info("settings read again", changed=taken, needs_restart=left)

    def unused(name: str) -> None:
        broker.soon(lambda: log.info("signal ignored", signal=name))

    signals.listen(broker.stop, lambda: broker.soon(read_again), unused)
    announce()
    broker.run()
