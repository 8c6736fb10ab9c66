"""What the rules understand of people's own sentences, without a model and without a voice."""
