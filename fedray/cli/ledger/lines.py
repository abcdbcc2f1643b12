"""Signed statements on their way from a participant to the operator: one a line, `{"body":{…},"sig":"<base64>"}`.

Canonical JSON, like the entries they become, so that what is read is what was signed.
"""

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.statements import Statement


def format_line(statement: "Statement") -> str:
    """The statement's line, without the newline."""
    from ledger.canonical import encode
    from ledger.strict import base64_text

    return encode({"body": statement.body, "sig": base64_text(statement.signature)}).decode()


def parse_lines(data: bytes) -> Iterator["Statement"]:
    """The statements, forms and signatures checked; Refused, naming the line, for anything else but blank lines."""
    from ledger.errors import Refused

    if data.startswith(codecs.BOM_UTF8):
        raise Refused("line 1: the file begins with a byte-order mark; save it as UTF-8 without one.")
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            try:
                yield _parse(line)
            except Refused as error:
                raise Refused(f"line {number}: {error}") from error


def _parse(line: bytes) -> "Statement":
    from ledger.canonical import decode
    from ledger.errors import Refused
    from ledger.schemas import check_body
    from ledger.statements import Statement, check_signature
    from ledger.strict import base64_bytes

    if line.endswith(b"\r"):
        raise Refused("it ends as in a Windows file (CR LF); have lines end in LF alone, as --sign-only prints them.")
    try:
        value = decode(line)
    except Refused as error:
        raise Refused(f"it is no statement as --sign-only prints them; {error}") from error
    if not isinstance(value, dict) or value.keys() != {"body", "sig"} or not isinstance(value["sig"], str):
        raise Refused('a statement is written {"body":{…},"sig":"<base64>"}; --sign-only prints such lines.')
    body = value["body"]
    if not isinstance(body, dict):
        raise Refused("the statement's body is no object; --sign-only prints one.")
    check_body(body)
    statement = Statement(body, base64_bytes(value["sig"], "signature"))
    check_signature(statement)
    return statement
