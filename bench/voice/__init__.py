"""Answer latency, calls per process and cost per call, beside a stock Pipecat pipeline: ``make bench-voice``."""
