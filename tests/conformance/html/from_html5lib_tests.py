#!/usr/bin/python3
"""Makes `cases.json` of the tree-construction tests of html5lib-tests.

    from_html5lib_tests.py <folder with the .dat files> > cases.json

A case is a document, and the links that the published tree has: elements with their references, in the
words of `dragline inspect links`, each once, sorted. Only the trees are read, no parser is asked. Left out are
fragments, tests that want scripts to run, and documents in which neither side could find a link.

Few of the tests' elements refer to anything. Where none does, each tag that could is given a reference, `x`: that
changes no tree, and which kinds of elements are in the tree is then which kinds of links there are. The identifiers
of these cases end in `+`.
"""

import json
import pathlib
import re
import sys

# Element to attributes, and the kind where it is not the element's name.
REFERENCES = {
    "a": ("href",), "area": ("href",), "iframe": ("src",), "frame": ("src",), "img": ("src",), "embed": ("src",),
    "script": ("src",), "video": ("src", "poster"), "audio": ("src",), "source": ("src",), "track": ("src",),
    "object": ("data",), "form": ("action",), "body": ("background",), "table": ("background",), "td": ("background",),
    "blockquote": ("cite",), "q": ("cite",),
}  # fmt: skip
KINDS = {"body": "background", "table": "background", "td": "background", "blockquote": "cite", "q": "cite"}
FOREIGN = {"svg a": "a", "math a": "a", "svg image": "svg", "svg use": "svg", "svg feImage": "svg", "svg script": "script"}
MAY_BE_EMPTY = {"a", "area", "form"}
GIVEN = " href=x src=x action=x background=x cite=x data=x"
TAG = re.compile(r"<(%s|image|use|feimage)(?=[\t\n\f />])" % "|".join(REFERENCES), re.I)
LINKS_LIKELY = re.compile(r"<(a|area|i?frame|ima?ge?|embed|script|video|form|use|q|body|table)\b[^<]*=", re.I)


def tests_of(text):
    """Each test as a dictionary from section to text."""
    section, test = None, {}
    for line in text.split("\n"):
        if line.startswith("#") and re.fullmatch(r"#(data|errors|new-errors|document|document-fragment|script-o(n|ff))", line):
            if line == "#data" and test:
                yield test
                test = {}
            section = line[1:]
            test[section] = []
        elif section:
            test[section].append(line)
    if test:
        yield test


def links_of(tree):
    """The links in a tree as the tests write it."""
    stack, links = [], set()  # Of (indent, namespace, name).
    for line in tree:
        match = re.match(r"\| ( *)(.*)", line)
        if not match:
            continue
        indent, rest = len(match[1]), match[2]
        while stack and stack[-1][0] >= indent:
            stack.pop()
        element = re.fullmatch(r"<(?:(svg|math) )?([^ !?>]+)>", rest)
        if element:
            stack.append((indent, element[1] or "html", element[2]))
        elif rest == "content":
            stack.append((indent, "inert", ""))
        attribute = re.fullmatch(r'((?:xlink )?[a-z]+)="(.*)"', rest)
        if not attribute or not stack or any(namespace == "inert" for _, namespace, _ in stack):
            continue
        _, namespace, name = stack[-1]
        if namespace == "html" and attribute[1] in REFERENCES.get(name, ()):
            kind = KINDS.get(name, name)
        elif attribute[1] in ("href", "xlink href") and f"{namespace} {name}" in FOREIGN:
            kind = FOREIGN[f"{namespace} {name}"]
        else:
            continue
        if attribute[2] or kind in MAY_BE_EMPTY:
            links.add((kind, attribute[2]))
    return sorted(links)


def kinds_of(tree):
    """The kinds of links that a tree would have if all its elements referred to `x`."""
    given = []
    for line in tree:
        given.append(line)
        element = re.fullmatch(r"(\| *)<(?:(svg|math) )?([^ !?>]+)>", line)
        if element and element[3] != "body":
            attribute = "href" if element[2] else REFERENCES.get(element[3], ("",))[0]
            given.append(f'{element[1]}  {attribute}="x"')
    return links_of(given)


def main():
    cases = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.dat")):
        for number, test in enumerate(tests_of(path.read_bytes().decode()), 1):
            if "document-fragment" in test or "script-on" in test:
                continue
            html = "\n".join(test["data"])
            links = links_of(test["document"])
            identifier = f"{path.stem}/{number}"
            if links or LINKS_LIKELY.search(html):
                cases.append({"id": identifier, "html": html, "links": links})
            elif TAG.search(html):
                html = TAG.sub(lambda tag: tag[0] + ("" if tag[1].lower() == "body" else GIVEN), html)
                cases.append({"id": identifier + "+", "html": html, "links": kinds_of(test["document"])})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    sys.stdout.write(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
