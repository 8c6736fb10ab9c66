"""What a webhook is, as pure functions."""
