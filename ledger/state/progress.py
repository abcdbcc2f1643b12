"""How the operator leads a run: rounds in order, each closed over what was committed to it; and what is said of models.

A run that resumes goes back to a model it had; what came after is superseded. Each rule checks first and changes last.
"""

from ledger.errors import Refused
from ledger.schemas import Fields
from ledger.state.accounts import OPERATOR, Account
from ledger.state.contributions import Rule
from ledger.state.rounds import Round
from ledger.state.runs import Run


def open_run(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Begin a run."""
    if run.recipe:
        raise Refused(f"the run {run.name} was opened before; take a new name, or state run.resume.")
    run.recipe, run.staleness = fields["recipe"], fields["staleness"]


def open_round(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Begin the next round."""
    run.check_open()
    following = run.last() + 1
    if run.round is not None:
        raise Refused(f"round {following} is open already; state round.close before the next.")
    if fields["round"] != following:
        raise Refused(f"round {fields['round']} cannot be opened; the next one is {following}.")
    run.check_model("parent", fields["parent"], run.last())
    run.round = Round(following, fields["users"])


def close_round(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """End the open round with the model it made."""
    current = run.check_current(fields["round"])
    run.check_model("parent", fields["parent"], run.last())
    current.check_close(fields, seq)
    run.close_round(fields["model"])


def evaluate(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Say how good the model of a round is."""
    if speaker.role not in (OPERATOR, "evaluator"):
        raise Refused(f"{speaker.who} is registered as {speaker.role}; only the operator and evaluators evaluate.")
    run.check_model("model", fields["model"], fields["round"])


def save_checkpoint(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Name the file from which the run can go on after a round."""
    run.check_model("model", fields["model"], fields["round"])


def resume(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Go back to a closed round, the last one included."""
    run.check_model("model", fields["model"], fields["round"])
    run.resume(fields["round"])


def close_run(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """End the run; what was committed to a round left open does not count."""
    run.check_open()
    if fields["rounds"] != run.last():
        raise Refused(f"{fields['rounds']} rounds are not what {run.name} has closed; it is {run.last()}.")
    run.check_model("model", fields["model"], run.last())
    run.closed, run.round = True, None


PROGRESS: dict[str, Rule] = {
    "run.open": open_run,
    "round.open": open_round,
    "round.close": close_round,
    "evaluation": evaluate,
    "checkpoint.save": save_checkpoint,
    "run.resume": resume,
    "run.close": close_run,
}
