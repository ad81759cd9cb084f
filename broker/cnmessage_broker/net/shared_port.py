"""Several listening sockets on one port: the kernel spreads those who connect over them.

Must not know what is said on the connections.
"""

import socket


def listening(host: str, port: int, count: int, backlog: int) -> list[socket.socket]:
    """So many of them, which do not block; `host` is an address in numbers.

    Raises OSError, as bind(2) and listen(2) do, also when another program has the port and would share it.
    """
    family, _, _, _, place = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            new = socket.socket(family, socket.SOCK_STREAM)
            made.append(new)
            new.setblocking(False)
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as libzmq binds
            # The first one is bound as if the port was not to be shared, and fails if anybody has it: another
            # broker of this user would let itself be joined, and then take half of those who connect.
            if len(made) > 1:
                new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            new.bind(place)
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            new.listen(backlog)
    except BaseException:
        for each in made:
            each.close()
        raise
    return made
