"""Pure vocabulary of a phone call. Imports neither Pipecat nor a carrier's library."""
