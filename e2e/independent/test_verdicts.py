"""Other judges on contracts of different domains: what we accept they accept, what we reject they reject, row by row.

datacontract-cli tests the accepted output (Parquet) and the raw file as a whole. On rows, frictionless judges CSV files by a Table Schema that is
derived here from the contract; JSON records are judged by the JSON Schema that datacontract-cli exports from the contract.
`DISAGREEMENTS` holds every row on which they differ from us, and who is right.
"""

import copy
import csv
import io
import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from datacontract.data_contract import DataContract
from frictionless import Checklist, Dialect, Resource, Schema, checks, formats

from engine import convert
from readers import by_duckdb

HERE = Path(__file__).parent
CONTRACTS = sorted(path.name.removesuffix(".odcs.yaml") for path in (HERE / "contracts").glob("*.odcs.yaml"))

#: Rules across columns as frictionless writes them; where a formula compares a null, it is guarded as SQL's null is.
FORMULAS = {
    "arrives_after_it_is_sent": "arrived is None or sent is None or arrived >= sent",
    "total_is_quantity_times_price": "None in (total, quantity, unit_price) or total == quantity * unit_price",
    "discharged_after_admitted": "None in (discharged, admitted) or discharged >= admitted",
    "intensive_care_is_single": "None in (ward, beds) or not (ward == 'intensive care' and beds > 1)",
    "no_zero_payments": "amount is None or amount != 0",
    "cancelled_flights_have_no_delay": "not (cancelled and delay_minutes is not None)",
}

#: Contract, row number, who rejects the row ("lakegate" or "judge"), and why that is right or wrong.
DISAGREEMENTS: dict[str, dict[int, tuple[str, str]]] = {
    "shipments": {
        8: ("judge", "we are right: the row above with this id is rejected, so that this one is the first of its id"),
    },
    "staff": {
        8: ("judge", "we are right: row 5 has this id and is rejected for its salary, so that this one is the first of its id"),
    },
    "accounts": {
        4: ("lakegate", "we are right: a JSON Schema cannot say a rule across columns; datacontract's own SQL fails the file for it"),
        5: ("judge", "both: JSON Schema wants a number, our contract reads a number that stands as text, as docs/contracts.md says"),
        6: ("judge", "both: as row 5, for a boolean"),
        7: ("lakegate", "we are right: 1.005 is no DECIMAL(12,2); the exported JSON Schema only says number"),
        10: ("lakegate", "we are right: a JSON Schema looks at one record and cannot tell that a value stood above"),
    },
    "clicks": {
        4: ("judge", "both: JSON Schema wants an integer, we read one that stands as text"),
        11: ("lakegate", "we are right: a JSON Schema looks at one record and cannot tell that a value stood above"),
    },
}

#: What `datacontract test` cannot read of a raw file without bad rows, because it leaves the sniffing to DuckDB; we are right in all.
UNREADABLE: dict[str, str] = {
    "shipments": "decimal commas and German dates are texts to it",
    "flights": "the dates 20240101 are numbers to it",
    "surveys": "NA is no null to it",
}

#: Rows that we reject and `datacontract test` passes, although they stand among good rows only; we are right in all.
PASSED_OVER: dict[str, dict[int, str]] = {
    "accounts": {7: "1.005 is a number to it, whatever DECIMAL(12,2) says"},
    "invoices": {6: "3.333 is a number to it, whatever DECIMAL(10,2) says"},
    "payments": {7: "it does not look at `format`: the T in the timestamp is as good to it as the space that the contract asks for"},
    "products": {
        3: "19.999 is a number to it, whatever DECIMAL(8,2) says",
        5: "1000000.00 is a number to it, whatever DECIMAL(8,2) says",
        12: "3000000000 is a number to it, whatever INTEGER says",
    },
}


def contract_of(name: str) -> dict:
    return yaml.safe_load((HERE / "contracts" / f"{name}.odcs.yaml").read_text(encoding="utf-8"))


def input_of(name: str) -> Path:
    return next((HERE / "inputs").glob(f"{name}.*"))


def settings(contract: dict) -> dict:
    return {each["property"]: each["value"] for each in contract["servers"][0].get("customProperties", [])}


def properties(contract: dict) -> list[dict]:
    return [each for each in contract["schema"][0]["properties"] if "transformLogic" not in each]


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Each contract's input, converted once."""
    done = {}

    def get(name: str):
        if name not in done:
            contract = HERE / "contracts" / f"{name}.odcs.yaml"
            done[name] = convert(tmp_path_factory.mktemp(name), contract, input_of(name))
        return done[name]

    return get


def datacontract_verdict(contract: dict, server: dict) -> tuple[int, list[str]]:
    """`datacontract test` on a copy of the contract whose only server is this one: how many checks there were, and which did not pass."""
    contract = copy.deepcopy(contract) | {"servers": [{"server": "judged", "type": "local", **server}]}
    run = DataContract(data_contract_str=yaml.safe_dump(contract, allow_unicode=True)).test()
    failed = []
    for check in run.checks:
        # It does not look at the types of Parquet files, and warns of that for each column; test_parquet.py looks at them.
        is_unchecked_type = check.type == "field_type" and check.reason == "Checking types in parquet files is not supported yet."
        result = check.result.value if check.result else "error"
        if result != "passed" and not is_unchecked_type:
            failed.append(f"{check.name}: {check.reason}")
    return len(run.checks), failed


@pytest.mark.parametrize("name", CONTRACTS)
def test_datacontract_passes_what_we_accept(converted, name):
    done = converted(name)
    assert done.report["rows_accepted"] >= 2 and done.report["rows_rejected"] >= 6
    path = f"{done.table}/**/*.parquet"
    checks_run, failed = datacontract_verdict(contract_of(name), {"path": path, "format": "parquet"})
    print(f"\n{name}: {checks_run} checks of datacontract on {done.report['rows_accepted']} accepted rows, {len(failed)} not passed")
    assert checks_run >= 2 * len(contract_of(name)["schema"][0]["properties"]) and not failed


def raw_server(contract: dict, path: Path) -> dict:
    landing = contract["servers"][0]
    return {key: landing[key] for key in ("format", "delimiter", "encoding") if key in landing} | {"path": str(path)}


def raw_contract(name: str) -> dict:
    contract = contract_of(name)
    contract["schema"][0]["properties"] = properties(contract)
    return contract


@pytest.mark.parametrize("name", CONTRACTS)
def test_datacontract_fails_the_raw_file(converted, name):
    """It stops at the first value of a wrong type, so that it judges the file, not its rows."""
    assert converted(name).report["rows_rejected"] > 0
    contract = raw_contract(name)
    _, failed = datacontract_verdict(contract, raw_server(contract, input_of(name)))
    assert failed


def write_rows(name: str, rows: set[int], folder: Path) -> Path:
    """The input with these rows only, and its header."""
    contract = contract_of(name)
    encoding = contract["servers"][0].get("encoding", "utf-8")
    raw = input_of(name).read_bytes().decode(encoding)
    kept = folder / input_of(name).name
    if kept.suffix == ".json":
        records = json.loads(raw) if raw.startswith("[") else [json.loads(line) for line in raw.splitlines()]
        records = [record for row, record in enumerate(records, start=1) if row in rows]
        text = json.dumps(records) if raw.startswith("[") else "\n".join(map(json.dumps, records))
        kept.write_text(text, encoding="utf-8")
    else:
        delimiter = settings(contract).get("delimiter", ",")
        records = list(csv.reader(io.StringIO(raw), delimiter=delimiter))
        with kept.open("w", encoding=encoding, newline="") as out:
            csv.writer(out, delimiter=delimiter).writerows(record for row, record in enumerate(records) if row == 0 or row in rows)
    return kept


def rows_without_quarrel(converted, name: str) -> tuple[set[int], set[int]]:
    """The rows that we accept and no judge objects to, and those that we reject."""
    done = converted(name)
    rejected = set(done.rejects())
    quarrels = {row for row, (who, _) in DISAGREEMENTS.get(name, {}).items() if who == "judge"}
    return set(range(1, done.report["rows_read"] + 1)) - rejected - quarrels, rejected


@pytest.mark.parametrize("name", CONTRACTS)
def test_datacontract_passes_the_raw_file_without_the_rows_that_we_reject(converted, name, tmp_path):
    good, _ = rows_without_quarrel(converted, name)
    contract = raw_contract(name)
    _, failed = datacontract_verdict(contract, raw_server(contract, write_rows(name, good, tmp_path)))
    for line in failed:
        print(f"{name}: {line.splitlines()[0]}")
    assert bool(failed) == (name in UNREADABLE)


@pytest.mark.parametrize("name", [name for name in CONTRACTS if name not in UNREADABLE])
def test_datacontract_fails_the_good_rows_with_any_one_that_we_reject(converted, name, tmp_path):
    good, rejected = rows_without_quarrel(converted, name)
    contract = raw_contract(name)
    passed = set()
    for row in sorted(rejected):
        path = write_rows(name, good | {row}, tmp_path)
        if not datacontract_verdict(contract, raw_server(contract, path))[1]:
            passed.add(row)
            print(f"{name}: row {row} passes ({converted(name).rejects()[row]})")
    assert passed == PASSED_OVER.get(name, {}).keys()


def table_schema(contract: dict) -> dict:
    """The contract's columns as a Table Schema."""
    dialect = settings(contract)
    fields, keys = [], []
    for column in properties(contract):
        options = dict(column.get("logicalTypeOptions", {}))
        kind, physical = column["logicalType"], column.get("physicalType", "")
        field = {"name": column["name"], "type": {"timestamp": "datetime"}.get(kind, kind)}
        constraints = {key: options[key] for key in ("minimum", "maximum", "minLength", "maxLength", "pattern") if key in options}
        if kind in ("date", "timestamp"):
            pattern = options.get("format", "yyyy-MM-dd" if kind == "date" else "yyyy-MM-dd'T'HH:mm:ss")
            for jdk, python in [("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"), ("'", "")]:
                pattern = pattern.replace(jdk, python)
            field["format"] = pattern
        if kind == "number":
            field["decimalChar"] = dialect.get("decimalSeparator", ".")
        if kind == "boolean":
            field |= {"trueValues": ["true", "yes", "TRUE"], "falseValues": ["false", "no"]}
        if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", physical):
            precision, scale = map(int, decimal.groups())
            limit = (Decimal(10) ** precision - 1).scaleb(-scale)
            constraints = {"minimum": -limit, "maximum": limit} | constraints
            constraints = {key: str(value).replace(".", field["decimalChar"]) for key, value in constraints.items()}
        if bits := {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32}.get(physical):
            constraints = {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1} | constraints
        if column.get("required"):
            constraints["required"] = True
        if column.get("unique"):
            constraints["unique"] = True
        if "enum" in column:
            constraints["enum"] = [each["value"] for each in column["enum"]]
        if column.get("primaryKey"):
            keys.append(column["name"])
            constraints["required"] = True
        fields.append(field | {"constraints": constraints})
    return {"fields": fields, "primaryKey": keys, "missingValues": dialect.get("nullValues", [""])}


def by_frictionless(name: str) -> dict[int, set[str]]:
    """Row number: the types of errors."""
    contract = contract_of(name)
    dialect = Dialect(controls=[formats.CsvControl(delimiter=settings(contract).get("delimiter", ","))])
    resource = Resource(
        path=input_of(name).name,
        basepath=str(HERE / "inputs"),
        schema=Schema.from_descriptor(table_schema(contract)),
        dialect=dialect,
        encoding=contract["servers"][0]["encoding"].lower(),
    )
    formulas = [FORMULAS[each["name"]] for each in contract["schema"][0].get("quality", []) if each.get("type") == "sql"]
    for column in properties(contract):
        # What a Table Schema has no constraint for.
        column_name, limit = column["name"], column.get("logicalTypeOptions", {}).get("exclusiveMinimum")
        if limit is not None:
            formulas.append(f"{column_name} is None or {column_name} > {limit}")
        if decimal := re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", column.get("physicalType", "")):
            formulas.append(f"{column_name} is None or {column_name} * {10 ** int(decimal.group(1))} % 1 == 0")
    report = resource.validate(Checklist(checks=[checks.row_constraint(formula=formula) for formula in formulas]))
    errors: dict[int, set[str]] = {}
    for task in report.tasks:
        for error in task.errors:
            # It counts the header as the first row.
            errors.setdefault(error.row_number - 1, set()).add(error.type)
    return errors


def by_json_schema(name: str) -> dict[int, set[str]]:
    """Row number: what the JSON Schema says that datacontract-cli makes of the contract."""
    import jsonschema

    text = yaml.safe_dump(contract_of(name), allow_unicode=True)
    exported = DataContract(data_contract_str=text).export("jsonschema")
    schema = json.loads(exported) if isinstance(exported, str) else exported
    formats_checked = jsonschema.FormatChecker(["date"])
    formats_checked.checks("date-time", raises=ValueError)(datetime.fromisoformat)
    validator = jsonschema.Draft7Validator(schema, format_checker=formats_checked)
    raw = input_of(name).read_text(encoding="utf-8")
    records = json.loads(raw) if raw.startswith("[") else [json.loads(line) for line in raw.splitlines()]
    errors = {}
    for row, record in enumerate(records, start=1):
        if found := {error.validator for error in validator.iter_errors(record)}:
            errors[row] = found
    return errors


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_rows_that_we_reject_are_those_that_others_reject(converted, name):
    ours = converted(name).rejects()
    is_json = input_of(name).suffix == ".json"
    theirs = by_json_schema(name) if is_json else by_frictionless(name)
    print(f"\n{name}: lakegate rejects {sorted(ours)}, {'JSON Schema' if is_json else 'frictionless'} {sorted(theirs)}")
    found = {row: "lakegate" for row in ours.keys() - theirs.keys()} | {row: "judge" for row in theirs.keys() - ours.keys()}
    for row, who in sorted(found.items()):
        print(f"  row {row}: only {who} rejects it ({ours.get(row) or theirs.get(row)})")
    expected = {row: who for row, (who, _) in DISAGREEMENTS.get(name, {}).items()}
    assert found == expected


def test_every_disagreement_stands_on_a_row_that_exists(converted):
    for name, rows in DISAGREEMENTS.items():
        assert all(1 <= row <= converted(name).report["rows_read"] for row in rows), name


@pytest.mark.parametrize("name", CONTRACTS)
def test_no_row_is_lost(converted, name):
    done = converted(name)
    report = done.report
    assert report["rows_read"] == report["rows_accepted"] + report["rows_rejected"] + report["rows_duplicate"]
    assert len(by_duckdb(done.files)) == report["rows_accepted"]
    assert len(done.rejects()) == report["rows_rejected"]
