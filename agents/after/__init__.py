"""What is known once a call is over, from its transcript, its last state and its outcome. Pure: rules, no model."""
