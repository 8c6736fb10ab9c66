"""Machines that answer a phone told from people, and tones: those that are heard and those that are sent."""
