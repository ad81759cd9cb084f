"""The machines of the chat. They know no terminal, no client and no clock."""
