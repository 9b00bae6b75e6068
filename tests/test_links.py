"""Links of the documents lead somewhere: to a file of the repository, and to a heading of it if they name one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for folder in (".", "muspipe", "mrcnn", "simulator", "experiments")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)


def anchors(text):
    """As GitHub makes them of headings."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text):
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://|mailto:", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links(document):
    path = ROOT / document
    for link in links(path.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{document}: {link}"


def test_there_are_links_to_check():
    assert len(DOCUMENTS) > 8 and "the-papers-own-networks" in anchors("## The paper's own networks")
    assert links("see [a](b.md#c) and [d](https://e)") == ["b.md#c"]
