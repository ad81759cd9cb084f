"""`python -m cnmessage_client` is `cnmessage`."""

from cnmessage_client.cli.main import main

if __name__ == "__main__":
    main()
