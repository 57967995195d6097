"""Backgrounds drawn by program: sky, hills, mountains, sea, snow, night, desert, rain and waterfalls."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence

from .vector import Canvas


def shade(draw: random.Random, hue: float, lightness: float, saturation: float) -> str:
    """Return a random colour near a given one (degrees, [0, 1], [0, 1])."""
    rgb = colorsys.hls_to_rgb(
        (hue + draw.uniform(-8, 8)) % 360 / 360, min(0.98, lightness * draw.uniform(0.92, 1.08)), saturation
    )
    return "#" + "".join(f"{round(255 * each):02x}" for each in rgb)


def rectangle(canvas: Canvas, top: float, height: float, colour: str) -> None:
    """Draw a band from edge to edge."""
    canvas.add(f'<rect x="-1" y="{top:.1f}" width="102" height="{height:.1f}" fill="{colour}"/>')


def polygon(canvas: Canvas, points: Sequence[tuple[float, float]], colour: str) -> None:
    """Draw a filled polygon."""
    canvas.add(f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="{colour}"/>')


def sky(canvas: Canvas, draw: random.Random, when: str = "day") -> None:
    """Fill the square with sky: "day", "night" (with stars and a moon), "sunset" or "snow"."""
    hue, lightness, saturation = {"day": (205, 0.80, 0.8), "night": (230, 0.16, 0.5), "sunset": (22, 0.70, 0.9)}.get(
        when, (210, 0.86, 0.35)
    )
    rectangle(canvas, -1, 102, shade(draw, hue, lightness, saturation))
    if when == "night":
        for _ in range(draw.randint(8, 18)):
            x, y, r = draw.uniform(2, 98), draw.uniform(2, 55), draw.uniform(0.5, 1.1)
            canvas.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="#fff6c8"/>')
    if when == "night" and draw.random() < 0.7:
        moon(canvas, draw)
    elif when == "day" and draw.random() < 0.3:
        x = draw.choice((14, 86))
        canvas.add(f'<circle cx="{x}" cy="14" r="{draw.uniform(6, 10):.1f}" fill="#ffd83d"/>')


def moon(canvas: Canvas, draw: random.Random) -> None:
    """Draw a full moon or a crescent in an upper corner."""
    x, y, r = draw.choice((16, 84)), draw.uniform(12, 18), draw.uniform(7, 10)
    canvas.add(f'<circle cx="{x}" cy="{y:.1f}" r="{r:.1f}" fill="#fdf3c4"/>')
    if draw.random() < 0.5:
        canvas.add(f'<circle cx="{x + 0.45 * r:.1f}" cy="{y - 0.2 * r:.1f}" r="{0.85 * r:.1f}" fill="#171f45"/>')


GROUNDS = {"grass": (105, 0.45, 0.5), "snow": (208, 0.96, 0.4), "sand": (42, 0.72, 0.65), "sea": (208, 0.48, 0.7)}
"""Hue in degrees, lightness and saturation."""


def ground(canvas: Canvas, draw: random.Random, kind: str, top: float, when: str = "day") -> None:
    """Draw flat ground from `top` to the lower edge, darker at night."""
    hue, lightness, saturation = GROUNDS[kind]
    dark = (0.55 if kind != "snow" else 0.8) if when == "night" else 1
    rectangle(canvas, top, 101 - top, shade(draw, hue, dark * lightness, saturation))
    if kind == "sea":
        for _ in range(draw.randint(5, 9)):
            x, y, w = draw.uniform(-5, 90), draw.uniform(top + 4, 98), draw.uniform(8, 18)
            line = f"M{x:.1f} {y:.1f}q{w / 4:.1f} -3 {w / 2:.1f} 0t{w / 2:.1f} 0"
            canvas.add(f'<path d="{line}" fill="none" stroke="#d9efff" stroke-width="1.4" opacity=".8"/>')


def hills(canvas: Canvas, draw: random.Random, kind: str, top: float, when: str = "day") -> None:
    """Draw round hills with their crests near `top`, and ground below them."""
    hue, lightness, saturation = GROUNDS[kind]
    dark = 0.6 if when == "night" else 1
    for x, r in ((draw.uniform(5, 25), draw.uniform(34, 46)), (draw.uniform(70, 95), draw.uniform(34, 46))):
        colour = shade(draw, hue, dark * lightness * 1.12, saturation)
        canvas.add(f'<ellipse cx="{x:.1f}" cy="{top + r * 0.8:.1f}" rx="{r:.1f}" ry="{r * 0.8:.1f}" fill="{colour}"/>')
    ground(canvas, draw, kind, top + 22, when)


def hill(canvas: Canvas, draw: random.Random, kind: str, top: float, when: str = "day") -> None:
    """Draw one round hill with its crest in the middle."""
    hue, lightness, saturation = GROUNDS[kind]
    colour = shade(draw, hue, (0.6 if when == "night" else 1) * lightness, saturation)
    canvas.add(f'<ellipse cx="50" cy="{top + 55:.1f}" rx="{draw.uniform(58, 75):.1f}" ry="55" fill="{colour}"/>')


def mountains(canvas: Canvas, draw: random.Random, base: float, snowy: bool, when: str = "day", num: int = 3) -> None:
    """Draw peaks that stand on `base`, with white tops if `snowy` (otherwise sometimes with small ones)."""
    hue, saturation = draw.choice(((215, 0.25), (25, 0.3), (150, 0.2)))
    order = draw.sample(range(num), num)
    for i in order:
        x = 100 * (i + 0.5) / num + draw.uniform(-8, 8)
        height, half = draw.uniform(0.55, 0.9) * (base - 5), draw.uniform(26, 40)
        dark = 0.55 if when == "night" else 1
        peak(
            canvas,
            (x, base - height),
            base,
            half,
            shade(draw, hue, 0.5 * dark, saturation),
            0.55 if snowy else draw.choice((0, 0.25)),
        )


def peak(canvas: Canvas, top: tuple[float, float], base: float, half: float, colour: str, cap: float) -> None:
    """Draw one mountain, given its top, half its width at the base, and the share of it that is white."""
    x, y = top
    polygon(canvas, [(x - half, base + 1), (x, y), (x + half, base + 1)], colour)
    polygon(canvas, [(x, y), (x + half, base + 1), (x + half * 0.25, base + 1)], "#00000022")
    if cap:
        h = cap * (base - y)
        w = half * cap
        edge = [
            (x - w, y + h),
            (x - w * 0.5, y + h * 0.8),
            (x - w * 0.15, y + h * 1.05),
            (x + w * 0.3, y + h * 0.8),
            (x + w, y + h),
        ]
        polygon(canvas, [(x, y), *reversed(edge)], "#ffffff")


def snowfall(canvas: Canvas, draw: random.Random) -> None:
    """Draw white flakes everywhere."""
    for _ in range(draw.randint(14, 30)):
        x, y, r = draw.uniform(0, 100), draw.uniform(0, 100), draw.uniform(0.7, 1.6)
        canvas.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="#ffffff"/>')


def rain(canvas: Canvas, draw: random.Random) -> None:
    """Draw blue strokes everywhere."""
    for _ in range(draw.randint(16, 30)):
        x, y = draw.uniform(0, 100), draw.uniform(0, 95)
        canvas.add(f'<path d="M{x:.1f} {y:.1f}l-1.5 6" stroke="#3d7fd6" stroke-width="1.2"/>')


def waterfall(canvas: Canvas, draw: random.Random, left: float, top: float, width: float, base: float) -> None:
    """Draw falling water with pale stripes, and foam at its foot."""
    blue = shade(draw, 203, 0.66, 0.75)
    polygon(canvas, [(left, top), (left + width, top), (left + width * 1.1, base), (left - width * 0.1, base)], blue)
    for _ in range(max(2, round(width / 4))):
        x = left + draw.uniform(0.08, 0.92) * width
        canvas.add(f'<path d="M{x:.1f} {top:.1f}V{base:.1f}" stroke="#f2fbff" stroke-width="{draw.uniform(0.8, 2):.1f}"/>')
    for _ in range(max(3, round(width / 3))):
        x, r = left + draw.uniform(-0.1, 1.1) * width, draw.uniform(2, 4)
        canvas.add(f'<circle cx="{x:.1f}" cy="{base:.1f}" r="{r:.1f}" fill="#f2fbff"/>')
