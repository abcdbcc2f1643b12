"""One open round: who committed to which update, who revealed it, who reported work, and the chain of models.

Commit before reveal: once the first update is revealed nobody may commit any more, so nobody copies what he has seen.
The operator proves it with a checkpoint that holds every commit and no reveal.
"""

from typing import Any, NamedTuple

from ledger.errors import Refused
from ledger.schemas import Fields
from ledger.statements import commitment


class Commit(NamedTuple):
    """What one account has committed to under the key `who`, and the digest of the update once it has shown it."""

    who: str
    commitment: str
    examples: int
    update: str = ""


class Round:
    """The state of round `number`, which the operator opened for `users` users; it is dropped when it closes."""

    def __init__(self, number: int, users: int) -> None:
        self.number = number
        self.users = users
        self.commits: dict[tuple[int, int], Commit] = {}  # (account, round it was trained for); stale ones are late
        self.reports: set[tuple[int, int, int]] = set()  # (account, round, cohort)
        self.links: dict[str, list[int]] = {}  # model -> the accounts that published it
        self.commits_end = 0  # how many statements there were with the last commit
        self.reveals_begin: int | None = None  # how many there were before the first reveal

    def commit(self, account: int, fields: Fields, seq: int) -> None:
        """Take in an update.commit whose round, parent and examples the run has checked."""
        key = (account, fields["round"])
        if self.reveals_begin is not None:
            raise Refused(f"round {self.number} is being revealed; commit to an update before the first reveal.")
        if key in self.commits:
            raise Refused(f"{fields['who']} has committed to round {key[1]} already; one update a round is allowed.")
        self.commits[key] = Commit(fields["who"], fields["commitment"], fields["examples"])
        self.commits_end = seq + 1

    def reveal(self, account: int, fields: Fields, seq: int) -> None:
        """Take in an update.reveal."""
        key = (account, fields["round"])
        commit = self.commits.get(key)
        if commit is None:
            raise Refused(f"{fields['who']} has not committed to round {key[1]}; state update.commit first.")
        if commit.update:
            raise Refused(f"{fields['who']} has revealed its update of round {key[1]} already; reveal it once.")
        what = (fields["log"], fields["run"], fields["round"], commit.who, fields["salt"], fields["update"])
        if commitment(*what) != commit.commitment:
            raise Refused(
                f"salt and update do not make the commitment {commit.commitment} of {commit.who} to round {key[1]}; "
                "reveal what it was made of."
            )
        self.commits[key] = commit._replace(update=fields["update"])
        if self.reveals_begin is None:
            self.reveals_begin = seq

    def report(self, account: int, fields: Fields) -> None:
        """Take in a compute.report whose round the run has checked."""
        report = (account, fields["round"], fields["cohort"])
        if report in self.reports:
            raise Refused(f"{fields['who']} has reported cohort {report[2]} of round {report[1]}; report work once.")
        self.reports.add(report)

    def link(self, account: int, model: str) -> None:
        """Take in a model.publish whose parent the run has checked."""
        publishers = self.links.get(model, [])
        if account in publishers:
            raise Refused(f"the model {model} was published by this account already; publish it once.")
        self.links[model] = [*publishers, account]

    def check_close(self, fields: Fields, size: int) -> None:
        """Return when a round.close counts what was committed and its head lies between commits and reveals."""
        stated = (fields["updates"], fields["examples"], fields["revealed"])
        commits = self.commits.values()
        found = (len(commits), sum(c.examples for c in commits), sum(c.update != "" for c in commits))
        if stated != found:
            raise Refused(f"the round closes over (updates, examples, revealed) = {stated}; what was said is {found}.")
        last = size if self.reveals_begin is None else self.reveals_begin
        if not self.commits_end <= fields["head_size"] <= last:
            raise Refused(
                f"head_size is {fields['head_size']}; name a checkpoint of size {self.commits_end} to {last}, "
                "with every commit of the round and no reveal."
            )

    def committers(self) -> list[int]:
        """The accounts that committed, each once, first ones first."""
        return list(dict.fromkeys(account for account, _ in self.commits))

    def dump(self) -> dict[str, Any]:
        """All of it as a canonical value."""
        return {
            "number": self.number,
            "users": self.users,
            "commits": [[*key, *commit] for key, commit in self.commits.items()],
            "reports": [list(report) for report in sorted(self.reports)],
            "links": [[model, accounts] for model, accounts in self.links.items()],
            "commits_end": self.commits_end,
            "reveals_begin": self.reveals_begin,
        }

    @classmethod
    def load(cls, value: Any) -> "Round":
        """What `dump` gave."""
        self = cls(value["number"], value["users"])
        self.commits = {(account, number): Commit(*rest) for account, number, *rest in value["commits"]}
        self.reports = {(account, number, cohort) for account, number, cohort in value["reports"]}
        self.links = {model: list(accounts) for model, accounts in value["links"]}
        self.commits_end, self.reveals_begin = value["commits_end"], value["reveals_begin"]
        return self
