"""The `cnmessage` command line."""
