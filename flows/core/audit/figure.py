"""Small plots as SVG: bars, and points over time, drawn without any library and readable in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from flows.core.audit.chart import Chart
from flows.core.words import utc

WIDTH, HEIGHT, LEFT, BELOW = 640, 200, 90, 24
"""Of the whole drawing, and the room for the scale and the words below, in its own units."""

_PLOT = WIDTH - LEFT - 10, HEIGHT - BELOW - 14


def drawn(chart: Chart) -> str:
    """The chart as a figure of the page."""
    return bars(chart.title, chart.counts) or points(chart.title, chart.values, joined=chart.joined)


def bars(title: str, counts: Mapping[str, float]) -> str:
    """One bar for each name; "" where there is nothing to draw."""
    if not counts:
        return ""
    most, step = max(*counts.values(), 1e-9), _PLOT[0] / len(counts)
    drawn = []
    every = -(-len(counts) // 12)  # more names than these would run into one another
    for number, (name, value) in enumerate(counts.items()):
        left, tall = LEFT + number * step, _PLOT[1] * value / most
        top = HEIGHT - BELOW - tall
        drawn.append(
            f'<rect x="{left + step * 0.15:.1f}" y="{top:.1f}" width="{step * 0.7:.1f}" height="{tall:.1f}">'
            f"<title>{escape(name)}: {value:g}</title></rect>"
        )
        if number % every == 0:
            drawn.append(_text(left + step / 2, HEIGHT - 8, name, "middle"))
    return _drawing(title, most, "".join(drawn))


def points(title: str, values: Sequence[tuple[float, float]], *, joined: bool = False) -> str:
    """Values over time (seconds since 1970), perhaps joined by a line; "" where there is nothing to draw."""
    if not values:
        return ""
    first, last = min(at for at, _ in values), max(at for at, _ in values)
    most, span = max(*(value for _, value in values), 1e-9), max(last - first, 1e-9)
    places = [
        (LEFT + _PLOT[0] * (at - first) / span, HEIGHT - BELOW - _PLOT[1] * value / most)
        for at, value in sorted(values)
    ]
    path = f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>' if joined else ""
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in places)
    days = _text(LEFT, HEIGHT - 8, utc(first)[:10], "start") + _text(WIDTH - 10, HEIGHT - 8, utc(last)[:10], "end")
    return _drawing(title, most, f"{path}{dots}{days}")


def _drawing(title: str, most: float, inside: str) -> str:
    base = HEIGHT - BELOW
    axis = f'<path d="M{LEFT} {base - _PLOT[1]}V{base}H{WIDTH - 10}"/>'
    scale = _text(LEFT - 6, base - _PLOT[1] + 4, f"{most:,.0f}" if most >= 100 else f"{most:.3g}", "end") + _text(
        LEFT - 6, base, "0", "end"
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{axis}{scale}{inside}</svg></figure>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
