"""http(s) URLs as a browser resolves them, for the truth script.

Responsible for: resolving a reference against a base by the rules of the WHATWG URL standard, and for
the canonical form in which dragline writes URLs (no fragment, no userinfo, RFC 3986 section 6.2.2
escapes). Written from the standard and from nothing of dragline's, because it is the yardstick.

Deliberately not: other schemes than http and https (`resolve` gives None for them), IDNA beyond what
Python's codec does, IPv6 and the odd spellings of IPv4 addresses. `urllib.parse.urljoin` would not
do: it follows RFC 3986, so it keeps `\\`, tabs and `%2e` segments, does not escape spaces, and reads
`http:page.html` as absolute.
"""

import re
from typing import NamedTuple, Optional
from urllib.parse import unquote

C0_AND_SPACE = "".join(map(chr, range(0x21)))
DEFAULT_PORTS = {"http": 80, "https": 443}
# Percent-encode sets of the standard, without controls and non-ASCII, which are always encoded.
PATH_ESCAPES = frozenset(' "#<>?^`{}')
QUERY_ESCAPES = frozenset(" \"#<>'")
FORBIDDEN_IN_HOST = frozenset("\x00\t\n\r #/:<>?@[\\]^|%")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~")
# A dot may form a dot segment after the parser has passed by, so its escape stays.


class Url(NamedTuple):
    """A parsed URL without userinfo and fragment. `path` starts with a slash."""

    scheme: str
    host: str
    port: Optional[int]
    path: str
    query: Optional[str]

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{self.host}{port}{self.path}{query}"


def resolve(base: Optional[Url], reference: str) -> Optional[Url]:
    """What `reference` means on a page at `base`; None if that is no valid http(s) URL."""
    text = reference.strip(C0_AND_SPACE)
    text = re.sub("[\t\n\r]", "", text)
    text = text.split("#", 1)[0]
    scheme_match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme_match:
        scheme = scheme_match.group(1).lower()
        if scheme not in DEFAULT_PORTS:
            return None
        rest = text[scheme_match.end() :]
        same_scheme = base is not None and base.scheme == scheme
        if not (same_scheme and rest[:1] not in ("/", "\\")) and not (same_scheme and _is_one_slash(rest)):
            # "special authority (ignore) slashes": any number of either slash.
            return _with_authority(scheme, rest.lstrip("/\\"))
        text = rest
    if base is None:
        return None
    if text[:1] in ("/", "\\") and text[1:2] in ("/", "\\"):
        return _with_authority(base.scheme, text.lstrip("/\\"))
    return _relative(base, text)


def _is_one_slash(rest: str) -> bool:
    """Whether `http:` is followed by one slash only: relative to the base's host, not an authority."""
    return rest[:1] in ("/", "\\") and rest[1:2] not in ("/", "\\")


def _with_authority(scheme: str, rest: str) -> Optional[Url]:
    end = next((i for i, char in enumerate(rest) if char in "/\\?"), len(rest))
    authority, tail = rest[:end], rest[end:]
    host_port = authority.rsplit("@", 1)[-1]
    match = re.fullmatch(r"(.*?)(?::([0-9]*))?", host_port, re.DOTALL)
    host = _host(match.group(1))
    if host is None:
        return None
    port = int(match.group(2)) if match.group(2) else None
    if port is not None and port > 65535:
        return None
    if port == DEFAULT_PORTS[scheme]:
        port = None
    path, query = _split_query(tail)
    return Url(scheme, host, port, _path([], path), query)


def _relative(base: Url, text: str) -> Url:
    path, query = _split_query(text)
    if not path:
        return base._replace(query=base.query if query is None else query)
    if path[0] in "/\\":
        return base._replace(path=_path([], path), query=query)
    # The base's last segment gives way to the reference.
    parents = base.path.split("/")[1:-1]
    return base._replace(path=_path(parents, path), query=query)


def _split_query(text: str):
    path, mark, query = text.partition("?")
    return path, _canonical_escapes(_escape(query, QUERY_ESCAPES)) if mark else None


def _path(segments: list, text: str) -> str:
    """Appends the segments of `text` to `segments`, honouring dot segments, and serialises."""
    segments = list(segments)
    parts = re.split(r"[/\\]", text[1:] if text[:1] in ("/", "\\") else text)
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        plain = re.sub("%2e", ".", part, flags=re.IGNORECASE)
        if plain == "..":
            if segments:
                segments.pop()
            if last:
                segments.append("")
        elif plain == ".":
            if last:
                segments.append("")
        else:
            segments.append(_canonical_escapes(_escape(part, PATH_ESCAPES)))
    return "/" + "/".join(segments)


def _host(text: str) -> Optional[str]:
    text = unquote(text, errors="replace")
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if not text or FORBIDDEN_IN_HOST & set(text) or any(ord(char) <= 0x1F or ord(char) == 0x7F for char in text):
        return None
    return text.lower()


def _escape(text: str, escapes: frozenset) -> str:
    out = []
    for char in text:
        if char in escapes or not 0x20 <= ord(char) <= 0x7E:
            out.append("".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace")))
        else:
            out.append(char)
    return "".join(out)


def _canonical_escapes(text: str) -> str:
    """RFC 3986 section 6.2.2: upper-case hex digits, unreserved characters not escaped."""

    def one(match: "re.Match") -> str:
        char = chr(int(match.group(1), 16))
        return char if char in UNRESERVED else match.group(0).upper()

    return re.sub("%([0-9A-Fa-f]{2})", one, text)
