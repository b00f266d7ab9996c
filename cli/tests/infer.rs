//! `lakegate infer` as a user meets it: what it prints, writes and returns.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs;

use common::{command, lakegate, stderr, stdout};

const ORDERS: &str = "order_id,OrderDate,quantity\nO-1,2025-09-01,3\nO-2,2025-09-02,\n";

#[test]
fn a_draft_goes_to_standard_output_and_says_what_it_is_made_from() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Web Orders.csv"), ORDERS).unwrap();
    let output = lakegate(dir.path(), &["infer", "Web Orders.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r##"
    # Drafted from Web Orders.csv: 2 rows, 61 bytes.
    # Comments say what was seen; whether it must be so, its owner knows. Correct it, and take out what is only evidence.
    apiVersion: v3.2.0
    kind: DataContract
    id: web_orders
    name: web_orders
    version: 0.1.0
    status: draft
    servers:
      - server: landing
        type: s3
        location: "s3://*/web_orders/**/*.csv"
        format: csv
        # all bytes are ASCII
        encoding: UTF-8
    schema:
      - name: web_orders
        logicalType: object
        properties:
          # 2 of 2 values are text of at most 3 characters
          - name: order_id
            logicalType: string
            required: true
          # 2 of 2 values are dates written yyyy-MM-dd, 2025-09-01 to 2025-09-02
          - name: OrderDate
            physicalName: order_date
            logicalType: date
            required: true
          # 1 of 2 values are whole numbers, always 3
          - name: quantity
            logicalType: integer
            physicalType: INTEGER
    "##);
    insta::assert_snapshot!(stderr(&output), @"Web Orders.csv: 3 columns drafted; it accepts all 2 rows");
}

#[test]
fn a_written_draft_is_a_contract_that_its_file_keeps() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("orders")).unwrap();
    fs::write(dir.path().join("orders/2025-09.csv"), ORDERS).unwrap();
    let args = ["infer", "orders/2025-09.csv", "--out", "contracts/orders.odcs.yaml", "--id", "web-orders"];
    let output = lakegate(dir.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let checked = lakegate(dir.path(), &["contracts", "check", "contracts/orders.odcs.yaml"]);
    insta::assert_snapshot!(stdout(&checked), @"
    contracts/orders.odcs.yaml:8: note: status: draft: not enforced, a contract that is deployed is applied whatever its status
    contracts/orders.odcs.yaml: ok: table orders, version 0.1.0, 3 columns
    ");
    let args = ["check", "orders/2025-09.csv", "--contract", "contracts/orders.odcs.yaml", "--strict"];
    assert_eq!(lakegate(dir.path(), &args).status.code(), Some(0));
    let draft = fs::read_to_string(dir.path().join("contracts/orders.odcs.yaml")).unwrap();
    assert!(draft.contains("id: web-orders") && draft.contains("\"s3://*/orders/**/*.csv\""), "{draft}");
}

#[test]
fn a_json_file_is_drafted_with_what_is_nested_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let orders = concat!(
        "{\"order_id\":\"O-1\",\"lines\":[{\"sku\":\"A\",\"price\":1.50}]}\n",
        "{\"order_id\":\"O-2\",\"lines\":[],\"note\":null}\n"
    );
    fs::write(dir.path().join("orders.json"), orders).unwrap();
    let output = lakegate(dir.path(), &["infer", "orders.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let draft = stdout(&output);
    insta::assert_snapshot!(draft.split_once("status: draft\n").unwrap().1, @r##"
    servers:
      - server: landing
        type: s3
        location: "s3://*/orders/**/*.json"
        format: json
        # all bytes are ASCII
        encoding: UTF-8
        # every object stands on a line of its own
        delimiter: new_line
    schema:
      - name: orders
        logicalType: object
        properties:
          # 2 of 2 values are text of at most 3 characters
          - name: order_id
            logicalType: string
            required: true
          # 2 of 2 values are lists, of 1 item in all
          - name: lines
            logicalType: array
            required: true
            items:
              # 1 of 1 items are objects
              logicalType: object
              required: true
              properties:
                # 1 of 1 values are text of at most 1 character
                - name: sku
                  logicalType: string
                  required: true
                # 1 of 1 values are numbers with up to 2 digits behind the point, always 1.50
                - name: price
                  logicalType: number
                  physicalType: DECIMAL(18,2)
                  required: true
          # none of 2 values is there; null: 1, no such key: 1
          - name: note
            logicalType: string
    "##);
    insta::assert_snapshot!(stderr(&output), @"orders.json: 3 columns drafted; it accepts all 2 rows");
}

#[test]
fn a_contract_is_not_overwritten_unless_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("orders.csv"), ORDERS).unwrap();
    fs::write(dir.path().join("orders.yaml"), "mine").unwrap();
    let output = lakegate(dir.path(), &["infer", "orders.csv", "--out", "orders.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @"lakegate: orders.yaml exists: --force overwrites it");
    assert_eq!(fs::read_to_string(dir.path().join("orders.yaml")).unwrap(), "mine");
    assert_eq!(
        lakegate(dir.path(), &["infer", "orders.csv", "--out", "orders.yaml", "--force"]).status.code(),
        Some(0)
    );
}

#[test]
fn what_is_no_table_of_text_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(dir.path().join(name), content).unwrap();
    write("empty.csv", b"");
    write("orders.csv", ORDERS.as_bytes());
    for (args, message) in [
        (vec!["infer", "empty.csv"], "the file has no records"),
        (vec!["infer", "missing.csv"], "cannot read missing.csv"),
        (vec!["infer", "."], ". is a folder: give one file"),
        (
            vec!["infer", "orders.csv", "--table", "My Orders"],
            "\"My Orders\" is no table name: \"my_orders\" would be one",
        ),
    ] {
        let output = lakegate(dir.path(), &args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(message), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(lakegate(dir.path(), &["infer"]).status.code(), Some(2));
}

#[test]
fn standard_input_is_drafted_from_and_held_against_the_draft() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.csv"), "id,on_day\n1,2025-01-31\n2,\n").unwrap();
    let mut command = command(dir.path(), &["infer", "-", "--table", "orders"]);
    let output = command.stdin(fs::File::open(dir.path().join("in.csv")).unwrap()).output().unwrap();
    let (yaml, told) = (stdout(&output), stderr(&output));
    assert!(yaml.starts_with("# Drafted from standard input: 2 rows"), "{yaml}");
    assert_eq!(told, "-: 2 columns drafted; it accepts all 2 rows\n");
}
