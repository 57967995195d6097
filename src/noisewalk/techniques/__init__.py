"""The table of techniques: each has a request and a function that makes its walks. Reading it does not load torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..lazy import later
from . import requests
from .requests import R, Request

if TYPE_CHECKING:
    from .panels import Panel
    from .stages import Prepared


class Technique:
    """A technique: everything that the command line, the Python functions, the metadata and the search need.

    Args:
        request: its request; the fields are its flags and keyword arguments, the docstring its help.
        panels: maps a prepared request of that type to its panels. It checks everything, and calls no network.
        example: a command line on a bundled model for the gallery; its files are bundled pictures.
        equation: its equation in LaTeX for the gallery; "" shows the plain one in the request's docstring.
    """

    def __init__(
        self, *, request: type[R], panels: Callable[[Prepared[R]], list[Panel]], example: str = "", equation: str = ""
    ) -> None:
        self.request: type[Request] = request
        self.example, self.equation = example, equation
        self.panels = cast("Callable[[Prepared[Request]], list[Panel]]", panels)  # it only gets requests of `request`


TECHNIQUES: dict[str, Technique] = {
    "generate": Technique(
        request=requests.Generate,
        panels=later("noisewalk.techniques.generate:panels"),
        example="generate 'a rocket ship' --num 4",
        equation=r"x_T = \sigma_T \epsilon, \qquad x_t \to x_s \ \text{with} \ \hat x_0 = \hat x_0^{\varnothing} "
        r"+ g \, (\hat x_0^{\mathrm{prompt}} - \hat x_0^{\varnothing})",
    ),
    "forward": Technique(
        request=requests.Forward,
        panels=later("noisewalk.techniques.forward:panels"),
        example="forward emoji-fox.png --t 250 500 750",
        equation=r"x_t = \alpha_t x_0 + \sigma_t \epsilon",
    ),
    "denoise": Technique(
        request=requests.Denoise,
        panels=later("noisewalk.techniques.denoise:panels"),
        example="denoise emoji-fox.png --prompt 'a fox face' --guidance-scale 1 --t 500 690 840 --method all",
        equation=r"\text{blur:} \ G \ast x_t / \alpha_t \qquad \text{one step:} \ \hat x_0 = E[x_0 \mid x_t] "
        r"\qquad \text{iterative:} \ x_t \to \ldots \to x_0",
    ),
    "edit": Technique(
        request=requests.Edit,
        panels=later("noisewalk.techniques.edit:panels"),
        example="edit drawing-snowman.png --prompt 'a snowman' --start 1 3 5 7 10",
        equation=r"x_t = \alpha_t x_0 + \sigma_t \epsilon \ \text{at the start, and then the usual walk}",
    ),
    "inpaint": Technique(
        request=requests.Inpaint,
        panels=later("noisewalk.techniques.inpaint:panels"),
        example="inpaint emoji-fox.png emoji-mask-right.png --prompt 'a dog face' --num 2 --num-resamples 1 10",
        equation=r"x_s \leftarrow m \, x_s + (1 - m) (\alpha_s x_0 + \sigma_s \epsilon) \ \text{after every step}",
    ),
    "anagram": Technique(
        request=requests.Anagram,
        panels=later("noisewalk.techniques.anagram:panels"),
        example="anagram 6 9 --views identity rotate180 --balance auto --seed 7",
        equation=r"\hat x_0 = \sum_i w_i \, v_i^{-1} \big( \mathrm{model}(v_i(x_t), \mathrm{prompt}_i) \big), "
        r"\qquad \sum_i w_i = 1",
    ),
    "hybrid": Technique(
        request=requests.Hybrid,
        panels=later("noisewalk.techniques.hybrid:panels"),
        example="hybrid 'a skull' 'a house' --sigma 2 --kernel-size 33 --seed 1",
        equation=r"\hat x_0 = G \ast \mathrm{model}(x_t, \mathrm{far}) + (1 - G) \ast \mathrm{model}(x_t, "
        r"\mathrm{near}), \quad G \ \text{a Gaussian low pass}",
    ),
    "factorize": Technique(
        request=requests.Factorize,
        panels=later("noisewalk.techniques.factorize:panels"),
        example="factorize 'a fish' 'a strawberry' --split colour --num 2",
        equation=r"\hat x_0 = \sum_i \mathrm{part}_i \big( \mathrm{model}(x_t, \mathrm{prompt}_i) \big), \qquad "
        r"\sum_i \mathrm{part}_i = 1",
    ),
    "inverse": Technique(
        request=requests.Inverse,
        panels=later("noisewalk.techniques.inverse:panels"),
        example="inverse emoji-fox.png 'a fox face' --keep grey --num 2",
        equation=r"x_s \leftarrow x_s - \mathrm{part}(x_s) + \mathrm{part}(\alpha_s x_0 + \sigma_s \epsilon) \ "
        r"\text{after every step}",
    ),
}
"""Techniques by the name of their command and function. A row is of one type of request from end to end."""
