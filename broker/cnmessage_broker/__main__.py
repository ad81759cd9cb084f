"""`python -m cnmessage_broker` is `cnmessage-broker`."""

from cnmessage_broker.cli import main

if __name__ == "__main__":
    main(prog_name="cnmessage-broker")
