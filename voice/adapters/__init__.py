"""Carriers behind ``voice.ports.Dialer``."""
