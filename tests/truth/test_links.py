"""Tests of the truth about links."""

import unittest

from links import kind_of_rel, links_of, srcset


class Links(unittest.TestCase):
    def check(self, html, expected):
        self.assertEqual(links_of(html), expected, html)

    def test_elements(self):
        self.check("<a href=' a\n'>x</a><area href=b><img src=c srcset='d 1x,e 2x'>", [
            ("a", "a"), ("area", "b"), ("img", "c"), ("img", "d"), ("img", "e"),
        ])  # fmt: skip
        self.check("<svg><a xlink:href=a></a><image href=b /></svg><math><use href=c>", [("a", "a"), ("svg", "b")])
        self.check("<link rel='shortcut icon' href=a><link rel=next href=b><link rel=x href=c>", [
            ("icon", "a"), ("link", "b"),
        ])  # fmt: skip
        self.check("<meta http-equiv=Refresh content='0; url=a'><form method=post action=b><q cite=c>", [
            ("refresh", "a"), ("cite", "c"),
        ])  # fmt: skip

    def test_what_leads_nowhere(self):
        self.check("<a href='java\nscript:x'><a href=mailto:x><img src=data:,x><img src=''><a href=''>", [("a", "")])

    def test_rels(self):
        self.assertEqual(kind_of_rel("alternate stylesheet"), "css")
        self.assertEqual(kind_of_rel("prefetch"), "preload")
        self.assertIsNone(kind_of_rel("preconnect"))

    def test_srcset(self):
        self.assertEqual(srcset("a 1x, b,c (d, e) 2x,f"), ["a", "b,c", "f"])
        self.assertEqual(srcset(" ,, "), [])


if __name__ == "__main__":
    unittest.main()
