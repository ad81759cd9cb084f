"""The file channel: its messages and the machines of a transfer."""
