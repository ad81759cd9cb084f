"""Where the process of `cnmessage` begins: `python -m cnmessage_client` is the same.

All that a command needs is loaded here at once, and nothing of that is ever garbage: looking for some, again
and again, takes Python a sixth of the time.
"""

import gc


def main() -> None:
    """Load the program and run it."""
    gc.disable()
    from cnmessage_client.cli.main import main as run  # noqa: PLC0415 - it is what is to be loaded so

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
