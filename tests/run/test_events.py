"""What happens in a run, as data: strict JSON for programs, whole and in order."""

import dataclasses
import inspect
import json

import pytest

from fedray.run import events
from fedray.run.events import RoundClosed, as_record, tell

EXAMPLES = {int: 3, float: 0.5, str: "text", dict[str, float]: {"loss": 0.5}, list[str]: ["a"], str | None: None}
KINDS = [kind for _, kind in inspect.getmembers(events, dataclasses.is_dataclass) if kind.__module__ == events.__name__]


def strictly(text: str) -> dict:
    """JSON as RFC 8259 has it: NaN and Infinity are no numbers."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_event_is_a_flat_record_that_survives_json(kind):
    fields = {field.name: EXAMPLES.get(field.type, {}) for field in dataclasses.fields(kind)}
    record = as_record(kind(**fields))
    assert strictly(json.dumps(record)) == record
    assert record.keys() == {"event", *fields}


def test_a_records_name_is_its_kind_in_lower_case():
    assert as_record(RoundClosed(1, True, 2, 3, 0.5, 1.0, 9, "ab"))["event"] == "round_closed"


def test_every_watcher_is_told_in_order():
    heard = []
    tell([lambda event: heard.append(("one", event)), lambda event: heard.append(("two", event))], "news")
    assert heard == [("one", "news"), ("two", "news")]


def test_a_runs_events_are_kept_as_json_lines_with_their_times(make_app, train):
    run = train(make_app(), "rounds=2")
    lines = [strictly(line) for line in (run.folder.path / "events.jsonl").read_text().splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds.count("round_closed") == kinds.count("evaluated") == 2
    assert kinds[-1] == "run_ended" and "cohort_done" not in kinds
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_events_of_a_round_come_in_the_order_they_happen(make_app, train):
    names = [type(event).__name__ for event in train(make_app(), "rounds=1", "users.cohort_size=2").events]
    order = ["RunStarted", "RoundStarted", "CohortDone", "RoundClosed", "Evaluated", "RunEnded"]
    assert [name for name in dict.fromkeys(names) if name in order] == order
    assert names.count("CohortDone") == 3


NOT_A_NUMBER = """
class Variant(Blobs):
    def summarise(self, means):
        return {"accuracy": means["accuracy"], "ratio": float("nan")}
"""


def test_a_metric_that_is_not_a_number_still_makes_json_that_every_program_reads(make_app, train):
    run = train(make_app(NOT_A_NUMBER, task="Variant"), "rounds=1")
    for name in ("events.jsonl", "metrics.jsonl"):
        for line in (run.folder.path / name).read_text().splitlines():
            strictly(line)
    strictly((run.folder.path / "run.json").read_text())
