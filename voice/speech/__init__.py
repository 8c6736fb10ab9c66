"""Speech in and out: each model in a one-thread process of its own, away from the loop that moves the media."""
