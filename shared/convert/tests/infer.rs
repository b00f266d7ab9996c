//! Every folder in `tests/infer` is an input and the contract that is drafted from it, which must accept it. To see what comes of a
//! new case, run with `LAKEGATE_WRITE_CASES=1`, and read what it wrote. The project's real files must be accepted as well.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may fail, and reads its cases"
)]

mod drafting;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use drafting::{accepted, convert, infer, infer_for, naming};
use lakegate_convert::{InferError, Inference, Naming};
use proptest::prelude::*;

#[test]
fn every_case_is_drafted_as_expected_whatever_the_chunks_and_accepts_its_input() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infer");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "cases are missing");
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let extension = if case.join("input.json").is_file() { "json" } else { "csv" };
        let input = std::fs::read(case.join(format!("input.{extension}"))).unwrap();
        let naming = naming(extension);
        let draft = infer_for(&naming, &input, usize::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
        for chunk_bytes in [1, 3, 64] {
            assert_eq!(infer_for(&naming, &input, chunk_bytes).unwrap(), draft, "{name} in pieces of {chunk_bytes}");
        }
        let file = case.join("expected.yaml");
        if std::env::var_os("LAKEGATE_WRITE_CASES").is_some() {
            std::fs::write(&file, &draft.yaml).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(draft.yaml == expected, "{name}:\n--- expected\n{expected}\n--- came\n{}", draft.yaml);
        let judgement = accepted(&name, &input);
        let may_reject = name.starts_with("ragged") || name.starts_with("broken");
        assert!(may_reject || judgement.file_error.is_none(), "{name}: {:?}", judgement.file_error);
        assert!(may_reject || judgement.counts.rejected == 0, "{name}: {:?}", judgement.first_rejects);
    }
}

/// Real files that no contract accepts whole, the rows that are rejected, and why.
const EXCEPTIONS: [(&str, u64, &str); 5] = [
    ("frictionless/capital-invalid.csv", 2, "rows with other numbers of fields"),
    ("frictionless/schema-errors.csv", 1, "a row with a field too many"),
    ("frictionless/structure-errors.csv", 1, "a row with fields too many"),
    ("rust-csv/strange.csv", 1, "a row without its second field"),
    ("spark-csv/malformedRow.csv", 1, "a row of one field"),
];
/// A real file from which nothing can be drafted: it has no byte.
const EMPTY: &str = "frictionless/empty.csv";

/// JSON records that no contract accepts, and why.
const JSON_EXCEPTIONS: [(&str, u64, &str); 0] = [];

/// The files below the project's shared data that are named so; `None` where they are not there.
fn real_files(extensions: &[&str]) -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !root.is_dir() {
        return None;
    }
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Some(files)
}

#[test]
fn every_real_file_is_accepted_by_its_own_draft() {
    let Some(files) = real_files(&["csv"]) else {
        println!("SKIPPED: ../shared/data is not there");
        return;
    };
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let name = name.rsplit("shared/data/").next().unwrap();
        let input = std::fs::read(&file).unwrap();
        if name == EMPTY {
            assert_eq!(infer(&input, usize::MAX), Err(InferError::Empty));
            continue;
        }
        let counts = accepted(name, &input).counts;
        println!("{name}: {} of {} rows accepted", counts.accepted, counts.read);
        let exception = EXCEPTIONS.iter().find(|(exception, ..)| *exception == name);
        assert_eq!(counts.rejected, exception.map_or(0, |(_, rejected, _)| *rejected), "{name}: {exception:?}");
    }
}

#[test]
fn every_real_json_file_is_accepted_by_its_own_draft() {
    let Some(files) = real_files(&["json", "jsonl", "ndjson"]) else {
        println!("SKIPPED: ../shared/data is not there");
        return;
    };
    assert!(files.len() > 40, "{files:?}");
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let name = name.rsplit("shared/data/").next().unwrap();
        let input = std::fs::read(&file).unwrap();
        let judgement = accepted(name, &input);
        let counts = judgement.counts;
        println!("{name}: {} of {} records accepted", counts.accepted, counts.read);
        let exception = JSON_EXCEPTIONS.iter().find(|(exception, ..)| *exception == name);
        assert_eq!(counts.rejected, exception.map_or(0, |(_, rejected, _)| *rejected), "{name}: {exception:?}");
        assert!(counts.read > 0 && judgement.file_error.is_none(), "{name}: {:?}", judgement.file_error);
    }
}

#[test]
fn a_header_deeper_than_lines_may_be_skipped_is_a_row() {
    let lines = "\n".repeat(10_001);
    for table in ["a,a\n1,2\n3,4\n", "title\na,b\n1,2\n3,4\n"] {
        let judgement = accepted("deep", format!("{lines}{table}").as_bytes());
        assert_eq!(judgement.counts.accepted, 3);
    }
    let draft = infer(b"\n\na,a\n1,2\n3,4\n", usize::MAX).unwrap();
    assert_eq!(draft.rows, 2);
}

#[test]
fn a_byte_order_mark_says_the_encoding_whatever_comes_behind_it() {
    for input in [b"\xEF\xBB\xBFa,b\n1,\xE9\n2,\xE9\n".as_slice(), b"\xEF\xBB\xBF{\"a\":\"\xE9\"} {\"a\":\"\xE9\"}"] {
        let judgement = accepted("marked", input);
        assert_eq!((judgement.counts.read, judgement.counts.rejected), (2, 2));
    }
}

#[test]
fn a_permissive_draft_of_csv_keeps_columns_that_come_later() {
    let naming = Naming { is_permissive: true, ..naming("csv") };
    let draft = infer_for(&naming, b"id,value\n1,2.5\n", usize::MAX).unwrap();
    for (later, accepted) in
        [("id,value\n2,3\n", 1), ("id,value,more\n2,3,x\n3,4,y\n", 2), ("more,id\nx,2\n", 1), ("ID,Value\n2,3\n", 1)]
    {
        let judgement = convert(&draft.yaml, later.as_bytes());
        assert!(judgement.file_error.is_none(), "{later}: {:?}", judgement.file_error);
        assert_eq!(judgement.counts.accepted, accepted, "{later}: {:?}", judgement.first_rejects);
    }
    // Without names, and where the place is taken, what is more is rejected and told.
    for (first, later) in [("1,2.5\n3,4\n", "1,2.5,x\n"), ("id,_rescued\n1,x\n", "id,_rescued,more\n1,x,y\n")] {
        let draft = infer_for(&naming, first.as_bytes(), usize::MAX).unwrap();
        assert!(!draft.yaml.contains("rescue\n"), "{}", draft.yaml);
        assert_eq!(convert(&draft.yaml, first.as_bytes()).counts.rejected, 0, "{}", draft.yaml);
        assert!(convert(&draft.yaml, later.as_bytes()).file_error.is_some(), "{}", draft.yaml);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_nothing_panics_and_the_draft_reads_what_it_says(
        cells in prop::collection::vec(
            prop::collection::vec("[0-9]{1,4}|-?[0-9]{1,3}[.,][0-9]{1,3}|NA||[a-zA-Zé ]{0,6}|true|no|20[0-9]{2}-0[1-9]-[0-3][0-9]|\"[a,;\n]{0,3}\"|[#\"'\t|;{\\[]", 1..4),
            1..12,
        ),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
        line_break in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        chunk_bytes in 1_usize..20,
    ) {
        let mut lines: Vec<String> = cells.iter().map(|line| line.join(delimiter)).collect();
        if line_break == "\r" {
            // Where both are there, which one ends lines hangs on which comes first.
            lines = lines.iter().map(|line| line.replace('\n', " ")).collect();
        }
        let input = lines.join(line_break).into_bytes();
        let whole = infer(&input, usize::MAX);
        prop_assert_eq!(infer(&input, chunk_bytes), whole.clone());
        if whole.is_ok() {
            accepted("generated", &input);
        }
    }
}

#[test]
fn a_draft_of_unknown_data_shows_no_value_and_has_room() {
    let mut input = "name,price,day\n".to_owned();
    for row in 0..2000 {
        writeln!(input, "secret{},17.5,2024-07-{:02}", row % 2, row % 28 + 1).unwrap();
    }
    let mut inference = Inference::new();
    inference.push(input.as_bytes()).unwrap();
    let draft = inference.finish(&Naming { is_permissive: true, ..naming("csv") }).unwrap();
    for value in ["secret", "17.5", "2024-07"] {
        assert!(!draft.yaml.contains(value), "{}", draft.yaml);
    }
    assert!(draft.yaml.contains("DECIMAL(38,10)"), "{}", draft.yaml);
    let owned = infer(input.as_bytes(), usize::MAX).unwrap();
    assert!(["secret1", "17.5", "2024-07-28"].iter().all(|value| owned.yaml.contains(value)), "{}", owned.yaml);
    assert_eq!(convert(&draft.yaml, b"name,price,day\nx,1.25,\n").counts.accepted, 1);
}

#[test]
fn a_file_of_too_many_columns_is_refused() {
    let input = format!("a{}\n", ",a".repeat(10_000));
    assert_eq!(infer(input.as_bytes(), usize::MAX), Err(InferError::TooManyColumns(10_001)));
}
