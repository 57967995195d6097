"""Check that every internal link of a built site leads to a page:  python docs/check_links.py out/docs"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Collect the links of a page, the names of its places, and what it loads from other servers."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.names.update(value for key, value in attrs if key in ("id", "name") and value)
        self.links += [value for key, value in attrs if key in ("href", "src") and value]
        if address := said.get("src") or (said.get("href") if tag == "link" and said.get("rel") == "stylesheet" else None):
            self.loaded.append(address)


@cache
def read(file: Path) -> Page:
    page = Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def faults(site: Path) -> Iterator[str]:
    """Return the faults of the links of a site, one line each."""
    for file in sorted(site.rglob("*.html")):
        page = read(file)
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{file.relative_to(site)} loads {address}; the site must work without the network"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
            if not target.is_file():
                yield f"{file.relative_to(site)} links to {address}, which is not there"
            elif target.suffix == ".html" and parts.fragment and unquote(parts.fragment) not in read(target).names:
                yield f"{file.relative_to(site)} links to {address}, and that page has no such place"


def main(folder: str) -> int:
    """Print the faults; the exit status is 1 if there are any, or if there is no site."""
    site = Path(folder).resolve()
    if not (site / "index.html").is_file():
        print(f"there is no site in {folder}; make docs builds it")
        return 1
    found = list(faults(site))
    print("\n".join(found) or f"the links of {len(list(site.rglob('*.html')))} pages lead somewhere")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
