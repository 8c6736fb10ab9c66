"""Recordings at rest: how they are sealed, where they are kept, and what must not stay in them."""
