"""Where and in which order a person's packets are heard."""

import pytest

from voice.media.arrival import Arrivals, InboundClock


class TestInboundClock:
    def test_packets_are_placed_by_their_own_time(self) -> None:
        clock = InboundClock()
        assert clock.place(0, 160, 10.02) == pytest.approx(10.0)
        assert clock.place(20, 160, 10.09) == pytest.approx(10.02)  # late, and placed where it belongs
        assert clock.place(80, 160, 10.10) == pytest.approx(10.08)  # two were lost

    def test_the_least_delayed_packet_sets_the_time(self) -> None:
        clock = InboundClock()
        clock.place(0, 160, 10.52)
        assert clock.place(500, 160, 10.53) == pytest.approx(10.51)
        assert clock.place(520, 160, 10.60) == pytest.approx(10.53)

    def test_without_timestamps_they_follow_each_other(self) -> None:
        clock = InboundClock()
        assert [clock.place(None, 160, 10.02 + wait) for wait in (0, 0.05, 0.06)] == pytest.approx(
            [10.0, 10.02, 10.04]
        )

    @pytest.mark.parametrize("stamp", [10**9, -(10**9)])
    def test_a_nonsense_timestamp_is_placed_by_its_arrival(self, stamp: int) -> None:
        clock = InboundClock()
        clock.place(0, 160, 10.02)
        at = clock.place(stamp, 160, 10.04)
        assert abs(at - 10.02) <= 2.01


PACKET = bytes(320)


class TestArrivals:
    """Packets of 20 ms are told apart by their first byte."""

    def push(self, arrivals: Arrivals, *stamps: int | None, now: float = 10.02) -> list[int]:
        found: list[int] = []
        for number, stamp in enumerate(stamps):
            pcm = bytes([number]) + PACKET[1:]
            found += [piece[0] for piece, _ in arrivals.push(stamp, pcm, now + number * 0.02)]
        return found

    @pytest.mark.parametrize(
        ("stamps", "heard"),
        [
            ([0, 20, 40, 60], [0, 1, 2, 3]),
            ([80, 101, 119, 140], [0, 1, 2, 3]),  # a carrier may round
            ([0, 20, 20, 40], [0, 1, 3]),  # twice
            ([0, 40, 20, 60], [0, 2, 1, 3]),  # out of order
            ([0, 60, 40, 20, 80], [0, 3, 2, 1, 4]),
            ([0, 40, 40, 20], [0, 3, 1]),  # twice, and early
            ([0, 40, 60], [0]),  # one is missing, and may yet come
            ([0, 40, 60, 80], [0, 1, 2, 3]),  # it is given up
            ([0, 40, 60, 80, 20, 100], [0, 1, 2, 3, 5]),  # and left out when it comes late
            ([0, 40, 100, 120, 140], [0, 1, 2, 3, 4]),  # two gaps
            ([None, None, None], [0, 1, 2]),
            ([0, 10**9, 20], [0, 1, 2]),
            ([0, -(10**9), 20], [0, 1, 2]),
            ([10**9, 0, 20, 40, 20], [0, 1, 2, 3]),  # the first was wrong: they count anew
        ],
    )
    def test_each_is_heard_once_in_order(self, stamps: list[int | None], heard: list[int]) -> None:
        assert self.push(Arrivals(), *stamps) == heard

    def test_what_waits_at_the_end_is_heard(self) -> None:
        arrivals = Arrivals()
        assert self.push(arrivals, 0) == [0]
        assert self.push(arrivals, 60, 40, now=10.08) == []
        rest = list(arrivals.rest())
        assert [piece[0] for piece, _ in rest] == [1, 0]
        assert [at for _, at in rest] == pytest.approx([10.04, 10.06])
        assert list(arrivals.rest()) == []

    def test_they_are_placed_where_they_belong(self) -> None:
        arrivals = Arrivals()
        moments = [at for stamp in (0, 40, 20) for _, at in arrivals.push(stamp, PACKET, 10.02 + stamp / 1000)]
        assert moments == pytest.approx([10.0, 10.02, 10.04])
