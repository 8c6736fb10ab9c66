"""The media path of a call: what moves fifty times a second, outside of the conversation's frames."""
