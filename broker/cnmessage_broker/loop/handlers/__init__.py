"""What each verb does: a request and its caller in, effects out."""
