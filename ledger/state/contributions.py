"""What participants contribute to a run: data, code, models, updates, work.

Data comes before training on it, and nothing counts twice. Each rule checks first and changes last.
"""

from collections.abc import Callable

from ledger.errors import Refused
from ledger.schemas import Fields
from ledger.state.accounts import OPERATOR, Account
from ledger.state.runs import Run

Rule = Callable[[Run, Account, Fields, int], None]


def publish_algorithm(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Remember who published the code first; the same again says nothing new."""
    if run.open and speaker.role != OPERATOR:
        raise Refused(f"the run {run.name} is open; only the operator may publish an algorithm for it now.")
    key = (fields["app"], fields["code"], fields["recipe"])
    if run.algorithms.get(key, speaker.number) != speaker.number:
        raise Refused(f"another account published the code {key[1]} of {key[0]} first; publish your own.")
    run.algorithms[key] = speaker.number


def register_data(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Bind an account to its data; the same again says nothing new, so a resumed run may repeat it."""
    data = (fields["root"], fields["examples"])
    if run.data.get(speaker.number, data) != data:
        raise Refused(f"{speaker.who} has registered other data for {run.name}; register an account for these.")
    run.data[speaker.number] = data


def publish_model(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Publish the initial model, or a link of chained training in the open round."""
    model, parent, number = fields["model"], fields["parent"], fields["round"]
    run.check_open()
    if parent == "" or number == 0:
        _publish_initial(run, speaker, fields)
        return
    current = run.check_current(number)
    if parent not in run.known and parent not in current.links:
        raise Refused(f"the parent {parent} is no model of {run.name}; name one, or a link of the open round.")
    current.link(speaker.number, model)


def _publish_initial(run: Run, speaker: Account, fields: Fields) -> None:
    if speaker.role != OPERATOR or fields["parent"] != "" or fields["round"] != 0:
        raise Refused("only the initial model has round 0 and an empty parent, and the operator publishes it.")
    if run.models and (len(run.models) > 1 or run.models[0] != fields["model"]):
        raise Refused(f"the run {run.name} has its initial model, {run.models[0]}; go on from the newest one.")
    run.models[:] = [fields["model"]]
    run.known.add(fields["model"])


def commit(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Commit to an update without showing it."""
    number = fields["round"]
    current = run.check_fresh(number)
    data = run.data.get(speaker.number)
    if data is None or fields["examples"] > data[1]:
        have = "no data" if data is None else f"{data[1]} examples"
        raise Refused(f"{speaker.who} has {have} registered for {run.name}; state data.register before training.")
    if (speaker.number, number) in run.counted:
        raise Refused(f"{speaker.who} has committed to round {number} already; one update a round is allowed.")
    run.check_model("parent", fields["parent"], number - 1)
    current.commit(speaker.number, fields, seq)


def reveal(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Show what was committed to, unless another account had shown it before it could be committed to."""
    current, update = run.current(), fields["update"]
    if run.revealed.get(update, (speaker.number,))[0] != speaker.number:
        raise Refused(f"another account revealed the update {update} in an earlier round; reveal one of your own.")
    current.reveal(speaker.number, fields, seq)


def report(run: Run, speaker: Account, fields: Fields, seq: int) -> None:
    """Claim work done for a cohort."""
    current = run.check_fresh(fields["round"])
    if (speaker.number, fields["round"], fields["cohort"]) in run.counted:
        raise Refused(f"{speaker.who} has reported cohort {fields['cohort']} of that round; report work once.")
    current.report(speaker.number, fields)


CONTRIBUTIONS: dict[str, Rule] = {
    "algorithm.publish": publish_algorithm,
    "data.register": register_data,
    "model.publish": publish_model,
    "update.commit": commit,
    "update.reveal": reveal,
    "compute.report": report,
}
