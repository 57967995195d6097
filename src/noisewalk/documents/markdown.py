"""Markdown with tables, footnotes and formulas as MathML, and without HTML."""

from __future__ import annotations

import html
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UserError, install
from ..files import slug

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MATHML = "http://www.w3.org/1998/Math/MathML"
_NAMES = (
    "math mrow mi mn mo mtext mspace ms mfrac msqrt mroot mstyle merror mpadded mphantom mfenced menclose msub msup msubsup "
    "munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr"
)
ELEMENTS = frozenset(_NAMES.split())
"""The elements of MathML Core that a formula may consist of."""
ElementTree.register_namespace("", MATHML)


def reader() -> MarkdownIt:
    """Return the parser of documents; HTML in the prose is shown as text, and never becomes a part of the page.

    Raises:
        UserError: the extra "report" is not installed.
    """
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin
        from mdit_py_plugins.footnote import footnote_plugin
        from mdit_py_plugins.front_matter import front_matter_plugin
    except ModuleNotFoundError as error:
        raise UserError(f"reports need {error.name}: {install('report')}") from None
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.use(front_matter_plugin).use(footnote_plugin)
    markdown.use(dollarmath_plugin, double_inline=True, allow_labels=False, renderer=_formula)
    return markdown


def _formula(text: str, options: Any) -> str:
    r"""Return a formula in LaTeX as MathML; one that cannot be read is shown as it was written.

    The converter does not escape the content of `\text{...}`, so a formula with other elements than MathML is refused.
    """
    from latex2mathml.converter import convert

    try:
        tree = ElementTree.fromstring(convert(text, display="block" if options.get("display_mode") else "inline"))
    except Exception:  # the sentence around the formula is kept, whatever is wrong in it
        tree = None
    if tree is None or not all(_is_math(element) for element in tree.iter()):
        return f"<code>{html.escape(text)}</code>"
    return ElementTree.tostring(tree, encoding="unicode")


def _is_math(element: ElementTree.Element) -> bool:
    known = element.tag.removeprefix(f"{{{MATHML}}}") in ELEMENTS
    return known and not any(name.startswith("on") or name in ("href", "style", "id", "class") for name in element.attrib)


def headings(tokens: Sequence[Token], taken: set[str]) -> list[tuple[str, str]]:
    """Give every heading an id, and return (id, text) of the headings of the second level.

    Args:
        tokens: the tokens of the document.
        taken: the ids that are not free; the new ids are added.
    """
    found = []
    for i, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(
            child.content for child in tokens[i + 1].children or () if child.type in ("text", "code_inline", "math_inline")
        )
        name = unused(slug(text), taken)
        token.attrSet("id", name)
        if token.tag == "h2":
            found.append((name, text))
    return found


def unused(name: str, taken: set[str]) -> str:
    """Return a name with a number after it if it is taken, and add it to the taken ones."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def rendered(tokens: Sequence[Token], blocks: Callable[[int], str | None], picture: Callable[[str], str]) -> str:
    """Return the HTML of a document.

    Args:
        tokens: the tokens of the document.
        blocks: maps the number of a token to the HTML in its place, or to None for the token itself.
        picture: maps the address of a picture in the prose to its data URL.
    """
    from markdown_it.token import Token

    markdown = reader()
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                child.attrSet("src", picture(str(child.attrs.get("src", ""))))
    placed = [(blocks(i), token) for i, token in enumerate(tokens) if token.type != "front_matter"]
    shown = [token if made is None else Token("html_block", "", 0, content=made) for made, token in placed]
    return str(markdown.renderer.render(shown, markdown.options, {}))
