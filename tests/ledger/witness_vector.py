"""The nine requests of torchwood's witness test, and what today's tlog-witness answers.

FiloSottile/torchwood, cmd/litewitness/testdata/litewitness.txt (ISC licence): the log's key, its checkpoints and
proofs. The third answer there is 403: an unknown log is 404 since tlog-witness v1.0.0.
"""

from typing import NamedTuple

LOG_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
ORIGIN = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
OTHER_ORIGIN = ORIGIN[:-1] + "3"

ROOT_1 = "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
ROOT_3 = "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0="
ROOT_5 = "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY="
SIGNED_1 = "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY="
SIGNED_3 = "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go="
BADLY_SIGNED_3 = SIGNED_3.replace("6go=", "6gx=")
SIGNED_5 = "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww="

SECOND_LEAF = "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
THIRD_LEAF = "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NOT_THE_THIRD = "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABA="
FROM_1_TO_5 = (
    SECOND_LEAF,
    "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
)
FROM_3_TO_5 = (
    THIRD_LEAF,
    "KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
)


class Case(NamedTuple):
    """A request's body, the status it gets, and what the answer's body contains (of a 409: is)."""

    body: bytes
    status: int
    says: str


def request(old, proof, size, root, signature, origin=ORIGIN):
    return "\n".join([f"old {old}", *proof, "", origin, str(size), root, "", f"— {origin} {signature}", ""]).encode()


CASES = (
    Case(request(0, (), 1, ROOT_1, SIGNED_1), 200, "— example.com/witness "),
    Case(request(1, (SECOND_LEAF, THIRD_LEAF), 3, ROOT_3, BADLY_SIGNED_3), 403, "invalid signature"),
    Case(request(1, (SECOND_LEAF, THIRD_LEAF), 3, ROOT_3, SIGNED_3, OTHER_ORIGIN), 404, "unknown log"),
    Case(request(1, (), 3, ROOT_3, SIGNED_3), 422, "consistency proof"),
    Case(request(1, (SECOND_LEAF, NOT_THE_THIRD), 3, ROOT_3, SIGNED_3), 422, "consistency proof"),
    Case(request(1, (SECOND_LEAF, THIRD_LEAF), 3, ROOT_3, SIGNED_3), 200, "— example.com/witness "),
    Case(request(1, FROM_1_TO_5, 5, ROOT_5, SIGNED_5), 409, "3\n"),
    Case(request(3, FROM_3_TO_5, 5, ROOT_5, SIGNED_5), 200, "— example.com/witness "),
    Case(request(0, (), 5, ROOT_5, SIGNED_5), 409, "5\n"),
)
