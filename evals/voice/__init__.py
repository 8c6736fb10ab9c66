"""The same people by voice: ``python -m evals.voice``.

``people`` puts the mind of each into the simulator's phone company, ``background`` is what else their microphone
picks up, ``studio`` has our lines at the other end and makes the calls, ``report`` says how it went. All of it is
real: the carrier's protocol, voice detection, turn taking, recognition, the agents, the voice, services and records.
"""
