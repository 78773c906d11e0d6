"""The checker finds nothing in a faultless history, and finds each of many ways to spoil one."""

import json

import pytest

from checker import Checker
from ledger import truth
from made_history import PARTITIONS, SHAPE, MadeTables, made_records


@pytest.fixture(scope="module")
def rows():
    return made_records(1500)


def check(tables, rows, directory, complete=True):
    return Checker(SHAPE, tables.write(directory), rows, PARTITIONS).check(complete)


def test_a_faultless_history_passes(rows, tmp_path):
    tables = MadeTables(rows)
    assert sum(len(v["rows"]) for v in tables.main) > 50
    assert sum(len(v["rows"]) for v in tables.late) > 10
    assert sum(len(v["rows"]) for v in tables.letters) > 10
    checker = Checker(SHAPE, tables.write(tmp_path), rows, PARTITIONS)
    assert checker.check(complete=True) == []
    assert checker.versions() == 30


def second_with_rows(versions):
    return [v for v in versions if v["rows"]][1]


def drop_row(tables):
    second_with_rows(tables.main)["rows"].pop()


def double_row(tables):
    rows = second_with_rows(tables.main)["rows"]
    rows.append(rows[0])


def change_sum(tables):
    second_with_rows(tables.main)["rows"][0]["total"] += 0.25


def change_count(tables):
    second_with_rows(tables.main)["rows"][0]["n"] -= 1


def move_row_to_next_version(tables):
    filled = [v for v in tables.main if v["rows"]]
    filled[2]["rows"].append(filled[1]["rows"].pop())


def repeat_a_commit_under_its_epoch(tables):
    at = tables.main.index(second_with_rows(tables.main))
    tables.main.insert(at + 1, {**tables.main[at]})


def repeat_rows_under_the_next_epoch(tables):
    at = tables.main.index(second_with_rows(tables.main))
    tables.main[at + 1]["rows"] += tables.main[at]["rows"]


def add_a_file_twice(tables):
    at = tables.main.index(second_with_rows(tables.main))
    tables.main[at]["file"] = tables.main[at + 1]["file"] = "same.parquet"
    tables.main[at + 1]["rows"] = tables.main[at]["rows"]


def lose_a_commit(tables):
    tables.main.remove(second_with_rows(tables.main))


def lose_the_last_commits(tables):
    for versions in (tables.main, tables.late, tables.letters):
        del versions[-2:]


def name_a_larger_prefix(tables):
    second_with_rows(tables.main)["prefix"] = {p: o + 5 for p, o in second_with_rows(tables.main)["prefix"].items()}


def take_the_prefix_back(tables):
    tables.main[3]["prefix"] = tables.main[1]["prefix"]


def take_the_watermark_back(tables):
    tables.main[5]["watermark"] = tables.main[3]["watermark"]


def advance_the_watermark(tables):
    for versions in (tables.main, tables.late, tables.letters):
        for version in versions[4:]:
            version["watermark"] += 5000


def mix_two_histories(tables):
    tables.main[4]["lineage"] = "another"


def let_a_zombie_commit(tables):
    tables.main[3]["generation"] = 2


def miscount_used(tables):
    tables.main[-1]["counters"]["used"] += 1


def miscount_late_as_used(tables):
    for versions in (tables.main, tables.late, tables.letters):
        versions[-1]["counters"]["used"] += 1
        versions[-1]["counters"]["late"] -= 1


def lose_a_late_row(tables):
    second_with_rows(tables.late)["rows"].pop()


def double_a_late_row(tables):
    rows = second_with_rows(tables.late)["rows"]
    rows.append(rows[0])


def call_a_row_late_that_was_not(tables):
    """Consistent in itself: taken out of its window, counted and kept as late."""
    version = second_with_rows(tables.main)
    row = version["rows"][0]
    start = row["window_start"] // 1000
    partition, offset, record = next(
        (p, o, r) for p, o, r in tables.rows if r.kind == "good" and r.event_type == row["event_type"]
        and start <= r.time_ms < start + 5000)
    row["n"] -= 1
    row["total"] -= record.amount
    home = next(i for i, v in enumerate(tables.late) if v["prefix"][partition] > offset)
    tables.late[home]["rows"].append({"seq": record.seq, "_partition": partition, "_offset": offset,
                                      "_watermark": (start + 5000) * 1000})
    for versions in (tables.main, tables.late, tables.letters):
        for version in versions[home:]:
            version["counters"]["used"] -= 1
            version["counters"]["late"] += 1


def lose_a_dead_letter(tables):
    second_with_rows(tables.letters)["rows"].pop()


def double_a_dead_letter(tables):
    rows = second_with_rows(tables.letters)["rows"]
    rows.append(rows[0])


def remove_a_file(tables):
    tables.main[-1]["more"] = [{"remove": {"path": "1.parquet", "deletionTimestamp": 0, "dataChange": True}}]


def miscount_rows_of_a_file(tables):
    at = tables.main.index(second_with_rows(tables.main))
    tables.main[at]["more"] = [{"add": {"path": "none.parquet", "partitionValues": {}, "size": 1, "modificationTime": 0,
                                        "dataChange": True, "stats": json.dumps({"numRecords": 3})}}]


SPOILERS = [drop_row, double_row, change_sum, change_count, move_row_to_next_version, repeat_a_commit_under_its_epoch,
            repeat_rows_under_the_next_epoch, add_a_file_twice, lose_a_commit, lose_the_last_commits,
            name_a_larger_prefix, take_the_prefix_back, take_the_watermark_back, advance_the_watermark, mix_two_histories,
            let_a_zombie_commit, miscount_used, miscount_late_as_used, lose_a_late_row, double_a_late_row,
            call_a_row_late_that_was_not, lose_a_dead_letter, double_a_dead_letter, remove_a_file]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_history_is_caught(rows, tmp_path, spoil):
    tables = MadeTables(rows)
    spoil(tables)
    assert check(tables, rows, tmp_path), spoil.__name__


# A second job goes on from epoch 5 of the first, after epoch 8 of it.
BACK = (8, 5)


def check_restored(tables, rows, directory, went_on=(5,)):
    return Checker(SHAPE, tables.write(directory), rows, PARTITIONS, went_on).check(complete=True)


def test_a_faultless_history_of_two_lineages_passes(rows, tmp_path):
    tables = MadeTables(rows, back=BACK)
    assert sum(bool(v["rows"]) for v in handover_of(tables.main)["undoes"]) >= 2
    assert check_restored(tables, rows, tmp_path) == []


def handover_of(versions):
    return next(v for v in versions if "undoes" in v)


def after_handover(versions):
    return versions[versions.index(handover_of(versions)) + 1:]


def leave_a_version_standing(tables):
    """Its rows come twice."""
    handover = handover_of(tables.main)
    handover["undoes"] = [v for v in handover["undoes"] if v["rows"]][1:]


def undo_too_much(tables):
    handover = handover_of(tables.main)
    handover["undoes"].append(next(v for v in tables.main if v["rows"]))


def go_back_in_one_table_only(tables):
    tables.late.remove(handover_of(tables.late))


def skip_rows_after_the_handover(tables):
    tables.main.remove(next(v for v in after_handover(tables.main) if v["rows"]))


def repeat_rows_after_the_handover(tables):
    filled = [v for v in after_handover(tables.main) if v["rows"]]
    filled[1]["rows"] += filled[0]["rows"]


def let_the_other_job_commit_after_the_handover(tables):
    at = tables.main.index(handover_of(tables.main)) + 1
    tables.main.insert(at, {**tables.main[at - 2], "epoch": 9, "rows": []})


def spoil_what_is_undone_later(tables):
    next(v for v in handover_of(tables.main)["undoes"] if v["rows"])["rows"].pop()


def say_another_prefix_in_the_handover(tables):
    handover = handover_of(tables.main)
    handover["prefix"] = {p: o + 5 for p, o in handover["prefix"].items()}


@pytest.mark.parametrize("spoil", [
    leave_a_version_standing, undo_too_much, go_back_in_one_table_only, skip_rows_after_the_handover,
    repeat_rows_after_the_handover, let_the_other_job_commit_after_the_handover, spoil_what_is_undone_later,
    say_another_prefix_in_the_handover], ids=lambda spoil: spoil.__name__)
def test_a_spoilt_history_of_two_lineages_is_caught(rows, tmp_path, spoil):
    tables = MadeTables(rows, back=BACK)
    spoil(tables)
    assert check_restored(tables, rows, tmp_path), spoil.__name__


@pytest.mark.parametrize("went_on", [(), (4,), (5, 5)], ids=str)
def test_going_back_otherwise_than_asked_is_caught(rows, tmp_path, went_on):
    assert check_restored(MadeTables(rows, back=BACK), rows, tmp_path, went_on)


class Message:
    def __init__(self, partition, offset, record, payload=None):
        self._place, self._record, self._payload = (partition, offset), record, payload

    def partition(self):
        return self._place[0]

    def offset(self):
        return self._place[1]

    def value(self):
        return self._record.payload if self._payload is None else self._payload

    def headers(self):
        return [("seq", str(self._record.seq).encode())]


class Ledger:
    def __init__(self, rows):
        self.attempted = {r.seq: r for _, _, r in rows}
        self.acknowledged = {(p, o): r.seq for p, o, r in rows}
        self.aborted = set()


def test_the_ledger_agrees_with_the_topic(rows):
    ledger = Ledger(rows)
    del ledger.acknowledged[rows[7][:2]]  # its acknowledgement was lost; the record is there
    read, wrong = truth(ledger, [Message(*row) for row in rows])
    assert (read, wrong) == (rows, [])


def test_an_acknowledged_record_that_is_lost_is_caught(rows):
    assert truth(Ledger(rows), [Message(*row) for row in rows[1:]])[1]


def test_a_changed_payload_is_caught(rows):
    assert truth(Ledger(rows), [Message(*rows[0], payload=b"x"), *(Message(*row) for row in rows[1:])])[1]


def test_a_record_of_an_aborted_transaction_is_caught(rows):
    ledger = Ledger(rows)
    ledger.aborted.add(rows[5][2].seq)
    assert truth(ledger, [Message(*row) for row in rows])[1]
