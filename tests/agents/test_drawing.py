"""The graph as Mermaid and as a picture, without a network."""

from io import BytesIO

from PIL import Image

from agents import drawing
from agents.base import AgentName
from agents.drawing import Arrow, layers


def test_mermaid_names_every_agent_of_a_turn() -> None:
    text = drawing.mermaid()
    for agent in set(AgentName) - {AgentName.ANALYTICS}:
        assert f"supervise -.-> {agent};" in text
        assert f"\t{agent} -" in text


def test_steps_stand_below_all_that_leads_to_them() -> None:
    arrows = [Arrow("a", "b", False), Arrow("b", "c", True), Arrow("a", "c", False), Arrow("c", "d", False)]
    assert layers(["d", "c", "b", "a", "x"], arrows) == [["a", "x"], ["b"], ["c"], ["d"]]


def test_the_picture() -> None:
    image = Image.open(BytesIO(drawing.png()))
    assert image.format == "PNG"
    assert image.width > 1000
    colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert {(255, 255, 255), (0xF2, 0xF0, 0xFF), (0xD5, 0xCD, 0xFF)} <= colours
