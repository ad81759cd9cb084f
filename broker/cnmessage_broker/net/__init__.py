"""Who may connect, to which port, and how much a connection may hold: the only room that makes sockets."""
