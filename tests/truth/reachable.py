#!/usr/bin/python3
"""Which pages of a documentation site a crawler must find: the truth that dragline is measured against.

Given a folder that nginx serves at a base URL, and the path to start from, it prints one JSON line for
every URL that can be reached by following links, sorted by URL:

    {"url": "http://127.0.0.1:8080/a.html", "status": 200}

`status` is what nginx answers (200, 301, 403, 404), or `"robots"` for a URL under `--disallow`, or
`"offsite"` for one that is not on the base's host.

It shares nothing with dragline, not even a parser: html5lib is the WHATWG tree construction in Python,
dragline tokenises with a Rust crate; URLs are resolved by `weburl.py`; and pages are read from the disk,
not over HTTP, so that a mistake of HTTP can't cancel out. html5lib reads about 2 MB/s, which is a quarter
of a minute for the sites of CI when spread over two processes. lxml would be ten times faster, but it is
libxml2's own idea of HTML, and an oracle that is right about odd pages is worth the seconds.

Deliberately not: JavaScript, CSS, images and other things that are no documents; robots.txt beyond
path prefixes; sitemaps; encodings of query strings other than UTF-8.
"""

import argparse
import json
import multiprocessing
import os
import re
import sys
import urllib.parse

import html5lib

from weburl import Url, resolve

# <link rel> values of the HTML standard, the IANA registry and the microformats wiki that name a document
# rather than something to draw a page with; whatever its type, for a feed is a document too.
DOCUMENT_RELS = frozenset(
    "about alternate amphtml appendix archives author begin bookmark canonical chapter child collection contents "
    "copyright describedby end first glossary help home index item last latest-version license next parent "
    "predecessor-version prev previous privacy-policy related replies search section shortlink sibling start "
    "subsection successor-version tag terms-of-service toc top up version-history via".split()
)
# Values that make it such a thing after all: `alternate stylesheet`.
RESOURCE_RELS = frozenset(
    "apple-touch-icon fluid-icon icon manifest mask-icon modulepreload preload stylesheet".split()
)
HTML_SUFFIXES = (".html", ".htm")
HTML_SPACE = " \t\n\f\r"


def links_of(html: bytes, url: Url) -> list:
    """The URLs that the page at `url` links to, resolved, without repetitions."""
    document = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    base, references = None, []
    for element in document.iter():
        # Comments and doctypes have a function for a tag.
        tag = element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else None
        attribute = element.attrib.get
        if tag in ("a", "area"):
            references.append(attribute("href"))
        elif tag in ("iframe", "frame"):
            # An empty src shows about:blank.
            references.append(attribute("src") or None)
        elif tag == "link" and names_document(attribute("rel", "")):
            references.append(attribute("href") or None)
        elif tag == "meta" and attribute("http-equiv", "").strip(HTML_SPACE).lower() == "refresh":
            references.append(refresh_target(attribute("content", "")))
        elif tag == "base" and base is None and attribute("href") is not None:
            base = resolve(url, attribute("href"))
    resolved = {resolve(base or url, reference) for reference in references if reference is not None}
    return list(resolved - {None})


def names_document(rel: str) -> bool:
    """Whether a <link> with this rel leads to a document."""
    rels = set(rel.lower().split())
    return bool(rels & DOCUMENT_RELS) and not rels & RESOURCE_RELS


def refresh_target(content: str):
    """The URL in `<meta http-equiv=refresh content>`: HTML, "shared declarative refresh steps"."""
    match = re.match(r"[ \t\n\f\r]*(?:[0-9]+[0-9.]*|\.[0-9.]*)(?=[ \t\n\f\r;,])[ \t\n\f\r]*[;,]?[ \t\n\f\r]*", content)
    if not match:
        return None
    rest = content[match.end() :]
    rest = re.sub(r"^[Uu][Rr][Ll][ \t\n\f\r]*=[ \t\n\f\r]*", "", rest)
    if rest[:1] in ("'", '"'):
        rest = rest[1:].split(rest[0], 1)[0]
    return rest or None


class Site:
    """A folder as nginx serves it with `index index.html` and nothing else switched on."""

    def __init__(self, root: str, base: Url, disallow: list):
        self.root = os.path.realpath(root)
        self.base = base
        self.disallow = disallow

    def answer(self, url: Url):
        """The status for `url`, the redirect's target if it is one, and the file if it is a page."""
        if url.host != self.base.host:
            return "offsite", None, None
        if (url.scheme, url.port) != (self.base.scheme, self.base.port):
            # The same machine by another door: nobody listens there.
            return "elsewhere", None, None
        if any(url.path.startswith(prefix) for prefix in self.disallow):
            return "robots", None, None
        # nginx decodes escapes, then resolves dots, then merges slashes; url has no dots left but escaped ones.
        path = urllib.parse.unquote_to_bytes(url.path)
        if b"\0" in path:
            return 400, None, None
        path = re.sub(rb"/+", b"/", path)
        relative = os.path.normpath(path.lstrip(b"/") or b".")
        if relative.startswith(b".."):
            return 400, None, None
        file = os.path.join(os.fsencode(self.root), relative)
        if path.endswith(b"/"):
            file = os.path.join(file, b"index.html")
            if not os.path.exists(file):
                return 403 if os.path.isdir(os.path.dirname(file)) else 404, None, None
        elif os.path.isdir(file):
            return 301, url._replace(path=url.path + "/"), None
        if not os.path.isfile(file):
            return 404, None, None
        return 200, None, file if file.endswith(tuple(map(os.fsencode, HTML_SUFFIXES))) else None


def read_page(job) -> list:
    """For the pool: a page's file and URL to its links."""
    file, url = job
    with open(file, "rb") as page:
        return links_of(page.read(), url)


def walk(site: Site, start: Url) -> dict:
    """Every URL that is reachable from `start`, with its status. Breadth first, pages in parallel."""
    statuses, level = {}, [start]
    with multiprocessing.Pool() as pool:
        while level:
            jobs, found = [], set()
            for url in level:
                status, target, file = site.answer(url)
                statuses[url] = status
                if target is not None:
                    found.add(target)
                if file is not None:
                    jobs.append((file, url))
            for links in pool.imap_unordered(read_page, jobs, chunksize=4):
                found.update(links)
            level = sorted(found - statuses.keys(), key=str)
    return statuses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="the folder that is served")
    parser.add_argument("--base", required=True, help="where it is served, for example http://127.0.0.1:8080/")
    parser.add_argument("--start", default="/", help="path of the seed (default: /)")
    parser.add_argument("--disallow", action="append", default=[], help="path prefix that robots.txt denies")
    args = parser.parse_args()
    base = resolve(None, args.base)
    if base is None or not os.path.isdir(args.root):
        parser.error("need an http URL as --base and an existing folder")
    statuses = walk(Site(args.root, base, args.disallow), resolve(base, args.start))
    for url in sorted(statuses, key=str):
        json.dump({"url": str(url), "status": statuses[url]}, sys.stdout)
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
