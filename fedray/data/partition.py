"""Dividing one training set over simulated users. Names follow the partitioners of Flower Datasets.

IID: a random permutation cut into equal parts. Dirichlet: for each label, shares over users drawn from Dir(alpha),
as in Yurochkin et al. 2019 (arXiv 1905.12022) and Hsu et al. 2019 (arXiv 1909.06335). Natural id: one user for each
label value, the plainest non-IID split (one family of velocity models per user).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fedray.errors import InvalidInput
from fedray.randomness import numpy_generator
from fedray.settings import Settings

Labels = NDArray[np.int64] | None


@dataclass(frozen=True)
class Partition:
    """Which examples each user holds: user u has ``order[offsets[u]:offsets[u + 1]]``, sorted."""

    order: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, user: int) -> NDArray[np.int64]:
        """Indices of one user's examples."""
        return self.order[self.offsets[user] : self.offsets[user + 1]]

    def counts(self) -> NDArray[np.int64]:
        """Number of examples of every user."""
        return np.diff(self.offsets)


class Iid(Settings):
    """Equal random parts."""

    name: Literal["iid"] = "iid"

    def divide(self, examples: int, labels: Labels, users: int, seed: int) -> Partition:
        """Cut a random permutation into ``users`` parts whose sizes differ by one at most."""
        shuffled = numpy_generator(seed, "partition").permutation(examples)
        return _partition(np.array_split(shuffled, users))


class Dirichlet(Settings):
    """Label shares drawn from a Dirichlet distribution: the smaller alpha, the more unlike the users are."""

    name: Literal["dirichlet"] = "dirichlet"
    alpha: float = Field(0.5, gt=0)
    min_examples: int = Field(1, ge=1, description="draw again until every user has at least this many")

    def divide(self, examples: int, labels: Labels, users: int, seed: int) -> Partition:
        """Divide each label's examples by its own draw of shares."""
        known = _labels(labels, self.name)
        if users * self.min_examples > examples:
            raise InvalidInput(
                f"users.partition.min_examples = {self.min_examples} for {users} users needs "
                f"{users * self.min_examples} examples, but there are {examples}; lower it or users.count."
            )
        rng = numpy_generator(seed, "partition")
        for _ in range(1000):
            parts = self._draw(known, users, rng)
            if min(len(part) for part in parts) >= self.min_examples:
                return _partition(parts)
        raise InvalidInput(
            f"users.partition.alpha = {self.alpha} leaves some of the {users} users with fewer than "
            f"{self.min_examples} of the {examples} examples in 1000 draws: raise alpha or lower users.count."
        )

    def _draw(self, labels: NDArray[np.int64], users: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        parts: list[list[NDArray[np.int64]]] = [[] for _ in range(users)]
        for label in np.unique(labels):
            members = rng.permutation(np.flatnonzero(labels == label))
            shares = rng.dirichlet(np.full(users, self.alpha))
            cuts = (np.cumsum(shares)[:-1] * len(members)).astype(np.int64)
            for part, piece in zip(parts, np.split(members, cuts), strict=True):
                part.append(piece)
        return [np.concatenate(part) for part in parts]


class NaturalId(Settings):
    """Every user holds exactly one label value (label values are dealt round-robin when users are fewer)."""

    name: Literal["natural-id"] = "natural-id"

    def divide(self, examples: int, labels: Labels, users: int, seed: int) -> Partition:
        """One user a label; with more users than labels, a label's examples are shared out equally."""
        known = _labels(labels, self.name)
        values = np.unique(known)
        shuffled = numpy_generator(seed, "partition").permutation(examples)
        if users <= len(values):
            rank = np.searchsorted(values, known[shuffled])
            return _partition([shuffled[rank % users == user] for user in range(users)])
        holders = [np.flatnonzero(np.arange(users) % len(values) == place) for place in range(len(values))]
        parts: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * users
        for value, group in zip(values, holders, strict=True):
            pieces = np.array_split(shuffled[known[shuffled] == value], len(group))
            for user, piece in zip(group, pieces, strict=True):
                parts[user] = piece
        return _partition(parts)


PartitionBy = Annotated[Iid | Dirichlet | NaturalId, Field(discriminator="name")]


def divide(by: PartitionBy, examples: int, labels: Labels, users: int, seed: int) -> Partition:
    """Divide ``examples`` over ``users``. Raises InvalidInput when there are fewer examples than users."""
    if examples < users:
        raise InvalidInput(
            f"The training set has {examples} examples for users.count = {users}; every user needs at least one: "
            f"lower users.count or use more data."
        )
    if labels is not None:
        _check_labels(np.asarray(labels), examples)
    partition = by.divide(examples, labels, users, seed)
    empty = np.flatnonzero(partition.counts() == 0)
    if len(empty):
        raise InvalidInput(f"users.partition {by.name} leaves user {empty[0]} without examples: lower users.count.")
    return partition


def _check_labels(labels: NDArray[Any], examples: int) -> None:
    if labels.shape != (examples,) or labels.dtype.kind not in "iu":
        raise InvalidInput(
            f"The task's labels() have shape {labels.shape} and type {labels.dtype} for {examples} training examples; "
            f"return one integer for each, shape ({examples},)."
        )


def _labels(labels: Labels, name: str) -> NDArray[np.int64]:
    if labels is None:
        raise InvalidInput(
            f"users.partition.name = {name} divides by labels, but the task gives none: "
            f"use iid, or return one integer per training example from the task's labels()."
        )
    return np.asarray(labels, dtype=np.int64)


def _partition(parts: list[NDArray[np.int64]]) -> Partition:
    counts = [len(part) for part in parts]
    order = np.concatenate([np.sort(part) for part in parts]).astype(np.int64)
    return Partition(order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
