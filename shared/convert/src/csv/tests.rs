use lakegate_contract::{CsvDialect, Encoding, Quoting, Rule};
use proptest::prelude::*;

use std::sync::Arc;

use super::splitter::{Split, Splitter};
use crate::records::{BATCH_RECORDS, FieldMap};

/// A record as a test compares it: fields, line, byte offset, fault.
type Seen = (Vec<String>, u64, u64, Option<Rule>);

fn split(dialect: &CsvDialect, input: &[u8], chunk_bytes: usize) -> Vec<Seen> {
    let mut splitter = Splitter::new(dialect, Encoding::Utf8);
    let mut seen = Vec::new();
    for chunk in input.chunks(chunk_bytes.max(1)) {
        splitter.push(chunk);
        while splitter.split(BATCH_RECORDS) == Split::Full {
            take(&mut splitter, &mut seen);
        }
    }
    splitter.end();
    while splitter.split(BATCH_RECORDS) == Split::Full {
        take(&mut splitter, &mut seen);
    }
    take(&mut splitter, &mut seen);
    seen
}

fn take(splitter: &mut Splitter, seen: &mut Vec<Seen>) {
    let batch = splitter.take_batch(&Arc::new(FieldMap::default()));
    let mut scratch = Vec::new();
    for record in &batch.records {
        let mut text = |field| String::from_utf8_lossy(batch.text(field, &mut scratch)).into_owned();
        let fields = batch.fields(record).iter().map(&mut text).collect();
        seen.push((fields, record.line, batch.offset + record.start as u64, record.fault));
    }
}

fn strict() -> CsvDialect {
    CsvDialect::default()
}

fn lenient() -> CsvDialect {
    CsvDialect { quoting: Quoting::Lenient, ..CsvDialect::default() }
}

fn fields(dialect: &CsvDialect, input: &str) -> Vec<Vec<String>> {
    split(dialect, input.as_bytes(), usize::MAX).into_iter().map(|seen| seen.0).collect()
}

#[test]
fn line_breaks_of_every_kind_end_records() {
    for input in [
        "a,b\r\r\nc,d\r\r\n",
        "\"a\",\"b\"\r\r\n\"c\",\"d\"\r\r\n",
        "a,b\nc,d\n",
        "a,b\r\nc,d\r\n",
        "a,b\rc,d\r",
        "a,b\nc,d",
        "a,b\r\nc,d",
        "\n\na,b\n\nc,d\n\n",
        "a,b\r\nc,d\r",
    ] {
        assert_eq!(fields(&strict(), input), [["a", "b"], ["c", "d"]], "{input:?}");
    }
}

#[test]
fn quotes_hide_delimiters_and_line_breaks() {
    let input = "\"a,\"\"x\"\"\",\"b\r\nc\",\"\"\nd,,\n";
    assert_eq!(fields(&strict(), input), [["a,\"x\"", "b\r\nc", ""], ["d", "", ""]]);
    let lines: Vec<_> = split(&strict(), input.as_bytes(), 1).into_iter().map(|seen| (seen.1, seen.2)).collect();
    assert_eq!(lines, [(1, 0), (3, 20)]);
}

#[test]
fn a_stray_quote_costs_its_record_and_no_other() {
    let input = "a,b\nc\"x,d\n\"e\"y,f\n\"g\" ,h\ni,j\n";
    let faults: Vec<_> = split(&strict(), input.as_bytes(), usize::MAX).into_iter().map(|seen| seen.3).collect();
    assert_eq!(faults, [None, Some(Rule::Quote), Some(Rule::Quote), Some(Rule::Quote), None]);
    let read = fields(&lenient(), input);
    assert_eq!(read, [["a", "b"], ["c\"x", "d"], ["ey", "f"], ["g ", "h"], ["i", "j"]]);
}

#[test]
fn an_unclosed_quote_costs_its_line() {
    for dialect in [strict(), lenient(), CsvDialect { max_record_bytes: 8, ..strict() }] {
        let seen = split(&dialect, b"a,b\n\"c,d\ne,f\ng,h\n", usize::MAX);
        let told: Vec<_> = seen.iter().map(|seen| (seen.0.join("|"), seen.1, seen.2, seen.3)).collect();
        let expected = [("a|b", 1, 0, None), ("", 2, 4, Some(Rule::Quote)), ("e|f", 3, 9, None), ("g|h", 4, 13, None)];
        assert_eq!(told, expected.map(|(fields, line, offset, fault)| (fields.to_owned(), line, offset, fault)));
    }
}

#[test]
fn lenient_quotes_do_not_join_lines() {
    let read = fields(&lenient(), "\"x,1\ngood,2\n\"y\",3\n\"z\"z,4\n");
    assert_eq!(read, [vec![], vec!["good", "2"], vec!["y", "3"], vec!["zz", "4"]]);
}

#[test]
fn a_quote_that_swallows_rows_up_to_the_next_one_costs_its_line_only() {
    let read = fields(&strict(), "a,b\n\"c,d\ne,f\n\"g\",h\n");
    assert_eq!(read, [vec!["a", "b"], vec![], vec!["e", "f"], vec!["g", "h"]]);
}

#[test]
fn a_record_that_is_too_long_costs_itself_and_reading_goes_on() {
    let dialect = CsvDialect { max_record_bytes: 8, ..strict() };
    let input = "a,b\nccc,d,\"e\"f\nh,i\n12345678\r\n123456789\nj,k\n";
    for chunk_bytes in [1, 2, 3, 5, 1000] {
        let seen = split(&dialect, input.as_bytes(), chunk_bytes);
        let told: Vec<_> = seen.iter().map(|seen| (seen.0.join("|"), seen.1, seen.2, seen.3)).collect();
        let expected = [
            ("a|b".to_owned(), 1, 0, None),
            (String::new(), 2, 4, Some(Rule::TooLong)),
            ("h|i".to_owned(), 3, 15, None),
            ("12345678".to_owned(), 4, 19, None),
            (String::new(), 5, 29, Some(Rule::TooLong)),
            ("j|k".to_owned(), 6, 39, None),
        ];
        assert_eq!(told, expected, "in pieces of {chunk_bytes}");
    }
}

#[test]
fn another_delimiter_and_quote_are_honoured() {
    let dialect = CsvDialect { delimiter: b';', quote: b'\'', ..strict() };
    assert_eq!(fields(&dialect, "'a;b';c,d\n'it''s';\"\n"), [["a;b", "c,d"], ["it's", "\""]]);
}

/// CSV of the characters that matter, mostly wrong.
fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "é", ",", "\"", "\n", "\r\n", "\r", " "], 0..60)
        .prop_map(|parts| parts.concat())
}

/// Fields that a writer may have to quote.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1_usize..5).prop_flat_map(|width| {
        let field = "[a-c,\"\r\né ]{0,6}";
        proptest::collection::vec(proptest::collection::vec(field, width), 0..8)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_into_chunks_changes_nothing(input in soup(), chunk_bytes in 1_usize..9, is_strict: bool, short: bool) {
        let max_record_bytes = if short { 7 } else { 1000 };
        let dialect = CsvDialect { max_record_bytes, ..if is_strict { strict() } else { lenient() } };
        let whole = split(&dialect, input.as_bytes(), usize::MAX);
        prop_assert_eq!(split(&dialect, input.as_bytes(), chunk_bytes), whole);
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(rows in table(), always_quote: bool) {
        let style = if always_quote { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let written = writer.into_inner().unwrap();
        let seen = split(&strict(), &written, 3);
        prop_assert!(seen.iter().all(|seen| seen.3.is_none()));
        prop_assert_eq!(seen.into_iter().map(|seen| seen.0).collect::<Vec<_>>(), rows);
    }
}
