"""What happens to a lead: leads, campaigns, consent, calls, dialing, outcomes."""
