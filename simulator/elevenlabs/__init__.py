"""A speech provider that speaks ElevenLabs' public protocol for text to speech.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/stream (HTTP), .../stream-input and
.../multi-stream-input (websocket), and https://elevenlabs.io/docs/eleven-api/resources/errors.
"""
