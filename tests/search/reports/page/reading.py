"""A study as its page tells it."""

from __future__ import annotations

from html.parser import HTMLParser

from search.record.record import Record, Study
from search.reports.page.facts import Facts, gather
from search.reports.recorded_task import shown_task


def facts_of(record: Record, study: Study) -> Facts:
    return gather(record, study, shown_task(record, study))


def text_of(html: str) -> str:
    """What a reader reads: no markup, scripts or styles."""

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.said: list[str] = []
            self.inside = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.inside = tag

        def handle_endtag(self, tag: str) -> None:
            self.inside = ""

        def handle_data(self, data: str) -> None:
            if self.inside not in ("script", "style"):
                self.said.append(data)

    reader = Reader()
    reader.feed(html)
    return " ".join(" ".join(reader.said).split())
