"""In which order a worker looks at its queues."""

from kombu.utils.scheduling import cycle_by_name

from reautomation import settings


def test_calls_that_lost_their_line_go_first_and_the_others_take_turns() -> None:
    order = cycle_by_name(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["queue_order_strategy"]))()
    order.update(["calls.local", "calls.gpu", "calls.local.resume", "calls.gpu.resume"])
    assert list(order.consume(4)) == ["calls.local.resume", "calls.gpu.resume", "calls.local", "calls.gpu"]
    order.rotate("calls.local")
    assert list(order.consume(4)) == ["calls.local.resume", "calls.gpu.resume", "calls.gpu", "calls.local"]
    order.rotate("calls.local.resume")
    assert list(order.consume(4)) == ["calls.gpu.resume", "calls.local.resume", "calls.gpu", "calls.local"]
