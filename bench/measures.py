"""All measures of `make bench`, in the order in which they take turns."""

import sys

from bench import chat, cold_start, deliveries, file_rates, latency, logins, messages
from bench.figures import Measure

_LINUX = (deliveries.USERS_MEASURE, deliveries.BROADCAST_MEASURE) if sys.platform == "linux" else ()
"""They ask /proc, and wait with epoll."""

MEASURES: tuple[Measure, ...] = (
    messages.MEASURE,
    *_LINUX,
    latency.MEASURE,
    logins.MEASURE,
    cold_start.MEASURE,
    file_rates.MEASURE,
    chat.MEASURE,
)
