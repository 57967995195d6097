"""The teaching mode shows the equation of a technique and two sentences about it, from the docstring of its request."""

from __future__ import annotations

import html
import inspect
import re

from ..techniques import TECHNIQUES

SECOND = {
    "generate": "Watch x0: it is blurred at first, for it is the mean of all pictures that the noise could hide.",
    "forward": "No network is called: alpha says how much of the picture is left, and sigma how much noise there is.",
    "denoise": "Compare the three: a blur removes what is fine, one step gives the mean, and a walk gives one sharp picture.",
    "edit": "Noise hides what is fine before what is coarse, so that the walk keeps the layout and draws the rest anew.",
    "inpaint": "After each step the part that is kept is put back with as much noise as the level has.",
    "anagram": "Each prompt sees the picture through its own view, and the estimates are turned back before they are averaged.",
    "hybrid": "From far away the eye sees only what is coarse, so that it reads the far prompt.",
    "factorize": "The parts add up to the whole picture, so that each prompt decides its own part alone.",
    "inverse": "A part of the real picture is put back after each step, and the prompt decides only the rest.",
}
"""What to look at. A technique that is not here has its first sentence, and one about walks in general."""
GENERAL = "At each step the network says what picture it expects, and the walk moves a little towards it."

TERMS = (
    ("step", r"x_s|->|<-"),
    ("prediction", r"model\([^()]*(?:\([^()]*\)[^()]*)*\)|E\[[^\]]*\]|x0\w*"),
    ("level", r"alpha\w*|sigma\w*|x_t|x_T|\beps\b"),
)
"""The parts of an equation, by what a step of the walk does with them."""
_PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in TERMS))


def lesson(technique: str) -> str:
    """Return the HTML of the equation with its terms marked, two sentences, and a line that follows the walk."""
    first, equation = sentences(technique)
    return (
        f"<div class='nw-teach'><p>{html.escape(first)} {html.escape(SECOND.get(technique, GENERAL))}</p>"
        f"<code class='nw-equation'>{marked(equation)}</code>"
        "<div class='nw-legend'><p>Underlined: <span class='nw-equation'>"
        "<span data-term='level'>the level</span>, <span data-term='prediction'>the prediction</span>, "
        "<span data-term='step'>the step</span></span></p><p class='nw-now' aria-hidden='true'></p></div></div>"
    )


def sentences(technique: str) -> tuple[str, str]:
    """Return the first sentence of a technique, and its equation."""
    text = inspect.getdoc(TECHNIQUES[technique].request) or technique
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), rest.split("\n\n")[0]


def marked(equation: str) -> str:
    """Return an equation as HTML, with each term in a span that names its part of a step.

    >>> marked("x0 < sigma")
    "<span data-term='prediction'>x0</span> &lt; <span data-term='level'>sigma</span>"
    """
    out, at = [], 0
    for found in _PATTERN.finditer(equation):
        out.append(html.escape(equation[at : found.start()]))
        out.append(f"<span data-term='{found.lastgroup}'>{html.escape(found[0])}</span>")
        at = found.end()
    return "".join([*out, html.escape(equation[at:])])
