//! Orders as the sample contract wants them, in tables of the tests' own: one per test, so that tests run side by side.

use std::fmt::Write;

/// One table per test, each under a copy of the sample contract.
pub const TABLES: [&str; 10] = [
    "t_good",
    "t_bad_rows",
    "t_broken",
    "t_keys",
    "t_again",
    "t_heavy",
    "t_same_partition",
    "t_replaced",
    "t_stopped",
    "t_replay",
];

const HEADER: &str = "order_id,order_ts,customer_id,product,quantity,unit_price,region,country,note\n";

/// The sample contract, for another table and another folder.
#[must_use]
pub fn contract_for(sample: &str, table: &str) -> String {
    sample
        .replace("id: orders\n", &format!("id: {table}\n"))
        .replace("name: orders\n    physicalName: orders\n", &format!("name: {table}\n    physicalName: {table}\n"))
        .replace("s3://*/orders/", &format!("s3://*/{table}/"))
}

/// A file with these rows.
#[must_use]
pub fn file(rows: &[&str]) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text
}

/// A file with that many good rows of one day (`yyyy-MM-dd`), each of 2 pieces at 1.25; order numbers start at `first`.
#[must_use]
pub fn good_file(day: &str, first: u32, rows: u32) -> String {
    let mut text = HEADER.to_owned();
    for number in first..first + rows {
        let _ = writeln!(text, "O-{number:07},{day} 10:00:00,C-00001,Ceramic mug,2,1.25,EMEA,Germany,");
    }
    text
}
