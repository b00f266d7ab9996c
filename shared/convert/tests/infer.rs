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

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegate_convert::{Converter, Draft, InferError, Inference, Judgement, Naming, Reading, Source};
use proptest::prelude::*;

fn naming() -> Naming {
    Naming {
        id: "data".to_owned(),
        table: "data".to_owned(),
        location: "s3://*/data/**/*.csv".to_owned(),
        origin: "input.csv".to_owned(),
        is_permissive: false,
    }
}

fn infer(input: &[u8], chunk_bytes: usize) -> Result<Draft, InferError> {
    let mut inference = Inference::new();
    for chunk in input.chunks(chunk_bytes) {
        inference.push(chunk)?;
    }
    inference.finish(&naming())
}

/// `None`: the contract uses what the parser does not read yet.
fn convert(yaml: &str, input: &[u8]) -> Option<Judgement> {
    let contract = match lakegate_contract::parse(yaml) {
        Ok(checked) => Arc::new(checked.contract),
        Err(problems) if problems.iter().any(|problem| problem.to_string().contains("not supported yet")) => {
            return None;
        }
        Err(problems) => panic!("{problems:?}\n{yaml}"),
    };
    let source = Source { bucket: "raw".to_owned(), key: "input.csv".to_owned(), version: None };
    let mut converter = Converter::new(contract, source).unwrap();
    for chunk in input.chunks(1 << 20) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        converter.drain();
    }
    Some(converter.finish().unwrap())
}

/// Drafts a contract, holds the input against it, and expects that it reads what can be read. The rows rejected.
fn accepted(name: &str, input: &[u8]) -> Option<Judgement> {
    let draft = infer(input, usize::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
    let Some(judgement) = convert(&draft.yaml, input) else {
        println!("SKIPPED {name}: its contract uses what is not supported yet");
        return None;
    };
    let told = format!("{name}: {:?} {:?}\n{}", judgement.file_error, judgement.first_rejects, draft.yaml);
    assert_eq!(judgement.counts.rejected, draft.unreadable_rows, "{told}");
    assert_eq!(judgement.counts.read, draft.rows, "{told}");
    Some(judgement)
}

#[test]
fn every_case_is_drafted_as_expected_whatever_the_chunks_and_accepts_its_input() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infer");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "cases are missing");
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let input = std::fs::read(case.join("input.csv")).unwrap();
        let draft = match infer(&input, usize::MAX) {
            Ok(draft) => draft,
            Err(InferError::Undecodable(error)) if name == "utf_16" => {
                println!("SKIPPED {name}: {}", error.message);
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        for chunk_bytes in [1, 3, 64] {
            assert_eq!(infer(&input, chunk_bytes).unwrap(), draft, "{name} in pieces of {chunk_bytes}");
        }
        let file = case.join("expected.yaml");
        if std::env::var_os("LAKEGATE_WRITE_CASES").is_some() {
            std::fs::write(&file, &draft.yaml).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(draft.yaml == expected, "{name}:\n--- expected\n{expected}\n--- came\n{}", draft.yaml);
        if let Some(judgement) = accepted(&name, &input) {
            let may_reject = name.starts_with("ragged") || name.starts_with("broken");
            assert!(may_reject || judgement.file_error.is_none(), "{name}: {:?}", judgement.file_error);
            assert!(may_reject || judgement.counts.rejected == 0, "{name}: {:?}", judgement.first_rejects);
        }
    }
}

/// The CSV files below the project's shared data; `None` where they are not there.
fn real_files() -> Option<Vec<PathBuf>> {
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
            } else if path.extension().is_some_and(|extension| extension == "csv") {
                files.push(path);
            }
        }
    }
    files.sort();
    Some(files)
}

#[test]
fn every_real_file_is_accepted_by_its_own_draft() {
    let Some(files) = real_files() else {
        println!("SKIPPED: ../shared/data is not there");
        return;
    };
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let name = name.rsplit("shared/data/").next().unwrap();
        let input = std::fs::read(&file).unwrap();
        if let Err(error) = infer(&input, usize::MAX) {
            println!("{name}: {error}");
            continue;
        }
        let Some(judgement) = accepted(name, &input) else { continue };
        let counts = judgement.counts;
        println!("{name}: {} of {} rows accepted", counts.accepted, counts.read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

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
        let lines: Vec<String> = cells.iter().map(|line| line.join(delimiter)).collect();
        let input = lines.join(line_break).into_bytes();
        let whole = infer(&input, usize::MAX);
        prop_assert_eq!(infer(&input, chunk_bytes), whole.clone());
        if whole.is_ok() {
            accepted("generated", &input);
        }
    }
}
