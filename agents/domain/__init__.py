"""Pure vocabulary of a conversation. Imports neither LangGraph nor any model; time comes in as an argument."""
