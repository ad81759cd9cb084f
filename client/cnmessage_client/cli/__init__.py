"""The `cnmessage` program: its commands, and how each can end."""
