"""All measures of `make bench`, in the order in which they take turns."""

import sys

from bench import chat, cold_start, deliveries, file_rates, latency, logins, messages, stages
from bench.figures import Measure

_OF_LINUX = (stages.MEASURE, deliveries.USERS_MEASURE, deliveries.BROADCAST_MEASURE)
"""They ask /proc, and wait with epoll."""

MEASURES: tuple[Measure, ...] = (
    messages.MEASURE,
    *(_OF_LINUX if sys.platform == "linux" else ()),
    latency.MEASURE,
    logins.MEASURE,
    cold_start.MEASURE,
    file_rates.MEASURE,
    chat.MEASURE,
)
