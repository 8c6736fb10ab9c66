"""What to say: the conversation with a lead as a LangGraph of small agents. No ORM, no audio, no carrier."""

import os

# LangChain and LangGraph send what people say to LangSmith by themselves where one of these variables asks for it,
# and LANGCHAIN_TRACING breaks every reply. What is sent, and when, is said by the project's own settings alone.
os.environ["LANGSMITH_TRACING_V2"] = "false"
for _name in ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER"):
    os.environ.pop(_name, None)
