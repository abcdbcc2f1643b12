"""What a run puts on record: rounds settled in order behind training, whoever dies in between; audits find it good."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from crew import Crew, digest, model, without_cosignatures

import ledger
from fedray.errors import EXIT_FAILED, EXIT_IO, FedrayError, InvalidInput, StorageError
from fedray.layers.messages import Revealed
from fedray.run.recipe import MOST_COSIGNATURES, Recipe
from ledger.audit import audit_dir
from ledger.keyring import KeyRing

TWO_WORKERS = ((0, (0, 1)), (1, (2, 3)), (0, (4,)))


@pytest.fixture
def app(make_app) -> Path:
    return make_app()


@pytest.fixture
def crew(app, tmp_path):
    crew = Crew(tmp_path / "runs" / "blobs-1", app)
    yield crew
    crew.record.release()


def check(crew: Crew, **kinds: int) -> None:
    """An audit finds nothing wrong, and so many statements of each of these kinds."""
    audit = audit_dir(crew.ledger, keys=crew.run / "keys")
    assert audit.ok, audit.problems
    found = {kind: audit.report.kinds.get(kind.replace("_", "."), 0) for kind in kinds}
    assert found == kinds


def test_a_round_is_opened_committed_to_revealed_and_closed_in_that_order(crew, said_in):
    crew.whole_round(1, TWO_WORKERS)
    crew.end(1)
    told = [body["kind"] for body in said_in(crew.ledger)]
    expected = ["genesis", "run.open", "algorithm.publish", "model.publish", "round.open", *["account.register"] * 7]
    assert told[: len(expected)] == expected
    assert sorted(told[len(expected) : -7]) == sorted(
        [*["data.register", "update.commit"] * 5, *["compute.report"] * 3]
    )
    assert told[-7:] == [*["update.reveal"] * 5, "round.close", "run.close"]
    check(crew, round_close=1, update_commit=5, update_reveal=5, account_register=7)


def test_rounds_settle_one_after_the_other_while_training_goes_on(crew, said_in):
    for number in (1, 2, 3):
        crew.train(number, TWO_WORKERS)
        crew.close(number)
    for number in (1, 2, 3):
        assert not crew.record.settled(number)
        orders = crew.ask()
        assert {order.round for order in orders.values()} == {number} and set(orders) == {0, 1}
        assert crew.record.orders() == [], "nobody is asked twice"
        assert crew.record.answering
        crew.answer(orders)
    crew.record.flush()
    assert crew.record.settled(3) and not crew.record.unsettled and not crew.record.answering
    crew.end(3)
    closed = [body["round"] for body in said_in(crew.ledger, "round.close")]
    assert closed == [1, 2, 3]
    check(crew, update_commit=15, update_reveal=15, data_register=5, account_register=7)


def test_a_round_is_settled_only_when_all_its_workers_have_answered(crew):
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    orders = crew.ask()
    assert orders[0].users == (0, 1, 4) and orders[1].users == (2, 3)
    crew.answer({1: orders[1]})
    assert crew.record.unsettled and crew.record.answering and not crew.record.settled(1)
    crew.answer({0: orders[0]})
    crew.record.flush()
    assert crew.record.settled(1)


def test_whoever_waits_is_woken_when_participants_can_be_asked(crew):
    woken = threading.Event()
    crew.record.when_published(woken.set)
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    assert woken.wait(30)
    assert {worker for worker, _ in crew.record.orders()} == {0, 1}


def test_only_new_users_and_nodes_open_accounts(crew, said_in):
    assert not crew.record.is_registered(0)
    crew.whole_round(1, ((0, (0, 1)),))
    assert crew.record.is_registered(0) and not crew.record.is_registered(2)
    crew.hire(0)  # a new process introduces itself again
    crew.whole_round(2, ((0, (0, 2)), (1, (1,))))
    crew.end(2)
    names = [body["name"] for body in said_in(crew.ledger, "account.register")]
    assert names == ["user-0", "user-1", "node-0", "user-2", "node-1"]
    check(crew, data_register=3)


def test_an_evaluation_that_comes_before_its_round_is_settled_is_recorded_after_it(crew, said_in):
    for number in (1, 2):
        crew.train(number, TWO_WORKERS)
        crew.close(number)
    crew.record.evaluated(2, model(2), {"accuracy": 0.5})
    crew.record.evaluated(1, model(1), {"accuracy": 0.1 + 0.2})
    crew.settle()
    crew.record.evaluated(2, model(2), {"loss": 1e-7})
    crew.end(2)
    told = [
        (body["kind"], body["round"]) for body in said_in(crew.ledger) if body["kind"] in ("evaluation", "round.close")
    ]
    assert told == [
        ("round.close", 1), ("evaluation", 1), ("round.close", 2), ("evaluation", 2), ("evaluation", 2),
    ]  # fmt: skip
    metrics = [body["metrics"] for body in said_in(crew.ledger, "evaluation")]
    assert [float(value) for said in metrics for value in said.values()] == [0.1 + 0.2, 0.5, 1e-7]
    check(crew, evaluation=3)


def test_a_checkpoint_is_stated_by_its_digest(crew, said_in):
    crew.whole_round(1, TWO_WORKERS)
    crew.record.saved(1, model(1))
    crew.end(1)
    [said] = said_in(crew.ledger, "checkpoint.save")
    assert (said["round"], said["model"], said["file"]) == (1, model(1), model(1))
    check(crew)


def quorum_of(wanted: str, users: int) -> str:
    return Recipe.model_validate({"ledger": {"quorum": wanted}, "users": {"count": users}}).quorum()


@pytest.mark.parametrize(("wanted", "least"), [("none", 0), ("majority", 3), ("all", 5), ("2", 2), ("400", 5)])
def test_a_round_carries_as_many_cosignatures_as_the_recipe_wants(app, tmp_path, said_in, wanted, least):
    crew = Crew(tmp_path / "run", app, quorum_of(wanted, users=5))
    crew.whole_round(1, TWO_WORKERS)
    crew.end(1)
    [close] = said_in(crew.ledger, "round.close")
    users = {body["who"] for body in said_in(crew.ledger, "account.register", role="end-user")}
    assert len(users & {cosigned["who"] for cosigned in close["cosignatures"]}) >= least
    check(crew, update_reveal=5)


@pytest.mark.parametrize(("wanted", "enough"), [("none", True), ("majority", False), ("all", False), ("1", False)])
def test_a_round_that_too_few_cosigned_fails_the_run(app, tmp_path, wanted, enough):
    crew = Crew(tmp_path / "run", app, quorum_of(wanted, users=5))
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    crew.answer(crew.ask(), without_cosignatures)
    if enough:
        crew.record.flush()
        assert crew.record.settled(1)
    else:
        with pytest.raises(
            FedrayError, match=r"ledger cannot go on: 0 of those who committed cosigned; the quorum needs"
        ):
            crew.record.flush()
    crew.record.release()


@pytest.mark.parametrize("wanted", ["all", "majority", "999"])
def test_a_round_of_more_users_than_a_statement_has_room_for_closes_with_as_many_as_it_has(
    app, tmp_path, said_in, wanted
):
    users = MOST_COSIGNATURES * 2 + 2
    crew = Crew(tmp_path / "run", app, quorum_of(wanted, users))
    half = users // 2
    crew.whole_round(1, ((0, range(half)), (1, range(half, users))))
    crew.end(1)
    [close] = said_in(crew.ledger, "round.close")
    accounts = {body["who"]: body["role"] for body in said_in(crew.ledger, "account.register")}
    roles = [accounts[cosigned["who"]] for cosigned in close["cosignatures"]]
    assert roles == ["end-user"] * MOST_COSIGNATURES
    check(crew, update_commit=users, update_reveal=users)


def test_an_objection_fails_the_run_and_says_who_saw_what(crew):
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    crew.ask()
    with pytest.raises(FedrayError, match=r"objects to the ledger in round 1: user-3 remembers another") as failed:
        crew.record.answered(0, Revealed(objection="user-3 remembers another one"))
    assert failed.value.exit_code == EXIT_FAILED and "\n" not in str(failed.value)


def test_participants_who_remember_a_longer_ledger_object_to_one_that_was_put_back(crew, app, tmp_path):
    """Ledger and key folder restored from a backup: nobody but the participants can tell."""
    crew.whole_round(1, TWO_WORKERS)
    crew.record.release()
    backup = shutil.copytree(crew.run, tmp_path / "backup" / crew.run.name)
    later = Crew(crew.run, app, round=1)
    later.whole_round(2, TWO_WORKERS)
    later.record.release()
    shutil.copy(crew.run / "memory", backup / "memory")
    restored = Crew(backup, app, round=1)
    restored.train(2, TWO_WORKERS)
    restored.close(2)
    with pytest.raises(FedrayError, match=r"participant objects to the ledger in round 2: (user|node)-\d remembers"):
        restored.settle()
    restored.record.release()


def test_a_worker_lost_between_asking_and_answering_is_asked_again(crew):
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    first = crew.ask()
    crew.record.lost(1)
    crew.hire(1)
    again = dict(crew.record.orders())
    assert set(again) == {1} and again[1] == first[1]
    assert crew.record.answering
    crew.answer({0: first[0]})
    assert crew.record.unsettled
    crew.answer(again)
    crew.end(1)
    check(crew, update_commit=5, update_reveal=5, round_close=1)


def test_a_worker_whose_answer_was_lost_is_asked_again_and_reveals_all_the_same(crew):
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    orders = crew.ask()
    crew.workers[0].reveal(orders[0])
    crew.record.lost(0)
    crew.hire(0)
    crew.answer({1: orders[1]})
    crew.answer(dict(crew.record.orders()))
    crew.end(1)
    check(crew, update_commit=5, update_reveal=5, round_close=1)


def test_a_worker_that_dies_before_the_round_is_asked_about_takes_nothing_with_it(crew):
    crew.train(1, TWO_WORKERS)
    crew.record.lost(0)
    crew.hire(0)
    crew.close(1)
    crew.settle()
    crew.end(1)
    check(crew, update_commit=5, update_reveal=5)


def test_a_worker_that_lacks_proofs_is_asked_again_with_them(crew, app):
    crew.whole_round(1, TWO_WORKERS)
    crew.record.release()
    resumed = Crew(crew.run, app, round=1)  # it does not know any more what its participants saw last
    resumed.train(2, TWO_WORKERS)
    resumed.close(2)
    orders = resumed.ask()
    assert all(not order.consistency for order in orders.values())
    resumed.answer(orders)
    again = resumed.ask()
    assert set(again) == {0, 1} and all(order.consistency for order in again.values())
    resumed.answer(again)
    assert not resumed.record.unsettled
    resumed.end(2)
    check(resumed, update_reveal=10, run_resume=1)


def test_participants_whose_last_sight_is_known_need_not_be_asked_twice(crew):
    crew.whole_round(1, TWO_WORKERS)
    crew.train(2, TWO_WORKERS)
    crew.close(2)
    crew.answer(crew.ask())
    assert not crew.record.unsettled


def test_a_resumed_run_goes_on_in_the_same_ledger(crew, app, said_in):
    for number in (1, 2, 3):
        crew.whole_round(number, TWO_WORKERS)
    crew.record.release()
    resumed = Crew(crew.run, app, round=2)
    assert resumed.record.is_registered(4)
    for number in (3, 4):
        resumed.whole_round(number, TWO_WORKERS)
    resumed.end(4)
    told = [body for body in said_in(crew.ledger) if body["kind"] in ("round.close", "run.resume")]
    assert [(body["kind"], body["round"]) for body in told] == [
        ("round.close", 1), ("round.close", 2), ("round.close", 3), ("run.resume", 2),
        ("round.close", 3), ("round.close", 4),
    ]  # fmt: skip
    check(resumed, data_register=5, account_register=7, genesis=1, run_open=1)


def crashed(crew: Crew, folder: Path) -> Path:
    """What a crash of everything would leave now."""
    return shutil.copytree(crew.run, folder / "after the crash" / crew.run.name)


@pytest.mark.parametrize("when", ["trained", "committed", "asked", "half revealed", "revealed", "settled"])
def test_a_run_that_crashes_at_any_time_of_a_round_resumes_and_its_ledger_verifies(crew, app, tmp_path, when):
    crew.whole_round(1, TWO_WORKERS)
    crew.train(2, TWO_WORKERS)
    if when != "trained":
        crew.close(2)
    if when not in ("trained", "committed"):
        orders = crew.ask()
    if when == "half revealed":
        crew.workers[0].reveal(orders[0])
    if when == "revealed":
        for worker, order in orders.items():
            crew.workers[worker].reveal(order)
    if when == "settled":
        crew.answer(orders)
        crew.record.flush()
    resumed = Crew(crashed(crew, tmp_path), app, round=1)
    for number in (2, 3):
        resumed.whole_round(number, TWO_WORKERS)
    resumed.end(3)
    check(resumed, run_resume=1, update_reveal=20 if when == "settled" else 15)


def test_a_user_whose_account_outlived_a_crash_but_whose_data_did_not_registers_its_data(crew, app, tmp_path):
    """Accounts come first in a round; a crash may come between them and the rest."""
    log, keys = crew.access.log, crew.run / "keys"
    crew.record.release()
    key = ledger.SigningKey.derive(crew.access.secret, "user-0")
    account = ledger.sign(key, "account.register", log, name="user-0", role="end-user")
    server = KeyRing(keys).key(log)
    opened = ledger.sign(server, "round.open", log, run=log, round=1, parent=model(0), users=5)
    with ledger.Log.open(crew.ledger, keys=keys) as book:
        book.append_now(opened, account)
    resumed = Crew(crew.run, app)
    assert not resumed.record.is_registered(0)
    resumed.whole_round(1, TWO_WORKERS)
    resumed.end(1)
    check(resumed, data_register=5, account_register=7)


@pytest.mark.parametrize("lost", [("ledger",), ("ledger", "keys")])
def test_a_run_whose_ledger_was_taken_away_does_not_begin_another(crew, app, lost):
    crew.whole_round(1, TWO_WORKERS)
    crew.record.release()
    for name in lost:
        shutil.rmtree(crew.run / name)
    with pytest.raises(InvalidInput, match="bring back the run's ledger"):
        Crew(crew.run, app, round=1)
    assert not any((crew.run / name).exists() for name in lost)


def test_a_run_resumes_when_its_folder_has_been_moved_and_renamed(crew, app, tmp_path):
    crew.whole_round(1, TWO_WORKERS)
    crew.record.release()
    moved = crew.run.rename(tmp_path / "kept")
    resumed = Crew(moved, app, round=1)
    resumed.whole_round(2, TWO_WORKERS)
    resumed.end(2)
    check(resumed, run_open=1, round_close=2)


def test_a_run_resumes_from_within_its_folder(crew, app, monkeypatch):
    crew.record.release()
    monkeypatch.chdir(crew.run)
    resumed = Crew(Path(), app)
    resumed.whole_round(1, TWO_WORKERS)
    resumed.end(1)
    check(resumed, round_close=1)


def test_a_full_disk_is_a_storage_error_and_the_run_can_go_on(crew, app, small_files, tmp_path):
    crew.whole_round(1, TWO_WORKERS)
    crew.train(2, TWO_WORKERS)
    with small_files((crew.ledger / "journal" / "0").stat().st_size), pytest.raises(StorageError) as failed:
        crew.close(2)
        crew.settle()
    assert "File too large" in str(failed.value) and failed.value.exit_code == EXIT_IO
    crew.record.release()
    resumed = Crew(crew.run, app, round=1)
    resumed.whole_round(2, TWO_WORKERS)
    resumed.end(2)
    check(resumed, round_close=2)


def test_a_ledger_that_can_be_written_but_not_published_is_a_storage_error_and_no_endless_wait(crew, app):
    crew.whole_round(1, TWO_WORKERS)
    history = crew.ledger / "history"
    history.rename(crew.run / "elsewhere")
    history.write_text("in the way")
    crew.train(2, TWO_WORKERS)
    with pytest.raises(StorageError, match="recorded but not published"):
        try:
            crew.close(2)
            crew.settle()
        finally:
            crew.record.release()
    history.unlink()
    (crew.run / "elsewhere").rename(history)
    resumed = Crew(crew.run, app, round=1)
    resumed.whole_round(2, TWO_WORKERS)
    resumed.end(2)
    check(resumed, round_close=2)


def test_a_damaged_ledger_fails_the_run_in_one_sentence(crew):
    crew.train(1, TWO_WORKERS)
    crew.close(1)
    crew.record.wait()
    for file in (crew.ledger / "log" / "tile" / "entries").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FedrayError, match="The run's ledger cannot go on: ") as failed:
        crew.record.orders()
    assert "\n" not in str(failed.value)


def test_two_runs_cannot_write_the_same_ledger(crew, app):
    with pytest.raises(StorageError, match="open in another writer"):
        Crew(crew.run, app)


def test_the_end_of_the_run_is_cosigned_by_everybody_who_took_part(crew):
    crew.whole_round(1, TWO_WORKERS)
    crew.whole_round(2, ((0, (1,)), (1, (3,))))
    orders = dict(crew.record.close(2, model(2)))
    assert sorted(user for order in orders.values() for user in order.users) == [0, 1, 2, 3, 4]
    for worker, order in orders.items():
        assert crew.record.answering
        crew.record.answered(worker, crew.workers[worker].reveal(order))
    crew.record.release()
    signed = (crew.ledger / "log" / "checkpoint").read_text().split("\n\n")[1]
    everybody = {"node-0", "node-1", *(f"user-{user}" for user in range(5))}
    assert {line.split()[1] for line in signed.splitlines()[1:]} == everybody
    check(crew, run_close=1)


def test_a_worker_that_dies_at_the_end_is_done_without(crew):
    crew.whole_round(1, TWO_WORKERS)
    orders = dict(crew.record.close(1, model(1)))
    crew.record.lost(0)
    crew.record.answered(1, crew.workers[1].reveal(orders[1]))
    assert not crew.record.answering
    crew.record.release()
    check(crew, run_close=1)


def test_an_objection_to_the_end_fails_the_run_too(crew):
    crew.whole_round(1, TWO_WORKERS)
    orders = dict(crew.record.close(1, model(1)))
    spoiled = replace(orders[0], checkpoint=b"another")
    with pytest.raises(FedrayError, match="objects to the end of the ledger"):
        crew.record.answered(0, crew.workers[0].reveal(spoiled))


def test_the_head_names_size_and_root_of_all_that_was_said(crew):
    crew.whole_round(1, TWO_WORKERS)
    crew.end(1)
    report = audit_dir(crew.ledger, keys=crew.run / "keys").report
    assert crew.record.head == f"{report.size}:{report.root}"


def test_what_is_stated_names_the_code_and_the_recipe(crew, said_in):
    crew.record.flush()
    crew.record.release()
    [opened], [code] = said_in(crew.ledger, "run.open"), said_in(crew.ledger, "algorithm.publish")
    assert opened["recipe"] == code["recipe"] == digest("recipe") and code["app"] == "blobs"
