"""The report as one HTML page with its images and styles inside; it runs no script and needs no network."""

import base64
from collections.abc import Sequence
from pathlib import Path

from stages.reporting.runs import PLOTS, Result

TEMPLATE = Path(__file__).with_name("page.html.jinja")
HEADING_OFFSET = 2  # levels that a model card's headings move down, below those of the page


def render(results: Sequence[Result], pending: Sequence[str], samples: Sequence[tuple[str, bytes]]) -> str:
    """Return the HTML of the page.

    Args:
        results: Runs with metrics, in the order of the page.
        pending: Names of the runs without metrics.
        samples: Title of each dataset, and the PNG of its samples.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"data_uri": _data_uri, "markdown": _html_of_markdown}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(results=results, pending=pending, samples=samples, plots=PLOTS)


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _html_of_markdown(text: str) -> str:
    """Return Markdown as HTML, without its first heading; HTML inside it is escaped."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)[3:]  # skips the heading's opening, text and closing
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + HEADING_OFFSET}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    return str(markdown.renderer.render(tokens, markdown.options, {}))
