"""The server: holds the global weights, adds partial sums in cohort order, merges by the strategy; computes little."""

from dataclasses import dataclass

import numpy as np

from fedray.layers.messages import CohortResult, UserReport
from fedray.strategies import Strategy
from fedray.training.flat_model import Weights


@dataclass(frozen=True)
class RoundTotals:
    """What a closed round came to."""

    reports: tuple[UserReport, ...]
    train_loss: float
    examples: int
    bytes_up: int


class Server:
    """Whatever order cohorts arrive in, their sums are added in cohort order, as float addition is not associative."""

    def __init__(self, weights: Weights, strategy: Strategy) -> None:
        self.weights = weights
        self._strategy = strategy
        self.open_round(0)

    def open_round(self, cohorts: int) -> None:
        """Begin a round of ``cohorts`` partial sums."""
        self._expected = cohorts
        self._early: dict[int, CohortResult] = {}
        self._sum: Weights | None = None
        self._reports: list[UserReport] = []
        self._weight_sum = 0.0
        self._added_count = 0
        self._bytes = 0

    def receive(self, result: CohortResult) -> None:
        """Keep a cohort's partial sum until all earlier cohorts are in, then add it."""
        self._early[result.cohort] = result
        while (ready := self._early.pop(self._added_count, None)) is not None:
            self._add(ready)

    def close_round(self) -> RoundTotals:
        """Merge the round into the global weights."""
        assert self._sum is not None and self._added_count == self._expected
        self.weights = self._strategy.merge(self.weights, self._sum, self._weight_sum)
        examples = sum(report.examples for report in self._reports)
        loss = sum(report.loss * report.examples for report in self._reports) / examples
        totals = RoundTotals(tuple(self._reports), loss, examples, self._bytes)
        self.open_round(0)
        return totals

    def _add(self, result: CohortResult) -> None:
        if self._sum is None:
            self._sum = np.array(result.update_sum)
        else:
            self._sum += result.update_sum
        self._weight_sum += result.weight_sum
        self._reports += result.reports
        self._added_count += 1
        self._bytes += result.update_sum.nbytes
