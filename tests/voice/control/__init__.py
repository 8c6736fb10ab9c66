"""Operators on a call under way."""
