"""What to say: the conversation with a lead as a LangGraph of small agents. No ORM, no audio, no carrier."""
