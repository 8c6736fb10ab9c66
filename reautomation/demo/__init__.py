"""``make demo``: a campaign against twelve simulated people, with real speech over the carrier's real protocol."""
