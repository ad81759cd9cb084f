"""The cnmessage broker: one process that keeps inboxes and rings doorbells."""
