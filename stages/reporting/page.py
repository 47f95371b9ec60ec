"""The page itself: HTML that holds its pictures and style, runs no script, and asks the network for nothing."""

import base64
from collections.abc import Sequence
from pathlib import Path

from stages.reporting.runs import PICTURES, Result

TEMPLATE = Path(__file__).with_name("page.html.jinja")
LEVELS = 2  # the headings of a card stand so far below those of the page


def render(results: Sequence[Result], pending: Sequence[str], samples: Sequence[tuple[str, bytes]]) -> str:
    """Return the page.

    Args:
        results: The runs that have metrics, in the order in which they are shown.
        pending: Names of the runs that have none.
        samples: The title of each dataset, and its sample sheet, PNG.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"data_uri": _data_uri, "markdown": _markdown}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(results=results, pending=pending, samples=samples, kinds=PICTURES)


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _markdown(text: str) -> str:
    """Return Markdown as HTML, without its first heading; HTML in it stays text."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)[3:]  # the heading's start, words and end
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + LEVELS}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    return str(markdown.renderer.render(tokens, markdown.options, {}))
