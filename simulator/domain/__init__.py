"""What a phone company and its people are, without a socket, a clock or a model."""
