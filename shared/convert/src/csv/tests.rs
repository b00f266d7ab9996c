use lakegate_contract::{CsvDialect, Encoding, Quoting, Rule};
use proptest::prelude::*;

use std::sync::Arc;

use super::splitter::{Split, Splitter};
use crate::records::{BATCH_RECORDS, FieldMap, Form};

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
fn lines_that_are_no_records_take_no_memory() {
    let dialect = CsvDialect { comment: Some(b'#'), trim: true, max_record_bytes: 100, ..strict() };
    for line in ["\n", "\r\n", " \n", "#\n", "#", "x"] {
        let mut splitter = Splitter::new(&dialect, Encoding::Utf8);
        splitter.push(if line == "#" { b"#" } else { b"a,b\n" });
        splitter.split(1);
        let _ = splitter.take_batch(&Arc::new(FieldMap::default()));
        for _ in 0..1000 {
            splitter.push(line.repeat(1000 / line.len()).as_bytes());
            while splitter.split(BATCH_RECORDS) == Split::Full {
                let _ = splitter.take_batch(&Arc::new(FieldMap::default()));
            }
            assert!(splitter.buffer.len() <= 2000, "{line:?}");
        }
    }
}

#[test]
fn another_delimiter_and_quote_are_honoured() {
    let dialect = CsvDialect { delimiter: b';', quote: b'\'', ..strict() };
    assert_eq!(fields(&dialect, "'a;b';c,d\n'it''s';\"\n"), [["a;b", "c,d"], ["it's", "\""]]);
}

#[test]
fn an_escape_takes_the_meaning_from_what_is_behind_it() {
    let dialect = CsvDialect { escape: Some(b'\\'), ..strict() };
    let input = "a\\,b,c\\\\\n\"d\\\"e\"\"f\\\n\",g\\\nh,\\\"i\nj\\\r\nk,l,\n";
    for chunk_bytes in [1, 2, usize::MAX] {
        let seen = split(&dialect, input.as_bytes(), chunk_bytes);
        assert!(seen.iter().all(|seen| seen.3.is_none()));
        let read: Vec<_> = seen.iter().map(|seen| seen.0.clone()).collect();
        assert_eq!(read, [vec!["a,b", "c\\"], vec!["d\"e\"f\n", "g\nh", "\"i"], vec!["j\r\nk", "l", ""]]);
        assert_eq!(seen.iter().map(|seen| seen.1).collect::<Vec<_>>(), [1, 2, 5]);
    }
    // The last byte has nothing behind it, and a carriage return that ends a line is no escaped one.
    assert_eq!(fields(&dialect, "a\\"), [["a\\"]]);
    assert_eq!(fields(&dialect, "a\n\"b\\\""), [vec!["a"], vec![]]);
    assert_eq!(fields(&dialect, "a\nb\\\\\r\nc\\\r"), [["a"], ["b\\"], ["c\r"]]);
}

#[test]
fn a_null_text_with_an_escape_is_null_as_it_stands() {
    let null_values = vec!["\\N".to_owned(), "NA".to_owned()];
    let dialect = CsvDialect { escape: Some(b'\\'), null_values, ..strict() };
    let mut splitter = Splitter::new(&dialect, Encoding::Utf8);
    splitter.push(b"\\N,\"\\N\",\\NA,NA\n");
    splitter.end();
    splitter.split(BATCH_RECORDS);
    let batch = splitter.take_batch(&Arc::new(FieldMap::default()));
    let mut scratch = Vec::new();
    let read: Vec<_> =
        batch.fields.iter().map(|field| (batch.text(field, &mut scratch).to_vec(), field.form())).collect();
    let expected = [("\\N", Form::Plain), ("N", Form::Escaped), ("NA", Form::Escaped), ("NA", Form::Plain)];
    assert_eq!(read, expected.map(|(text, form)| (text.as_bytes().to_vec(), form)));
}

#[test]
fn comments_cost_no_row_and_touch_no_quote() {
    let dialect = CsvDialect { comment: Some(b'#'), ..strict() };
    let input = "#one \"\na,b\n#two,\"\n\"c\n#d\",#e\n\n# \x7F\nf,\"#g\"\n#";
    for chunk_bytes in [1, 4, usize::MAX] {
        let seen = split(&dialect, input.as_bytes(), chunk_bytes);
        let told: Vec<_> = seen.iter().map(|seen| (seen.0.join("|"), seen.1, seen.3)).collect();
        let expected = [("a|b", 2, None), ("c\n#d|#e", 4, None), ("f|#g", 8, None)];
        assert_eq!(told, expected.map(|(fields, line, fault)| (fields.to_owned(), line, fault)));
    }
}

#[test]
fn lines_before_the_header_are_left_out_whatever_is_in_them() {
    let dialect = CsvDialect { skip_lines: 3, ..strict() };
    for input in ["\"x\n\ny\"\na,b\n", "\"x\r\n\r\ny\"\r\na,b\r\n", "\"x\r\ry\"\ra,b\r"] {
        for chunk_bytes in [1, usize::MAX] {
            let seen = split(&dialect, input.as_bytes(), chunk_bytes);
            let told: Vec<_> = seen.iter().map(|seen| (seen.0.join("|"), seen.1)).collect();
            assert_eq!(told, [("a|b".to_owned(), 4)], "{input:?}");
        }
    }
    assert_eq!(fields(&dialect, "a\nb\nc"), Vec::<Vec<String>>::new());
}

#[test]
fn trimming_leaves_out_spaces_and_tabs_outside_quotes() {
    let dialect = CsvDialect { trim: true, ..strict() };
    let input = "  \"a \" , b \t\n\t \nc,\" d\"\"\"\t\r\n , \n \"e\"  ";
    for chunk_bytes in [1, 2, usize::MAX] {
        let seen = split(&dialect, input.as_bytes(), chunk_bytes);
        assert!(seen.iter().all(|seen| seen.3.is_none()), "{seen:?}");
        let read: Vec<_> = seen.into_iter().map(|seen| (seen.0.join("|"), seen.1)).collect();
        let expected = [("a |b", 1), ("c| d\"", 3), ("|", 4), ("e", 5)];
        assert_eq!(read, expected.map(|(fields, line)| (fields.to_owned(), line)));
    }
    // A tab that delimits is no space, an escaped space is none either, and text behind quotes is as stray as ever.
    let tabs = CsvDialect { delimiter: b'\t', trim: true, ..strict() };
    assert_eq!(fields(&tabs, "a\t\t \"b\" \t\n"), [["a", "", "b", ""]]);
    let escapes = CsvDialect { escape: Some(b'\\'), trim: true, ..strict() };
    assert_eq!(fields(&escapes, " a\\  ,\\ b,c\\\\ \n"), [["a ", " b", "c\\"]]);
    assert_eq!(split(&dialect, b"\"a\" b\n", 1)[0].3, Some(Rule::Quote));
}

/// CSV of the characters that matter, mostly wrong.
fn soup() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &["a", "é", ",", "\"", "\n", "\r\n", "\r", " ", "\\", "#", "\t"];
    proptest::collection::vec(proptest::sample::select(PARTS), 0..60).prop_map(|parts| parts.concat())
}

/// Dialects with and without everything that they can have.
fn dialect() -> impl Strategy<Value = CsvDialect> {
    let options = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0_u64..3);
    options.prop_map(|(is_strict, short, escape, comment, trim, skip_lines)| CsvDialect {
        max_record_bytes: if short { 7 } else { 1000 },
        escape: escape.then_some(b'\\'),
        comment: comment.then_some(b'#'),
        trim,
        skip_lines,
        ..if is_strict { strict() } else { lenient() }
    })
}

/// Fields that a writer may have to quote.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1_usize..5).prop_flat_map(|width| {
        let field = "[a-c,\"\r\né ]{0,6}";
        proptest::collection::vec(proptest::collection::vec(field, width), 0..8)
    })
}

/// Writes a field in one of the ways of a dialect with escapes and trimming; only the first two are known to the `csv` crate.
fn write_field(text: &str, way: usize) -> String {
    let escaped = |wanted: &[char]| {
        let escape = |char: char| if wanted.contains(&char) { format!("\\{char}") } else { char.to_string() };
        text.chars().map(escape).collect::<String>()
    };
    match way {
        0 => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\"")),
        1 => format!("\"{}\"", escaped(&['"', '\\'])),
        2 => escaped(&['"', '\\', ',', '\n', '\r', ' ', '#']),
        _ => format!(" \"{}\"\t", escaped(&['"', '\\'])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_into_chunks_changes_nothing(input in soup(), chunk_bytes in 1_usize..9, dialect in dialect()) {
        let whole = split(&dialect, input.as_bytes(), usize::MAX);
        prop_assert_eq!(split(&dialect, input.as_bytes(), chunk_bytes), whole);
    }

    #[test]
    fn the_cut_of_long_files_changes_nothing(rows in proptest::collection::vec(soup(), 0..12), at in 0_usize..1000, dialect in dialect()) {
        // Long enough for blocks of 64 bytes, so that records are found both whole and step by step.
        let input = rows.join("\nabc,\"d,e\",f\"\"g,\n\"h\"\"i\nj\",,k\n");
        let whole = split(&dialect, input.as_bytes(), usize::MAX);
        prop_assert_eq!(&split(&dialect, input.as_bytes(), at), &whole);
        prop_assert_eq!(&split(&dialect, input.as_bytes(), 1), &whole);
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(rows in table(), always_quote: bool) {
        let style = if always_quote { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let written = writer.into_inner().unwrap();
        for chunk_bytes in [3, usize::MAX] {
            let seen = split(&strict(), &written, chunk_bytes);
            prop_assert!(seen.iter().all(|seen| seen.3.is_none()));
            prop_assert_eq!(&seen.into_iter().map(|seen| seen.0).collect::<Vec<_>>(), &rows);
        }
    }

    #[test]
    fn what_is_written_with_escapes_and_comments_is_read_back_as_the_csv_crate_does(
        rows in proptest::collection::vec(proptest::collection::vec(("[a,\"\n# \\\\é]{0,5}", 0_usize..4), 1..4), 0..6),
        chunk_bytes in 1_usize..20,
    ) {
        let dialect = CsvDialect { escape: Some(b'\\'), comment: Some(b'#'), trim: true, ..strict() };
        let is_known = rows.iter().flatten().all(|(_, way)| *way < 2);
        let mut written = String::from("first,line\n");
        for row in &rows {
            written.push_str("#comment,\"\n");
            let row = row.iter().map(|(text, way)| write_field(text, if text.is_empty() { 0 } else { *way }));
            written.push_str(&row.collect::<Vec<_>>().join(","));
            written.push('\n');
        }
        let seen = split(&dialect, written.as_bytes(), chunk_bytes);
        prop_assert!(seen.iter().all(|seen| seen.3.is_none()), "{written:?}");
        let read: Vec<_> = seen.into_iter().skip(1).map(|seen| seen.0).collect();
        let texts = |row: &Vec<(String, usize)>| row.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
        prop_assert_eq!(&read, &rows.iter().map(texts).collect::<Vec<_>>(), "{:?}", written);
        if is_known {
            let mut reader = csv::ReaderBuilder::new()
                .escape(Some(b'\\'))
                .comment(Some(b'#'))
                .flexible(true)
                .from_reader(written.as_bytes());
            let theirs = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect());
            prop_assert_eq!(read, theirs.collect::<Vec<Vec<String>>>());
        }
    }
}
