//! Ranges of a file, cut anywhere, together come to what one pass over it does: rows, rejects, their row and line numbers and offsets, and
//! the judgement.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads its cases"
)]

mod ranged;
mod texts;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use lakegate_contract::{Contract, CsvDialect, Encoding, JsonFraming, Quoting};
use lakegate_convert::FileErrorKind;
use lakegate_convert::range::Uncuttable;
use proptest::prelude::*;

use ranged::{check, plan};
use texts::{ENCODINGS, contract, json_contract, rescuing};

fn every(step: usize, len: usize) -> Vec<usize> {
    (0..len).step_by(step).collect()
}

fn read_contract(path: &Path) -> Arc<Contract> {
    let document = std::fs::read_to_string(path).unwrap();
    Arc::new(lakegate_contract::parse(&document).unwrap().contract)
}

#[test]
fn every_case_comes_to_the_same_in_ranges_cut_anywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    cases.sort();
    let (mut cut, mut whole) = (Vec::new(), BTreeMap::new());
    for case in cases {
        let own = case.join("contract.yaml");
        let contract = read_contract(&if own.exists() { own } else { root.join("contract.yaml") });
        let input = std::fs::read(case.join("input.csv")).or_else(|_| std::fs::read(case.join("input.json"))).unwrap();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if let Err(reason) = plan(&contract, &input, &[]) {
            whole.insert(name, reason.to_string());
            continue;
        }
        for step in [1, 5, 16, 50] {
            check(&contract, &input, &every(step, input.len()), usize::MAX).unwrap();
        }
        for place in (0..input.len()).step_by(7) {
            check(&contract, &input, &[place], 11).unwrap();
        }
        cut.push(name);
    }
    assert!(cut.len() >= 40, "{} cases are cut, and these are not: {whole:#?}", cut.len());
}

/// Rows of all kinds, with CRLF, line breaks in quotes and characters of one to four bytes.
fn rows(count: usize) -> String {
    let line = |row: usize| match row % 11 {
        0 => format!("{row},\"two\r\nlines\",€\r\n"),
        1 => format!("{row},a,\"say \"\"{row}\"\"\n\"\"\n, é\"\r\n"),
        2 => format!("bad,{row},x\r\n"),
        3 => format!("\"{row}\",\"\",\"\"\r\n"),
        4 => format!("{row},😀,stray \" quote\r\n\r\n"),
        5 => format!("{row},\"\n\n\n{}\n\",\"\n\"\r\n", "words, ".repeat(row % 40)),
        6 => format!("{row},more,fields,than,columns\r\n"),
        _ => format!("{row},name {row},\r\n"),
    };
    let lines = (0..count).map(line).collect::<Vec<_>>();
    format!("n,id,t\r\n{}", lines.concat())
}

#[test]
fn quoted_line_breaks_are_found_by_one_scan_wherever_the_cut_is() {
    let contract = Arc::new(contract(|_| {}));
    let input = rows(23);
    for cut in 0..input.len() {
        assert_eq!(check(&contract, input.as_bytes(), &[cut], usize::MAX), Ok(0), "cut at {cut}");
    }
}

#[test]
fn large_files_of_any_encoding_come_to_the_same_in_ranges() {
    for (encoding, step) in [
        (Encoding::Utf8, 64 * 1024),
        (Encoding::Utf8, 19_999),
        (Encoding::Utf16, 70_001),
        (Encoding::Utf16Le, 33_333),
        (Encoding::Windows1252, 20_000),
    ] {
        let mut contract = contract(|_| {});
        contract.landing.encoding = encoding;
        let input = encoded(&rows(12_000), encoding);
        assert!(input.len() > 300_000);
        assert_eq!(check(&Arc::new(contract), &input, &every(step, input.len()), 50_000), Ok(0), "{encoding:?}");
    }
    let line = |row: usize| match row % 9 {
        0 => "not JSON\n".to_owned(),
        1 => format!("{{\"a\": \"no end, n: {row}\n"),
        2 => "{\"a\": \"\\ud800\"}\r\n".to_owned(),
        3 => format!("  {{\"n\": {row}, \"a\": \"é€😀\"}}\n\n"),
        _ => format!("{{\"n\": {row}, \"a\": \"\\\"{row}\"}}\n"),
    };
    let lines = (0..8_000).map(line).collect::<Vec<_>>().concat();
    for framing in [JsonFraming::Lines, JsonFraming::ByContent] {
        let contract = Arc::new(json_contract(framing, CsvDialect::MAX_RECORD_BYTES));
        let again = check(&contract, lines.as_bytes(), &every(30_000, lines.len()), 50_000).unwrap();
        // Where bad values are looked into, what they may cost hangs on the values before.
        assert!(framing == JsonFraming::ByContent || again == 0, "{again} ranges were scanned again");
    }
}

#[test]
fn a_range_that_begins_as_no_scan_has_guessed_is_scanned_again_from_there() {
    // No line begins anywhere.
    let contract = Arc::new(json_contract(JsonFraming::ByContent, CsvDialect::MAX_RECORD_BYTES));
    let input = (0..40).map(|row| format!("{{\"n\":{row}}}")).collect::<Vec<_>>().concat();
    assert_eq!(check(&contract, input.as_bytes(), &[100, 200, 300], 7), Ok(3));
}

#[test]
fn lines_before_the_rows_may_reach_over_ranges() {
    let contract = Arc::new(contract(|dialect| (dialect.skip_lines, dialect.comment) = (3, Some(b'#'))));
    let input = b"a title \"\n\nsomething,else\n# a comment\n\nid,n,t\n# another\n\na,1,b\n#\nb,2,c\n#";
    let found = check(&contract, input, &every(3, input.len()), 5);
    assert_eq!(found, Ok(0));
    let input = b"#\n#\n#\n";
    let headless = Arc::new(rescuing(|dialect| (dialect.header, dialect.comment) = (false, Some(b'#'))));
    assert_eq!(check(&headless, input, &every(1, input.len()), 5), Ok(0));
}

#[test]
fn files_that_cannot_be_cut_say_why() {
    let csv = Arc::new(contract(|_| {}));
    let json = Arc::new(json_contract(JsonFraming::ByContent, CsvDialect::MAX_RECORD_BYTES));
    let reason = |contract: &Arc<Contract>, input: &[u8]| plan(contract, input, &[]).unwrap_err();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"id,n,t\na,1,b\n").unwrap();
    assert_eq!(reason(&csv, &gzip.finish().unwrap()), Uncuttable::Packed);
    assert_eq!(reason(&csv, &zstd::encode_all(&b"id,n,t\na,1,b\n"[..], 1).unwrap()), Uncuttable::Packed);
    assert_eq!(reason(&json, b" [{\"n\":1}]"), Uncuttable::JsonArray);
    assert_eq!(reason(&json, b"{\n \"n\": 1\n}\n"), Uncuttable::ValuesOverLines);
    let array = Arc::new(json_contract(JsonFraming::Array, CsvDialect::MAX_RECORD_BYTES));
    assert_eq!(reason(&array, b"{\"n\":1}"), Uncuttable::JsonArray);
    let short = Arc::new(contract(|dialect| dialect.max_record_bytes = 3));
    assert_eq!(reason(&short, b"id,n,t\n"), Uncuttable::ShortRecords);
    let Uncuttable::Rejected(error) = reason(&csv, b"id,n,u\n") else { panic!("a column is unknown") };
    assert_eq!(error.kind, FileErrorKind::HeaderMismatch);
    let Uncuttable::Rejected(error) = reason(&csv, b"") else { panic!("a header is missing") };
    assert_eq!(error.kind, FileErrorKind::EmptyFile);
}

/// Cuts, some of them nearer to each other than a record is long.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        (1_usize..40).prop_map(|step| every(step, 1000)),
        proptest::collection::vec(0_usize..300, 0..8),
        Just(every(1, 1000)),
    ]
}

fn csv_files() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&[u8]] = &[
        b"id,n,t",
        b"ID,x,n,,t",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"a,1,b\n",
        b"b,x,\"c\"\r\n",
        b",",
        b"\"",
        b"\"\"",
        b"\",\"",
        b"\"a\nb\"",
        b"\"\r\n\"",
        b"\\",
        b"#",
        b" ",
        b"\t",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xC3\xA9",
        b"\xE2\x82\xAC",
        b"\xE9",
        b"\x81",
        b"i\0d\0,\0",
        b"\xD8\x3D",
        b"\n\0",
        b"\0\n",
        b"\"\0",
        b"long text without an end",
    ];
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 0..40);
    (any::<bool>(), parts).prop_map(|(has_header, parts)| {
        let header: &[u8] = if has_header { b"id,x,n,t\n" } else { b"" };
        [header, &parts.concat()].concat()
    })
}

/// Text, encoded.
fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16 => std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Windows1252 | Encoding::Iso8859_1 => {
            text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
        }
    }
}

fn csv_contracts() -> impl Strategy<Value = Contract> {
    let flags = proptest::array::uniform6(any::<bool>());
    let limit = prop_oneof![Just(CsvDialect::MAX_RECORD_BYTES), 8_usize..40];
    (proptest::sample::select(ENCODINGS), flags, 0_u64..4, limit).prop_map(
        |(encoding, [escape, comment, trim, header, lenient, is_utf8], skip_lines, limit)| {
            let mut contract = rescuing(|dialect| {
                dialect.escape = escape.then_some(b'\\');
                dialect.comment = comment.then_some(b'#');
                (dialect.trim, dialect.header, dialect.skip_lines) = (trim, header, skip_lines);
                dialect.quoting = if lenient { Quoting::Lenient } else { Quoting::Strict };
                dialect.max_record_bytes = limit.max(if header { 20 } else { 8 });
            });
            contract.landing.encoding = if is_utf8 { Encoding::Utf8 } else { encoding };
            contract
        },
    )
}

fn json_files() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&[u8]] = &[
        b"{\"a\":\"x\",\"n\":1}\n",
        b"{\"a\":\"x\",\"n\":1}\n",
        b"{\"n\":2}\r\n",
        b"{\"a\":\"\\ud800\"}\n",
        b"{\"a\":\"\\\"{\"}\n",
        b"{\"a\":\xC3\xA9}\n",
        b"{\"a\":\"\xE2\x82\xAC\"}",
        b"\n",
        b"\r\n",
        b" ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b",",
        b"\x1E",
        b"{\"a\":\n\"y\"}",
        b"nope",
        b"  {\"n\":3}\n",
        b"{\"a\":\"no end\n",
        b"{\"n\":[{\n{\"n\":4}]}\n",
        b"\\",
        b"\xEF\xBB\xBF",
        b"{\"a\":\"a long text that is longer than some limits are\"}\n",
        b"\0",
    ];
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 0..30);
    (any::<bool>(), parts).prop_map(|(begins_well, parts)| {
        let first: &[u8] = if begins_well { b"{\"a\":\"x\",\"n\":1}\n" } else { b"" };
        [first, &parts.concat()].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 300, failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_csv_file_comes_to_the_same_in_ranges(
        contract in csv_contracts(), file in csv_files(), cuts in cuts(), chunk_bytes in prop_oneof![1_usize..20, Just(usize::MAX)]
    ) {
        let _ = check(&Arc::new(contract), &file, &cuts, chunk_bytes);
    }

    #[test]
    fn any_json_file_comes_to_the_same_in_ranges(
        file in json_files(), framing in proptest::sample::select(&[JsonFraming::ByContent, JsonFraming::Lines][..]),
        limit in prop_oneof![Just(CsvDialect::MAX_RECORD_BYTES), 8_usize..60],
        encoding in prop_oneof![3 => Just(Encoding::Utf8), 1 => proptest::sample::select(ENCODINGS)],
        cuts in cuts(), chunk_bytes in prop_oneof![1_usize..20, Just(usize::MAX)]
    ) {
        let mut contract = json_contract(framing, limit);
        contract.landing.encoding = encoding;
        let file = if encoding == Encoding::Utf8 { file } else { encoded(&String::from_utf8_lossy(&file), encoding) };
        let _ = check(&Arc::new(contract), &file, &cuts, chunk_bytes);
    }
}
