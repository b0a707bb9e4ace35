#!/usr/bin/python3
"""Makes `cases.json` of the tokenizer tests of html5lib-tests.

    from_html5lib_tests.py <folder with the .test files> > cases.json

A case is a text, the state in which it begins, the last start tag before it, and the tokens that it is: text in one
piece, start tags with their attributes, and end tags. Comments, doctypes and errors are left out, and with them what
separates two texts. So are the files with every named reference and every character, `namedEntities` and `unicodeChars`: what
they test is the work of html5gum, which is tested by them itself. Each text is there once.
"""

import json
import pathlib
import re
import sys

LEFT_OUT = {"namedEntities", "unicodeChars", "unicodeCharsProblematic", "xmlViolation"}
STATES = {
    "Data state": "data",
    "PLAINTEXT state": "plaintext",
    "RCDATA state": "rcdata",
    "RAWTEXT state": "rawtext",
    "Script data state": "script",
    "CDATA section state": "cdata",
}


def unescaped(value):
    """The value of a test that says that it is escaped twice."""
    if isinstance(value, str):
        return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, list):
        return [unescaped(one) for one in value]
    if isinstance(value, dict):
        return {unescaped(name): unescaped(one) for name, one in value.items()}
    return value


def tokens_of(output):
    """Text is `text`, a start tag `[name, attributes]` or `[name, attributes, true]`, an end tag `[name]`."""
    tokens = []
    for token in output:
        if token == "ParseError" or token[0] in ("Comment", "DOCTYPE"):
            continue
        if token[0] == "Character":
            if tokens and isinstance(tokens[-1], str):
                tokens[-1] += token[1]
            else:
                tokens.append(token[1])
        else:
            tokens.append(token[1:])
    return tokens


def cases(folder):
    known = set()
    for file in sorted(pathlib.Path(folder).glob("*.test")):
        if file.stem in LEFT_OUT:
            continue
        for number, test in enumerate(json.loads(file.read_text(encoding="utf-8"))["tests"]):
            text, output = test["input"], test["output"]
            if test.get("doubleEscaped"):
                text, output = unescaped(text), unescaped(output)
            if any("\ud800" <= character <= "\udfff" for character in text):
                continue  # No text has a surrogate of its own.
            for state in test.get("initialStates", ["Data state"]):
                case = {"id": f"{file.stem}/{number}", "state": STATES[state], "text": text, "tokens": tokens_of(output)}
                if "lastStartTag" in test:
                    case["last"] = test["lastStartTag"]
                key = (case["state"], text, case.get("last"))
                if key not in known:
                    known.add(key)
                    yield case


print("[" + ",\n".join(json.dumps(case, sort_keys=True) for case in cases(sys.argv[1])) + "]")
