"""Prices as pure arithmetic."""
