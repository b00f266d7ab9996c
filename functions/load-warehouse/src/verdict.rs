//! What it means that statements failed: whether they are to be sent again, and what may be told of it.
//! Pure. What the warehouse says may quote values of cells, so none of it is passed on but words that are ours.

/// Why a load's statements did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether the same statements may succeed later.
    pub(crate) is_passing: bool,
    /// One line without any cell value.
    pub(crate) summary: String,
}

/// Beginnings of what is not there or not allowed, and what to do about it.
const LASTING: [(&str, &str); 6] = [
    (
        "permission denied",
        "the function's user of the warehouse lacks a right, or the table belongs to another user: an administrator runs redshift/1_setup.sql, or \
         gives the tables to the function's user (ALTER TABLE … OWNER TO)",
    ),
    (
        "does not exist",
        "a schema, table or column that the load needs is not in the warehouse: an administrator runs redshift/1_setup.sql, and drops the table if \
         the one of its name in lakegate_loads is gone",
    ),
    ("value too long", "a text is longer than its column, which takes 65,535 bytes where the function made it"),
    ("too long for type", "a text is longer than its column, which takes 65,535 bytes where the function made it"),
    ("out of range", "a number is too large for its column"),
    ("incompatible parquet schema", "a Parquet file has another type than the catalog says"),
];
/// Of what passes when the load is repeated: other transactions, resources, and files that were replaced while they were read.
const PASSING: [(&str, &str); 9] = [
    ("1023", "another transaction changed the same table at the same time"),
    ("serializ", "another transaction changed the same table at the same time"),
    ("deadlock", "another transaction held what this one wanted"),
    ("lock timeout", "another transaction held the table for too long"),
    ("nosuchkey", "a file was replaced while it was read"),
    ("key does not exist", "a file was replaced while it was read"),
    ("timeout", "it took too long"),
    ("out of memory", "the warehouse ran out of memory"),
    ("disk full", "the warehouse ran out of room"),
];

/// Judges by the status (`FAILED`, `ABORTED`) and what the warehouse said.
pub(crate) fn of(status: &str, error: &str, failed_statement: usize, id: &str) -> Verdict {
    let text = error.to_ascii_lowercase();
    let find =
        |words: &[(&str, &'static str)]| words.iter().find(|(word, _)| text.contains(word)).map(|(_, told)| *told);
    let look = format!("aws redshift-data describe-statement --id {id} shows what was said");
    let at = if failed_statement == 0 { String::new() } else { format!(" (statement {failed_statement})") };
    if status == "ABORTED" {
        let summary =
            format!("the load was stopped in the warehouse, by somebody or by a limit of the workgroup; {look}");
        return Verdict { is_passing: false, summary };
    }
    if let Some(told) = find(&PASSING) {
        return Verdict { is_passing: true, summary: format!("{told}{at}; {look}") };
    }
    if let Some(told) = find(&LASTING) {
        return Verdict { is_passing: false, summary: format!("{told}{at}; {look}") };
    }
    // What is not known may pass: it is tried again, a few times.
    Verdict { is_passing: true, summary: format!("the warehouse failed to load{at}; {look}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_warehouse_says_is_sorted_and_not_repeated() {
        let judged = |error: &str| {
            let Verdict { is_passing, summary } = of("FAILED", error, 6, "s-1");
            assert!(!summary.contains("Jane"), "{summary}");
            format!("{is_passing}: {summary}")
        };
        insta::assert_snapshot!(judged("ERROR: 1023 Detail: Serializable isolation violation on table - 108311"), @"true: another transaction changed the same table at the same time (statement 6); aws redshift-data describe-statement --id s-1 shows what was said");
        insta::assert_snapshot!(judged("ERROR: schema \"lakegate_lake\" does not exist"), @"false: a schema, table or column that the load needs is not in the warehouse: an administrator runs redshift/1_setup.sql, and drops the table if the one of its name in lakegate_loads is gone (statement 6); aws redshift-data describe-statement --id s-1 shows what was said");
        insta::assert_snapshot!(judged("ERROR: value too long for type character varying(65535): Jane"), @"false: a text is longer than its column, which takes 65,535 bytes where the function made it (statement 6); aws redshift-data describe-statement --id s-1 shows what was said");
        insta::assert_snapshot!(judged("Spectrum Scan Error: The specified key does not exist. key=Jane"), @"true: a file was replaced while it was read (statement 6); aws redshift-data describe-statement --id s-1 shows what was said");
        insta::assert_snapshot!(judged("assert: Jane"), @"true: the warehouse failed to load (statement 6); aws redshift-data describe-statement --id s-1 shows what was said");
        assert!(!of("ABORTED", "", 0, "s-1").is_passing);
    }
}
