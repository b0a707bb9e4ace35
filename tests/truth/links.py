#!/usr/bin/python3
"""Which links a page holds, of every kind: the truth that `dragline inspect links` is measured against.

Given files, or their names on standard input, it prints one JSON line for each, in order:

    {"file": "/a.html", "links": [["a", "b.html"], ["img", "c.png"]]}

Links are in the order of the tree, all occurrences, as `dragline inspect links` names and strips them; bytes are
read as UTF-8. html5lib builds the tree, and what a link is is written down here once more, from the standard and
with nothing of dragline's. What html5lib does otherwise than the standard of today is in docs/PAGES.md.
"""

import json
import multiprocessing
import re
import sys

import html5lib

from reachable import HTML_SPACE, names_document, refresh_target

# Elements that do nothing but refer: to attributes, and the kind where it is not the element's name.
PLAIN = {
    "a": ("href",), "area": ("href",), "iframe": ("src",), "frame": ("src",), "video": ("src", "poster"),
    "audio": ("src",), "bgsound": ("src",), "track": ("src",), "object": ("data",), "embed": ("src",),
    "script": ("src",), "img": ("src",), "source": ("src",), "blockquote": ("cite",), "q": ("cite",),
    "ins": ("cite",), "del": ("cite",), "body": ("background",), "table": ("background",), "thead": ("background",),
    "tbody": ("background",), "tfoot": ("background",), "tr": ("background",), "td": ("background",),
    "th": ("background",),
}  # fmt: skip
KINDS = {"bgsound": "audio"}
FOREIGN = {"a": "a", "image": "svg", "use": "svg", "feImage": "svg", "script": "script"}
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
RESOURCE_RELS = (
    ("css", {"stylesheet"}),
    ("icon", {"icon", "apple-touch-icon", "apple-touch-icon-precomposed", "mask-icon", "fluid-icon"}),
    ("preload", {"preload", "modulepreload", "manifest"}),
)
NO_DOCUMENT = ("javascript:", "mailto:", "data:", "tel:", "about:", "blob:", "sms:", "vbscript:")
# Where an empty reference is one to the document itself.
MAY_BE_EMPTY = {"a", "area", "refresh", "form"}
C0_AND_SPACE = "".join(map(chr, range(33)))


def links_of(text: str) -> list:
    """The links of a document, as pairs of kind and reference."""
    document = html5lib.parse(text, treebuilder="etree")
    links = []
    for element in document.iter():
        # Comments and doctypes have a function for a tag.
        if isinstance(element.tag, str):
            namespace, _, name = element.tag.rpartition("}")
            in_html = namespace.endswith("/xhtml")
            links += of_html(name, element.attrib.get) if in_html else of_foreign(namespace, name, element.attrib.get)
    stripped = ((kind, reference.strip(C0_AND_SPACE)) for kind, reference in links if reference is not None)
    return [link for link in stripped if counts(*link)]


def counts(kind: str, reference: str) -> bool:
    """Whether a reference leads anywhere."""
    if not reference:
        return kind in MAY_BE_EMPTY
    return not re.sub(r"[\t\n\r]", "", reference[:100]).lower().startswith(NO_DOCUMENT)


def of_html(name: str, attribute) -> list:
    """What an element of HTML refers to."""
    kind = "cite" if PLAIN.get(name) == ("cite",) else "background" if PLAIN.get(name) == ("background",) else name
    links = [(KINDS.get(kind, kind), attribute(of)) for of in PLAIN.get(name, ())]
    if name in ("img", "source"):
        links += [(name, candidate) for candidate in srcset(attribute("srcset", ""))]
    elif name == "link" and attribute("href") is not None:
        kind = kind_of_rel(attribute("rel", ""))
        links += [(kind, attribute("href"))] if kind else []
        links += [(kind, candidate) for candidate in srcset(attribute("imagesrcset", "")) if kind == "preload"]
    elif name == "meta" and attribute("http-equiv", "").lower() == "refresh":
        links.append(("refresh", refresh_target(attribute("content", ""))))
    elif name == "input" and attribute("type", "").lower() == "image":
        links.append(("input", attribute("src")))
    elif name == "form" and attribute("method", "").lower() not in ("post", "dialog"):
        links.append(("form", attribute("action")))
    return links


def of_foreign(namespace: str, name: str, attribute) -> list:
    """What an element of SVG or MathML refers to."""
    if name not in FOREIGN or (name != "a" and not namespace.endswith("/svg")):
        return []
    return [(FOREIGN[name], attribute("href", attribute(XLINK_HREF)))]


def kind_of_rel(rel: str):
    """The kind of a <link>, if it is any."""
    rels = set(rel.lower().split())
    for kind, names in RESOURCE_RELS:
        if rels & names:
            return kind
    if names_document(rel):
        return "link"
    return "preload" if rels & {"prefetch", "prerender"} else None


def srcset(text: str) -> list:
    """The URLs in a srcset: HTML, "parsing a srcset attribute"."""
    candidates, position = [], 0
    while True:
        while position < len(text) and text[position] in HTML_SPACE + ",":
            position += 1
        if position == len(text):
            return candidates
        url = re.compile(rf"[^{HTML_SPACE}]+").match(text, position)[0]
        position += len(url)
        candidates.append(url.rstrip(","))
        in_parentheses = False
        while not url.endswith(",") and position < len(text):
            character = text[position]
            position += 1
            if character in "()":
                in_parentheses = character == "("
            elif character == "," and not in_parentheses:
                break


def read_page(file: str) -> str:
    with open(file, "rb") as page:
        links = links_of(page.read().decode("utf-8-sig", "replace"))
    return json.dumps({"file": file, "links": links}, ensure_ascii=False)


def main():
    files = sys.argv[1:] or sys.stdin.read().splitlines()
    with multiprocessing.Pool() as pool:
        for line in pool.imap(read_page, files, chunksize=4):
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
