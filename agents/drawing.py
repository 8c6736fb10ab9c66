"""The conversation's graph as a picture: Mermaid text, or a PNG with a small layout of its own.

LangGraph draws a PNG with Graphviz or by asking a server; this needs neither. The graph is a few layers deep, so
each step stands in the layer of its longest way from the start, and arrows go down.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from agents.graph import conversation_graph

_BOX_W, _BOX_H, _GAP_X, _GAP_Y, _MARGIN = 190, 52, 30, 64, 40
_SCALE = 2
_INK, _FILL, _ENDS = "#2b2b3a", "#f2f0ff", "#d5cdff"
_START, _END = "__start__", "__end__"
_DASH, _HEAD = 7, 9


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one step to another; ``chosen`` is one of several ways that the conversation may take."""

    source: str
    target: str
    chosen: bool


def mermaid() -> str:
    """The graph as Mermaid, which GitHub and many editors draw."""
    return conversation_graph().get_graph().draw_mermaid()


def png() -> bytes:
    """The graph as a PNG."""
    graph = conversation_graph().get_graph()
    arrows = [Arrow(edge.source, edge.target, edge.conditional) for edge in graph.edges]
    return _picture(layers(list(graph.nodes), arrows), arrows)


def layers(steps: Sequence[str], arrows: Sequence[Arrow]) -> list[list[str]]:
    """The steps by their longest way from a step that nothing leads to, each layer in the order of ``steps``.

    The arrows form no circle.
    """
    into: defaultdict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        into[arrow.target].append(arrow.source)
    depths: dict[str, int] = {}

    def depth(step: str) -> int:
        if step not in depths:
            depths[step] = 1 + max((depth(source) for source in into[step]), default=-1)
        return depths[step]

    found: defaultdict[int, list[str]] = defaultdict(list)
    for step in steps:
        found[depth(step)].append(step)
    return [found[place] for place in sorted(found)]


def _picture(rows: Sequence[Sequence[str]], arrows: Sequence[Arrow]) -> bytes:
    width = 2 * _MARGIN + max(len(row) for row in rows) * (_BOX_W + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + len(rows) * (_BOX_H + _GAP_Y) - _GAP_Y
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    centres = _centres(rows, width)
    for arrow in arrows:
        _draw_arrow(draw, centres[arrow.source], centres[arrow.target], dashed=arrow.chosen)
    font = ImageFont.load_default(17 * _SCALE)
    for name, (x, y) in centres.items():
        ends = name in (_START, _END)
        box = _scaled(x - _BOX_W / 2, y - _BOX_H / 2, x + _BOX_W / 2, y + _BOX_H / 2)
        draw.rounded_rectangle(box, 12 * _SCALE, _ENDS if ends else _FILL, _INK, _SCALE)
        draw.text((x * _SCALE, y * _SCALE), name.strip("_").replace("_", " "), _INK, font, anchor="mm")
    written = BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _centres(rows: Sequence[Sequence[str]], width: int) -> Mapping[str, tuple[float, float]]:
    centres = {}
    for depth, row in enumerate(rows):
        left = (width - len(row) * (_BOX_W + _GAP_X) + _GAP_X) / 2
        for place, name in enumerate(row):
            x = left + place * (_BOX_W + _GAP_X) + _BOX_W / 2
            centres[name] = (x, _MARGIN + depth * (_BOX_H + _GAP_Y) + _BOX_H / 2)
    return centres


def _draw_arrow(
    draw: ImageDraw.ImageDraw, source: tuple[float, float], target: tuple[float, float], *, dashed: bool
) -> None:
    """From the lower edge of one box to the upper edge of the other."""
    x0, y0, x1, y1 = source[0], source[1] + _BOX_H / 2, target[0], target[1] - _BOX_H / 2
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    along_x, along_y = (x1 - x0) / length, (y1 - y0) / length
    step = _DASH if dashed else length
    at = 0.0
    while at < length - _HEAD:
        upto = min(at + step, length - _HEAD)
        line = _scaled(x0 + along_x * at, y0 + along_y * at, x0 + along_x * upto, y0 + along_y * upto)
        draw.line(line, _INK, 2 * _SCALE)
        at += 2 * step
    back_x, back_y = x1 - along_x * _HEAD, y1 - along_y * _HEAD
    half = _HEAD / 2
    left, right = (
        (back_x - along_y * half, back_y + along_x * half),
        (back_x + along_y * half, back_y - along_x * half),
    )
    draw.polygon(_scaled(x1, y1, *left, *right), _INK)


def _scaled(*values: float) -> tuple[float, ...]:
    return tuple(value * _SCALE for value in values)
