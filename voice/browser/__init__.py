"""Talking with a campaign's agent from a browser, over WebRTC instead of a telephone (docs/test-call.md)."""
