"""What a command stands on, here and in the chat: settings, host, words out, words in."""
