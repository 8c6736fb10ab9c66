"""Money for calls: what may be spent, what is held, what was spent and on what."""
