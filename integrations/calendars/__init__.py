"""Calendars elsewhere, behind one port."""
