//! Drafting contracts and holding files against them, for the tests of drafts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "for tests, of which not all use all"
)]

use std::sync::Arc;

use lakegate_convert::{Converter, Draft, InferError, Inference, Judgement, Naming, Reading, Source};

pub fn naming(extension: &str) -> Naming {
    Naming {
        id: "data".to_owned(),
        table: "data".to_owned(),
        location: format!("s3://*/data/**/*.{extension}"),
        origin: format!("input.{extension}"),
        is_permissive: false,
    }
}

pub fn infer(input: &[u8], chunk_bytes: usize) -> Result<Draft, InferError> {
    infer_for(&naming("csv"), input, chunk_bytes)
}

pub fn infer_for(naming: &Naming, input: &[u8], chunk_bytes: usize) -> Result<Draft, InferError> {
    let mut inference = Inference::new();
    for chunk in input.chunks(chunk_bytes) {
        inference.push(chunk)?;
    }
    inference.finish(naming)
}

pub fn convert(yaml: &str, input: &[u8]) -> Judgement {
    let contract = match lakegate_contract::parse(yaml) {
        Ok(checked) => Arc::new(checked.contract),
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
    converter.finish().unwrap()
}

/// Drafts a contract, holds the input against it, and expects that it rejects what cannot be read and nothing else.
pub fn accepted(name: &str, input: &[u8]) -> Judgement {
    let draft = infer(input, usize::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
    let judgement = convert(&draft.yaml, input);
    let told = format!("{name}: {:?} {:?}\n{}", judgement.file_error, judgement.first_rejects, draft.yaml);
    assert_eq!(judgement.counts.rejected, draft.unreadable_rows, "{told}");
    assert_eq!(judgement.counts.read, draft.rows, "{told}");
    judgement
}
