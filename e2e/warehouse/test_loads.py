"""Loads, as the function says them, against a plain model: whatever is told twice, late or in any order, the warehouse has what the lake has."""

import os
import random
import threading
from decimal import Decimal
from urllib.parse import quote

import psycopg
import pytest
from conftest import Statements, connect, run

SOURCES = [f"{stem}-{number:016x}" for number, stem in enumerate(["2025-09", "a-0123456789abcdef", "x", "S-o-Paulo", "orders", "x-1"])]
CITIES = ["Berlin", "São Paulo", "it's", 'the "old" town', "a\\b", "x';DROP TABLE lakegate.orders;--", "two words ", None, "%", "a/b=c"]
YEARS = [2024, 2025, None]
SEEDS = range(int(os.environ.get("LAKEGATE_LOAD_SEEDS", "12")))


def path(year: int | None, city: str | None) -> str:
    text = ["__HIVE_DEFAULT_PARTITION__" if value is None else quote(str(value), safe="") for value in (year, city)]
    return f"year={text[0]}/city={text[1]}"


class Lake:
    """What stands, and what was told of it."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.rows: dict[str, list[tuple]] = {}
        self.clock = 0

    def publish(self, source: str, rows: list[tuple]) -> dict:
        """A version of a file: (id, amount, year, city). The notice of it."""
        self.clock += 1
        self.connection.execute("""DELETE FROM lakegate_lake.orders WHERE "$path" LIKE %s""", [f"%/{source}-%.parquet"])
        for number, row in enumerate(rows):
            where = f"s3://lake/lake/orders/{path(row[2], row[3])}/{source}-{number % 3}.parquet"
            self.connection.execute("INSERT INTO lakegate_lake.orders VALUES (%s, %s, %s, %s, %s)", [*row, where])
        self.connection.commit()
        return self.told(source, rows, rows)

    def told(self, source: str, rows: list[tuple], where: list[tuple]) -> dict:
        """These are the rows that stand; the notice names the partitions of some."""
        self.rows[source] = rows
        at = f"2026-01-02T03:{self.clock // 60:02}:{self.clock % 60:02}.000Z"
        partitions = sorted({path(row[2], row[3]) for row in where})
        return {"source": source, "at": at, "partitions": partitions or None}

    def remove(self, source: str) -> dict:
        """Its rows leave. The notice of that names the partitions that they stood in."""
        former = self.rows.get(source, [])
        self.publish(source, [])
        return {**self.told(source, [], former), "is_removal": True}


def some_rows(dice: random.Random) -> list[tuple]:
    def row() -> tuple:
        return (f"{dice.randrange(10)}", Decimal(dice.randrange(10_000)) / 100, dice.choice(YEARS), dice.choice(CITIES))

    return [row() for _ in range(dice.randrange(7))]


def latest(files: list[dict]) -> list[dict]:
    """Of several notices about one file the last one, as the function takes it."""
    of_source = {}
    for file in sorted(files, key=lambda file: file["at"]):
        of_source[file["source"]] = file
    return list(of_source.values())


def loaded(connection: psycopg.Connection) -> list[tuple]:
    found = connection.execute("SELECT lakegate_source, id, amount, year, city FROM lakegate.orders").fetchall()
    connection.commit()
    return sorted(found, key=repr)


def as_loaded(by_source: dict[str, list[tuple]]) -> list[tuple]:
    return sorted(((source, *row) for source, rows in by_source.items() for row in rows), key=repr)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_told_in_whatever_order_the_warehouse_follows_the_lake(seed: int, warehouse: psycopg.Connection, statements: Statements) -> None:
    dice = random.Random(seed)
    lake, told, model, seen = Lake(warehouse), [], {}, {}
    pending: list[dict] = []

    def load(files: list[dict]) -> None:
        files = latest(files)
        run(warehouse, statements("load", files))
        for file in files:
            source = file["source"]
            if file["at"] >= seen.get(source, ""):
                seen[source] = file["at"]
                # A notice that was overtaken knows where the former version stood: the later one, which was told as well, makes it whole.
                model[source] = warehouse_rows(lake, source, files)

    for _ in range(40):
        step = dice.random()
        if step < 0.45:
            is_deleted = step >= 0.35 and lake.rows
            notice = lake.remove(dice.choice(sorted(lake.rows))) if is_deleted else lake.publish(dice.choice(SOURCES), some_rows(dice))
            pending.append(notice)
            told.append(notice)
        elif step < 0.8 and pending:
            files = dice.sample(pending, dice.randrange(1, len(pending) + 1))
            pending = [notice for notice in pending if notice not in files]
            load(files)
        elif step < 0.9 and told:
            load(dice.choices(told, k=dice.randrange(1, 4)))  # again, or long overtaken
        elif step < 0.95:
            run(warehouse, statements("load_all", latest(dice.choices(told, k=2)) if told and dice.random() < 0.5 else []))
            model = {source: list(rows) for source, rows in lake.rows.items()}
            seen = versions(warehouse)
        elif told:
            batch = statements("load", [dice.choice(told)])
            with pytest.raises(psycopg.Error):
                run(warehouse, [*batch[: dice.randrange(1, len(batch))], "SELECT 1/0"])
        assert loaded(warehouse) == as_loaded(model)
    if pending:
        load(pending)
    # Whatever came or left was told: no load of the whole table is needed.
    assert loaded(warehouse) == as_loaded(lake.rows)
    run(warehouse, statements("load_all"))
    assert loaded(warehouse) == as_loaded(lake.rows)


def versions(warehouse: psycopg.Connection) -> dict[str, str]:
    found = warehouse.execute("SELECT source, at AT TIME ZONE 'UTC' FROM lakegate_loads.orders").fetchall()
    warehouse.commit()
    return {source: f"{at:%Y-%m-%dT%H:%M:%S}.000Z" for source, at in found}


def warehouse_rows(lake: Lake, source: str, files: list[dict]) -> list[tuple]:
    """The rows that stand of a file in the partitions that any of the files may stand in, as far as a condition on partitions tells them."""
    terms = set()
    for file in files:
        if file["partitions"] is None:
            return list(lake.rows[source])
        terms |= {term_of(partition) for partition in file["partitions"]}
    if (None, None) in terms:
        return list(lake.rows[source])
    is_in = lambda row: any(year in (None, row[2]) and city in (None, row[3]) for year, city in terms)  # noqa: E731
    return [row for row in lake.rows[source] if is_in(row)]


def term_of(partition: str) -> tuple:
    for year in YEARS:
        for city in CITIES:
            if path(year, city) == partition:
                is_plain = city is not None and "\\" not in city and not any(c.isspace() for c in city)
                return (year, city if is_plain else None)
    raise AssertionError(partition)


def test_the_last_notice_of_each_file_is_enough(warehouse: psycopg.Connection, statements: Statements) -> None:
    dice = random.Random(7)
    for _ in range(60):
        lake, last, told = Lake(warehouse), {}, []
        warehouse.execute("TRUNCATE lakegate.orders, lakegate_loads.orders, lakegate_lake.orders")
        for _ in range(12):
            source = dice.choice(SOURCES)
            notice = lake.remove(source) if dice.random() < 0.2 else lake.publish(source, some_rows(dice))
            last[notice["source"]] = notice
            told.append(notice)
        dice.shuffle(told)
        for notice in [*told, *dice.choices(told, k=5)]:
            run(warehouse, statements("load", [notice]))
        assert loaded(warehouse) == as_loaded(lake.rows)


def at_once(uri: str, first: list[str], second: list[str]) -> list[str]:
    """Both transactions are open at once: the second one begins when the first has done all but commit. What went wrong with the second."""
    trouble = []

    def other() -> None:
        with connect(uri) as connection:
            try:
                run(connection, second)
            except psycopg.Error as error:
                trouble.append(str(error))

    with connect(uri) as connection, connect(uri) as watcher:
        watcher.autocommit = True
        for statement in first:
            connection.execute(statement)
        thread = threading.Thread(target=other)
        thread.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while thread.is_alive() and watcher.execute(waits).fetchone() == (0,):
            pass
        connection.commit()
        thread.join()
    return trouble


def test_two_loads_at_once_take_turns(uri: str, warehouse: psycopg.Connection, statements: Statements) -> None:
    lake = Lake(warehouse)
    lake.publish("y-00000000000000aa", [("0", Decimal(1), 2024, "Berlin")])
    former = lake.publish(SOURCES[0], [("1", Decimal(1), 2024, "Berlin"), ("2", Decimal(2), 2025, "Berlin")])
    run(warehouse, statements("load_all"))
    later = lake.publish(SOURCES[0], [("2", Decimal(3), 2025, "Berlin")])
    for first, second in ((former, later), (later, former), (later, later)):
        assert at_once(uri, statements("load", [first]), statements("load", [second])) == []
        assert loaded(warehouse) == as_loaded(lake.rows)
    assert at_once(uri, statements("load_all"), statements("load", [later])) == []
    assert loaded(warehouse) == as_loaded(lake.rows)


def test_without_their_turn_two_loads_double_rows(uri: str, warehouse: psycopg.Connection, statements: Statements) -> None:
    lake = Lake(warehouse)
    notice = lake.publish(SOURCES[0], [("1", Decimal(1), 2024, "Berlin")])
    batch = statements("load", [notice])
    assert batch[0] == 'LOCK TABLE "lakegate_loads"."orders"'
    assert at_once(uri, batch[1:], batch[1:]) == []
    assert len(loaded(warehouse)) == 2, "which is why they take turns"
    run(warehouse, batch)
    assert loaded(warehouse) == as_loaded(lake.rows)


def test_a_file_that_left_leaves_and_its_late_notice_does_no_harm(warehouse: psycopg.Connection, statements: Statements) -> None:
    lake = Lake(warehouse)
    first = lake.publish(SOURCES[0], [("1", Decimal(1), 2024, "Berlin"), ("2", Decimal(2), 2025, "Berlin")])
    other = lake.publish(SOURCES[1], [("3", Decimal(3), 2024, "Berlin")])
    run(warehouse, statements("load", [first, other]))
    removal = lake.remove(SOURCES[0])
    run(warehouse, statements("load", [removal]))
    assert loaded(warehouse) == as_loaded({SOURCES[1]: lake.rows[SOURCES[1]]})
    run(warehouse, statements("load", [first]))
    assert loaded(warehouse) == as_loaded(lake.rows), "an upload that was told late"
    again = lake.publish(SOURCES[0], [("4", Decimal(4), 2024, "Berlin"), ("5", Decimal(5), None, "Berlin")])
    for notices in ([again], [removal], [first, removal]):
        run(warehouse, statements("load", latest(notices)))
        assert loaded(warehouse) == as_loaded(lake.rows), "a removal that was told late"


def test_readers_do_not_wait_for_a_load(uri: str, warehouse: psycopg.Connection, statements: Statements) -> None:
    notice = Lake(warehouse).publish(SOURCES[0], [("1", Decimal(1), 2024, "Berlin")])
    for statement in statements("load", [notice]):
        warehouse.execute(statement)
    with connect(uri) as reader:
        reader.execute("SET lock_timeout = '1s'")
        assert reader.execute("SELECT count(*) FROM lakegate.orders").fetchone() == (0,)
    warehouse.commit()
    assert len(loaded(warehouse)) == 1


def test_no_name_breaks_out_of_its_quotes(warehouse: psycopg.Connection, statements: Statements) -> None:
    table, column = """o"r'd;--""", """a"b'; DROP SCHEMA lakegate CASCADE;--"""
    quoted = column.replace('"', '""')
    where = f's3://lake/lake/x/{SOURCES[0]}-0.parquet'
    name = table.replace('"', '""')
    warehouse.execute(f'CREATE TABLE lakegate_lake."{name}" ("{quoted}" text, "$path" text)')
    warehouse.execute(f'INSERT INTO lakegate_lake."{name}" VALUES (%s, %s)', ["it's", where])
    warehouse.commit()
    of_table = {"table": table, "columns": [[column, "string"]], "keys": []}
    file = {"source": SOURCES[0], "at": "2026-01-02T03:04:05.000Z", "partitions": None}
    for what in ("create", "load", "load_all"):
        run(warehouse, statements(what, [file], **of_table))
    assert warehouse.execute(f'SELECT * FROM lakegate."{name}"').fetchall() == [("it's", SOURCES[0])]


def test_a_new_column_is_added_and_filled(warehouse: psycopg.Connection, statements: Statements) -> None:
    lake = Lake(warehouse)
    run(warehouse, statements("load", [lake.publish(SOURCES[0], [("1", Decimal(1), 2024, "Berlin")])]))
    warehouse.execute("ALTER TABLE lakegate_lake.orders ADD COLUMN is_new boolean")
    columns = [["id", "string"], ["amount", "decimal(12,2)"], ["is_new", "boolean"]]
    run(warehouse, statements("add", columns=columns))
    notice = lake.publish(SOURCES[1], [("2", Decimal(2), 2024, "Berlin")])
    warehouse.execute("UPDATE lakegate_lake.orders SET is_new = true WHERE id = '2'")
    run(warehouse, statements("load", [notice], columns=columns))
    assert warehouse.execute("SELECT id, is_new FROM lakegate.orders ORDER BY id").fetchall() == [("1", None), ("2", True)]
