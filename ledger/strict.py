"""One number, one spelling: the decimals and base64 (RFC 4648, section 4) of the C2SP formats, read without mercy.

Python's own readers forgive too much for bytes that are signed: `int` takes "7_00", " 7 " and "٧", and `b64decode`
takes stray bits in the last digit even when it validates.
"""

import base64
import re

from ledger.errors import Refused

MAX_COUNT = 2**63 - 1  # sizes, indexes and times: what every implementation's integers can hold
HASH_BYTES = 32
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def decimal(text: str, what: str) -> int:
    """The integer from 0 to 2**63 - 1 that `text` is; Refused unless ASCII digits without leading zeros."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_COUNT:
        raise Refused(f"the {what} is {_short(text)}; write 0 to 2**63 - 1 in ASCII digits, without leading zeros.")
    return int(text)


def base64_bytes(text: str, what: str) -> bytes:
    """The bytes whose only base64 spelling is `text`; Refused for other digits, missing padding or stray bits."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused(f"the {what} {_short(text)} is not base64; write it in the standard alphabet, padded.") from error
    if base64_text(data) != text:
        raise Refused(f"the {what} {_short(text)} has stray bits at its end; encode the bytes again.")
    return data


def base64_hash(text: str, what: str) -> bytes:
    """The 32 bytes of a SHA-256 hash spelled in base64; Refused for another length."""
    data = base64_bytes(text, what)
    if len(data) != HASH_BYTES:
        raise Refused(f"the {what} has {len(data)} bytes; a SHA-256 hash has {HASH_BYTES}.")
    return data


def base64_text(data: bytes) -> str:
    """The base64 spelling of `data`."""
    return base64.b64encode(data).decode("ascii")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
