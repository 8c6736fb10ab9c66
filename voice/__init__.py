"""How it sounds: the Pipecat pipeline, speech in and out, the carriers and the phone lines. No ORM."""
