"""Tests of the truth itself: the oracle has to be right before it may judge."""

import os
import tempfile
import unittest

from reachable import Site, links_of, names_document, refresh_target, walk
from weburl import resolve

BASE = resolve(None, "http://h/dir/page.html?q=1")


class Resolving(unittest.TestCase):
    def check(self, reference, expected):
        found = resolve(BASE, reference)
        self.assertEqual(None if found is None else str(found), expected, repr(reference))

    def test_relative_references(self):
        self.check("a.html", "http://h/dir/a.html")
        self.check("./a.html#top", "http://h/dir/a.html")
        self.check("../a", "http://h/a")
        self.check("../../../a", "http://h/a")
        self.check("/a//b", "http://h/a//b")
        self.check("", "http://h/dir/page.html?q=1")
        self.check("#x", "http://h/dir/page.html?q=1")
        self.check("?", "http://h/dir/page.html?")
        self.check("?a b", "http://h/dir/page.html?a%20b")
        self.check("..", "http://h/")
        self.check(".", "http://h/dir/")
        self.check("a/..", "http://h/dir/")

    def test_absolute_references(self):
        self.check("//other/x", "http://other/x")
        self.check("HTTP://H:80/x", "http://h/x")
        self.check("https://h:8443", "https://h:8443/")
        self.check("https://user:pw@h/x", "https://h/x")
        self.check("http://bücher.example/", "http://xn--bcher-kva.example/")
        self.check("http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/")
        self.check("http://h:99999/", None)
        self.check("http://h:1x/", None)
        self.check("http://a b/", None)
        self.check("http://", None)

    def test_other_schemes_are_no_pages(self):
        for reference in ("mailto:a@b", "javascript:void(0)", "ftp://h/", "data:,x"):
            self.check(reference, None)

    def test_where_browsers_part_from_rfc_3986(self):
        self.check(" a.\nhtml\t", "http://h/dir/a.html")
        self.check("\\a\\b", "http://h/a/b")
        self.check("%2E%2e/a", "http://h/a")
        self.check("a%2eb", "http://h/dir/a%2Eb")
        self.check("http:a.html", "http://h/dir/a.html")
        self.check("http:/a.html", "http://h/a.html")
        self.check("http:\\\\other/a", "http://other/a")
        self.check("https:a.example/x", "https://a.example/x")
        self.check("http:///other/a", "http://other/a")
        self.check('a b"<>`{}|[]', "http://h/dir/a%20b%22%3C%3E%60%7B%7D|[]")
        self.check("?\"<>'`{}", "http://h/dir/page.html?%22%3C%3E%27`{}")
        self.check("é", "http://h/dir/%C3%A9")

    def test_canonical_escapes(self):
        self.check("%7euser/%c3%a9/%2f", "http://h/dir/~user/%C3%A9/%2F")
        self.check("%zz", "http://h/dir/%zz")


class Links(unittest.TestCase):
    def check(self, html, *expected):
        found = sorted(str(link) for link in links_of(html.encode(), BASE))
        self.assertEqual(found, sorted(expected), html)

    def test_every_kind_of_link(self):
        self.check("<a href=a>", "http://h/dir/a")
        self.check("<map><area href=a></map>", "http://h/dir/a")
        self.check("<iframe src=a></iframe><iframe src=''></iframe>", "http://h/dir/a")
        self.check("<frameset><frame src=a></frameset>", "http://h/dir/a")
        self.check("<link rel=next href=a><link rel=stylesheet href=b>", "http://h/dir/a")
        self.check("<meta http-equiv=Refresh content='0; a'>", "http://h/dir/a")

    def test_what_only_looks_like_a_link(self):
        self.check("<!-- <a href=a> --><script>'<a href=b>'</script><title><a href=c></title><a name=d><img src=e>")
        self.check("<textarea><a href=a></textarea><style><a href=b></style>")

    def test_base(self):
        self.check("<base href=/x/><base href=/y/><a href=a>", "http://h/x/a")
        self.check("<a href=a><base href=//o/p>", "http://o/a")
        self.check("<base target=_top><base href=/x/><a href=a>", "http://h/x/a")
        self.check("<base href=mailto:x><a href=a>", "http://h/dir/a")

    def test_entities_and_quotes(self):
        self.check("<a href='?a&amp;b'><A HREF=\"x&#47;y\"><a href=p&copy=1 href=q>", *(
            "http://h/dir/page.html?a&b", "http://h/dir/x/y", "http://h/dir/p&copy=1"
        ))

    def test_link_rel(self):
        self.assertTrue(names_document("NEXT"))
        self.assertTrue(names_document("foo prev"))
        self.assertFalse(names_document("alternate stylesheet"))
        self.assertFalse(names_document("dns-prefetch"))

    def test_refresh(self):
        for content, expected in {
            "0; URL=a": "a",
            "5;url='a b' c": "a b",
            "0; ./a.html": "./a.html",
            "1.5,url = a": "a",
            "0 a": "a",
            "0;urls": "urls",
            "0": None,
            "a": None,
            "0;": None,
            ";url=a": None,
        }.items():
            self.assertEqual(refresh_target(content), expected, content)


class Walking(unittest.TestCase):
    def test_a_site_as_nginx_answers_it(self):
        with tempfile.TemporaryDirectory() as root:
            for path, html in {
                "index.html": "<a href=sub><a href=gone.html><a href=index.html/x><a href=note.txt><a href=closed/x>"
                "<a href=http://else.example/><a href=bare/><a href=//h:81/><a href=%61>",
                "sub/index.html": "<a href=../a//b.html>",
                "a/b.html": "",
                "bare/lonely.html": "",
                "note.txt": "<a href=never.html>",
            }.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(html)
            base = resolve(None, "http://h/")
            found = {str(url): status for url, status in walk(Site(root, base, ["/closed"]), base).items()}
        self.assertEqual(
            found,
            {
                "http://h/": 200,
                "http://h/sub": 301,
                "http://h/sub/": 200,
                "http://h/a//b.html": 200,
                "http://h/a": 301,
                "http://h/a/": 403,
                "http://h/gone.html": 404,
                "http://h/index.html/x": 404,
                "http://h/note.txt": 200,
                "http://h/closed/x": "robots",
                "http://h/bare/": 403,
                "http://h:81/": "elsewhere",
                "http://else.example/": "offsite",
            },
        )


if __name__ == "__main__":
    unittest.main()
