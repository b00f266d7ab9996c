//! What a contract says of how a file is written, from bytes to accepted values and rejected rows: every option of the dialect,
//! encodings, and what becomes of columns that the contract does not know.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod texts;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::{Contract, Encoding, Packing, Quoting};
use lakegate_convert::{Converter, Output, Reading, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use texts::{ENCODINGS, contract, rescuing};

fn with_encoding(encoding: Encoding) -> Contract {
    let mut contract = contract(|_| {});
    contract.landing.encoding = encoding;
    contract
}

fn batches(bytes: &[u8]) -> Vec<RecordBatch> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn convert(contract: &Arc<Contract>, input: &[u8], chunk_bytes: usize) -> Vec<String> {
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap();
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    let is_done = |chunk: &[u8]| converter.push(chunk).unwrap() == Reading::Enough;
    let _ = input.chunks(chunk_bytes).any(is_done);
    let judgement = converter.finish().unwrap();
    for chunk in converter.drain() {
        outputs.entry(chunk.output).or_default().extend(chunk.bytes);
    }
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    let mut lines = Vec::new();
    if let Some(error) = judgement.file_error {
        lines.push(format!("{}: {}", error.kind, error.message));
        return lines;
    }
    let options = FormatOptions::new().with_null("NULL");
    for batch in outputs.get(&Output::Table(0)).map(|bytes| batches(bytes)).unwrap_or_default() {
        for row in 0..batch.num_rows() {
            let cells = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string());
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    for batch in outputs.get(&Output::Rejects).map(|bytes| batches(bytes)).unwrap_or_default() {
        let number = |name: &str, row| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row);
        for row in 0..batch.num_rows() {
            let raw = batch.column_by_name("raw").unwrap().as_string::<i32>().value(row);
            let violations = batch.column_by_name("violations").unwrap().as_list::<i32>().value(row);
            let rules = violations.as_struct().column(1).as_string::<i32>();
            let rules: Vec<_> = rules.iter().flatten().collect();
            lines.push(format!(
                "line {}, byte {}: {raw:?} {}",
                number("line", row),
                number("byte_offset", row),
                rules.join(", ")
            ));
        }
    }
    lines
}

/// Converts whole and in small pieces, and compares accepted rows, then rejected ones, or why the file is rejected.
fn check(contract: Contract, input: &[u8], expected: &[&str]) {
    let contract = Arc::new(contract);
    for chunk_bytes in [usize::MAX, 1, 5] {
        assert_eq!(convert(&contract, input, chunk_bytes), expected, "in pieces of {chunk_bytes}");
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn escapes_stand_inside_and_outside_quotes() {
    let nulls = vec!["\\N".to_owned()];
    let contract = contract(|dialect| (dialect.escape, dialect.null_values) = (Some(b'\\'), nulls));
    let input = b"id,n,t\na\\,b,1,\"say \\\"hi\\\" and \"\"bye\"\"\"\nc,\\N,\\N\nd,2,\"\\N\"\ne,3,x\\\ny\n";
    check(contract, input, &["a,b|1|say \"hi\" and \"bye\"", "c|NULL|NULL", "d|2|N", "e|3|x\ny"]);
}

#[test]
fn comments_and_lines_before_the_header_are_no_rows() {
    let contract = contract(|dialect| (dialect.comment, dialect.skip_lines) = (Some(b'#'), 2));
    let input = b"\xEF\xBB\xBFreport \"x\n\n# columns\nid,n,t\n#a,1,x\nb,2,\"#\n#y\"\n c,x,#\n";
    check(contract, input, &["b|2|#\n#y", "line 8, byte 49: \" c,x,#\" type"]);
}

#[test]
fn spaces_are_kept_unless_the_contract_trims_them() {
    let input = b" id , n,t\n a , 1 , NA \n \"b \" ,\t2, \"NA\"\n\n  \t\n,3,\n";
    check(contract(|_| {}), b"id,n,t\n a , 1 ,\n a ,1, \n", &[" a |1| ", "line 2, byte 7: \" a , 1 ,\" type"]);
    let nulls = vec![String::new(), "NA".to_owned()];
    let contract = contract(|dialect| (dialect.trim, dialect.null_values) = (true, nulls));
    check(contract, input, &["a|1|NULL", "b |2|NA", "line 6, byte 44: \",3,\" required"]);
}

#[test]
fn other_encodings_give_the_same_rows_and_exact_offsets() {
    let text = "id,n,t\né€,1,“x”\nb,bad,\nc,3,\n";
    let rows = |line: &'static str| ["é€|1|“x”", "c|3|NULL", line];
    check(with_encoding(Encoding::Utf8), text.as_bytes(), &rows("line 3, byte 23: \"b,bad,\" type"));
    let one_byte = b"id,n,t\n\xE9\x80,1,\x93x\x94\nb,bad,\nc,3,\n";
    check(with_encoding(Encoding::Windows1252), one_byte, &rows("line 3, byte 16: \"b,bad,\" type"));
    check(with_encoding(Encoding::Utf16Le), &utf16(text), &rows("line 3, byte 32: \"b,bad,\" type"));
    let marked = utf16(&format!("\u{FEFF}{text}"));
    check(with_encoding(Encoding::Utf16), &marked, &rows("line 3, byte 34: \"b,bad,\" type"));
    let latin = b"id,n,t\n\xE9\x93,1,\xFF\n";
    check(with_encoding(Encoding::Iso8859_1), latin, &["é\u{93}|1|ÿ"]);
}

#[test]
fn what_is_no_text_costs_its_row_and_is_never_replaced() {
    check(
        with_encoding(Encoding::Windows1252),
        b"id,n,t\na,1,\x81\nb,2,\xE9\nc,x,\n",
        &["b|2|é", "line 2, byte 7: \"a,1,\\\\x81\" encoding", "line 4, byte 19: \"c,x,\" type"],
    );
    let mut units = utf16("id,n,t\na,1,?\nb,2,😀\nc,x,\n");
    units[22..24].copy_from_slice(&0xD800_u16.to_le_bytes());
    units.push(b'z');
    check(
        with_encoding(Encoding::Utf16Le),
        &units,
        &[
            "b|2|😀",
            "line 2, byte 14: \"a,1,\\\\xED\\\\xA0\\\\x80\" encoding",
            "line 4, byte 40: \"c,x,\" type",
            "line 5, byte 50: \"\\\\xFF\" encoding",
        ],
    );
    check(
        with_encoding(Encoding::Utf8),
        b"id,n,t\na,1,\xE9\nb,2,\n",
        &["b|2|NULL", "line 2, byte 7: \"a,1,\\\\xE9\" encoding"],
    );
}

#[test]
fn what_the_contract_does_not_know_is_rescued_as_json() {
    let input = b"x,id,,n,t,\"y \"\"z\"\"\"\n1,a,,1,,\n,b,2,2,,\"\"\n\"tab\t\\ \"\"q\"\"\nend\x01\",c,NULL,3,,n\xC3\xA9\n1,d,,4,\n";
    check(
        rescuing(|_| {}),
        input,
        &[
            "a|1|NULL|{\"x\":\"1\"}",
            "b|2|NULL|{\"column_3\":\"2\",\"y \\\"z\\\"\":\"\"}",
            "c|3|NULL|{\"x\":\"tab\\t\\\\ \\\"q\\\"\\nend\\u0001\",\"column_3\":\"NULL\",\"y \\\"z\\\"\":\"né\"}",
            "line 6, byte 73: \"1,d,,4,\" fields",
        ],
    );
    check(rescuing(|_| {}), b"id,n,t\na,1,\n", &["a|1|NULL|NULL"]);
    check(
        rescuing(|_| {}),
        b"id,x,n,x\na,1,2,3\n",
        &["HeaderMismatch: the header names the unknown column \"x\" twice"],
    );
    // Nobody named what stands behind the columns.
    let positions = rescuing(|dialect| dialect.header = false);
    check(positions, b"a,1,x\nb,2,y,more\n", &["a|1|x|NULL", "line 2, byte 6: \"b,2,y,more\" fields"]);
}

#[test]
fn header_names_that_two_columns_have_are_refused() {
    let mut contract = contract(|_| {});
    contract.columns[2].name = "ID".to_owned();
    check(
        contract.clone(),
        b"Id,n\na,1\n",
        &["HeaderMismatch: the header names a column that may be id or ID, which differ only in case of letters"],
    );
    check(contract, b"ID,n,id\na,1,b\n", &["b|1|a"]);
}

#[test]
fn an_unknown_name_that_is_no_name_is_not_rescued() {
    let converted = |name_bytes: usize| {
        let input = format!("id,n,t,{}\nA,1,x,y\n", "u".repeat(name_bytes));
        convert(&Arc::new(rescuing(|_| {})), input.as_bytes(), usize::MAX).join("\n")
    };
    assert!(converted(1025).contains("more than 1024 bytes"), "{}", converted(1025));
    assert!(!converted(1024).contains("more than 1024 bytes"), "{}", converted(1024));
}

#[test]
fn a_header_that_cannot_be_read_rejects_the_file() {
    let quote = "HeaderMismatch: the header is not readable: it has a stray quote, or one that is never closed; where spaces stand around quotes, trim: true would fit";
    check(contract(|_| {}), b"id, \"n\", \"t\"\na,1,\n", &[quote]);
    check(contract(|_| {}), b"\"id,n,t\na,1,\n", &[quote]);
    let bytes = "HeaderMismatch: the header is not readable: it is not valid in the encoding that the contract gives (UTF-8 if none); encoding: Windows-1252 would fit";
    check(contract(|_| {}), b"id,n,t\xE9\na,1,\n", &[bytes]);
    let long = "HeaderMismatch: the header is not readable: it is longer than maxRecordBytes";
    check(contract(|dialect| dialect.max_record_bytes = 5), b"id,n,t\na,1,\n", &[long]);
}

#[test]
fn what_would_fit_a_first_line_that_is_no_header_is_named() {
    let none = "HeaderMismatch: the first line names no column of the contract";
    let fits = |delimiter: &str, columns: usize| {
        format!("{none}; delimiter: {delimiter} would fit: it names {columns} of them then")
    };
    check(contract(|_| {}), b"id;n;t\na;1;\n", &[&fits("\";\"", 3)]);
    check(contract(|_| {}), b"id\tn\tother\na\t1\t\n", &[&fits("\"\\t\"", 2)]);
    check(
        contract(|dialect| dialect.delimiter = b';'),
        b"\"id\",\"n\"\na,1\n",
        &[
            "HeaderMismatch: the header is not readable: it has a stray quote, or one that is never closed; delimiter: \",\" would fit",
        ],
    );
    let unknown = format!("{none}: is the header missing, or the delimiter another one?");
    for line in ["a;b;c", "id;b;c", "[a],[b]"] {
        check(contract(|_| {}), format!("{line}\na;1;\n").as_bytes(), &[&unknown]);
    }
    let json = "WrongFormat: the file is JSON by its first line, and the contract says CSV; format: json would fit";
    for text in ["[{\"id\": \"a\", \"n\": 1}]", "{\"id\": \"a\"}\n", "[\n  {\"id\": 1}\n]", "{\n  \"id\": 1\n}", "[{}]"]
    {
        check(contract(|_| {}), text.as_bytes(), &[json]);
    }
    // What is no text of Windows-1252 either has no such hint.
    let bytes = "HeaderMismatch: the header is not readable: it is not valid in the encoding that the contract gives (UTF-8 if none)";
    check(contract(|_| {}), b"id,n,t\xE9\x81\na,1,\n", &[bytes]);
    check(contract(|_| {}), b"id,n,t\xC3\xA9\xE9\na,1,\n", &[bytes]);
}

#[test]
fn files_without_rows_have_a_stated_outcome() {
    let empty = "EmptyFile: the file is empty, and a header was expected";
    check(contract(|_| {}), b"", &[empty]);
    check(contract(|dialect| dialect.skip_lines = 2), b"a\nb\n", &[empty]);
    check(contract(|dialect| dialect.comment = Some(b'#')), b"#a", &[empty]);
    check(contract(|_| {}), b"id,n,t", &[]);
    check(contract(|dialect| dialect.header = false), b"", &[]);
}

#[test]
fn packed_files_are_judged_as_they_are_unpacked() {
    let row = b"some id that is always the same,1,\n";
    let text = [b"id,n,t\n".as_slice(), &row.repeat(100_000)].concat();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&text).unwrap();
    let gzip = encoder.finish().unwrap();
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    zstd.write_all(&text).unwrap();
    let zstd = zstd.finish().unwrap();
    for packed in [&gzip, &zstd] {
        let rows = convert(&Arc::new(contract(|_| {})), packed, usize::MAX);
        assert_eq!((rows.len(), rows[99_999].as_str()), (100_000, "some id that is always the same|1|NULL"));
        // Rows that were good do not matter when the end is missing.
        let truncated = convert(&Arc::new(contract(|_| {})), &packed[..packed.len() - 1], 4096);
        assert!(truncated[0].starts_with("Truncated: the file ends in the midst of its "), "{truncated:?}");
    }
    // A file that breaks in its midst is judged up to there, whatever the pieces.
    for packed in [&gzip, &zstd] {
        let mut broken = packed.clone();
        let middle = broken.len() / 2;
        broken[middle..middle + 8].fill(0xFF);
        let counts = |chunk_bytes| {
            let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
            let mut converter = Converter::new(Arc::new(contract(|_| {})), source).unwrap();
            let _ = broken.chunks(chunk_bytes).any(|chunk| converter.push(chunk).unwrap() == Reading::Enough);
            let judgement = converter.finish().unwrap();
            assert!(judgement.file_error.is_some() && judgement.partitions.is_empty());
            (judgement.counts, judgement.file_error)
        };
        assert!([1, 1000, 70_000].iter().all(|chunk_bytes| counts(*chunk_bytes) == counts(usize::MAX)));
    }
    let mut declared = contract(|_| {});
    declared.landing.packing = Packing::None;
    check(declared, &gzip, &["WrongFormat: the file is gzip, and the contract says not packed (compression)"]);
}

/// Bytes of files that are nearly, but not quite, what a contract says.
fn files() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&[u8]] = &[
        b"id,n,t",
        b"ID,x,n,,t",
        b"\n",
        b"\r\n",
        b"\r",
        b"a,1,b",
        b"b,x,\"c\"",
        b",",
        b"\"",
        b"\\",
        b"#",
        b" ",
        b"\t",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xFF\xFE",
        b"\xE9",
        b"\x81",
        b"i\0d\0,\0",
        b"\x1F\x8B\x08\0",
        b"\x28\xB5\x2F\xFD",
        b"\xD8\x3D",
    ];
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 0..30);
    (any::<bool>(), parts).prop_map(|(has_header, parts)| {
        let header: &[u8] = if has_header { b"id,x,n,t\n" } else { b"" };
        [header, &parts.concat()].concat()
    })
}

fn contracts() -> impl Strategy<Value = Contract> {
    let flags = proptest::array::uniform5(any::<bool>());
    (proptest::sample::select(ENCODINGS), flags, 0_u64..3).prop_map(
        |(encoding, [escape, comment, trim, header, lenient], skip_lines)| {
            let mut contract = rescuing(|dialect| {
                dialect.escape = escape.then_some(b'\\');
                dialect.comment = comment.then_some(b'#');
                (dialect.trim, dialect.header, dialect.skip_lines) = (trim, header, skip_lines);
                dialect.quoting = if lenient { Quoting::Lenient } else { Quoting::Strict };
            });
            contract.landing.encoding = encoding;
            contract
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_file_is_its_outcome_does_not_depend_on_the_pieces(contract in contracts(), file in files(), chunk_bytes in 1_usize..20) {
        let contract = Arc::new(contract);
        let whole = convert(&contract, &file, usize::MAX);
        prop_assert_eq!(convert(&contract, &file, chunk_bytes), whole);
    }
}
