//! No bytes make the inference panic, and pieces do not change its draft; and a draft is a contract that reads the file it was made
//! from: it rejects the rows that it says no dialect reads and no other, and publishes the file unless these are too many.
#![no_main]

use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::{Draft, FileErrorKind, InferError, Inference, Naming};
use lakegate_fuzz::{convert, rejected, texts};
use libfuzzer_sys::fuzz_target;

/// A longer head than is looked at for the dialect.
const HEAD_BYTES: usize = 300_000;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (way, piece, bytes) = input;
    let naming = naming(bytes, way % 2 == 1);
    if way < 254 {
        is_kept_by_its_file(&naming, bytes, usize::from(piece) + 1);
    } else {
        // What comes after the dialect is chosen; it is dear.
        is_kept_by_its_file(&naming, &with_long_head(bytes, usize::from(piece)), 7919);
    }
});

fn is_kept_by_its_file(naming: &Naming, bytes: &[u8], piece_bytes: usize) {
    let whole = infer(naming, bytes, bytes.len());
    assert_eq!(whole, infer(naming, bytes, piece_bytes));
    let Ok(draft) = whole else { return };
    let contract = parsed(&draft);
    assert_eq!(contract.columns.len(), draft.columns + usize::from(draft.yaml.contains("value: rescue")));
    let outcome = convert(&contract, bytes, bytes.len(), 1);
    let told = || format!("{:?}\n{}", outcome.judgement, draft.yaml);
    let counts = outcome.judgement.counts;
    assert_eq!((counts.read, counts.rejected), (draft.rows, draft.unreadable_rows), "{}", told());
    // No contract has another limit unless it says so.
    let is_too_many = counts.rejected * 100 > counts.read * 5;
    let error = outcome.judgement.file_error.as_ref().map(|error| error.kind);
    assert_eq!(error, is_too_many.then_some(FileErrorKind::TooManyRejects), "{}", told());
    rejected(&contract, &outcome, bytes);
    texts(&outcome);
}

fn infer(naming: &Naming, bytes: &[u8], piece_bytes: usize) -> Result<Draft, InferError> {
    let mut inference = Inference::new();
    for piece in bytes.chunks(piece_bytes.max(1)) {
        inference.push(piece)?;
    }
    inference.finish(naming)
}

/// The draft as a contract, all of which is enforced; only numbers in quotes may be worth a note.
fn parsed(draft: &Draft) -> Arc<Contract> {
    match lakegate_contract::parse(&draft.yaml) {
        Ok(checked) => {
            let is_of_quotes = |text: &str| text.starts_with("decimalSeparator is the delimiter");
            assert!(checked.notes.iter().all(|note| is_of_quotes(&note.text)), "{:?}\n{}", checked.notes, draft.yaml);
            Arc::new(checked.contract)
        }
        Err(problems) => panic!("{problems:?}\n{}", draft.yaml),
    }
}

/// Named after the file's own first letters, as odd as they are.
fn naming(bytes: &[u8], is_permissive: bool) -> Naming {
    let origin: String = String::from_utf8_lossy(bytes).chars().take(20).collect();
    let table = Naming::table(&origin);
    Naming { id: table.clone(), location: format!("s3://*/{table}/**/*"), table, origin, is_permissive }
}

/// A part of the text again and again, and then the rest.
fn with_long_head(bytes: &[u8], part: usize) -> Vec<u8> {
    let (head, rest) = bytes.split_at(bytes.len() * part / 255);
    if head.is_empty() { rest.to_vec() } else { [&head.repeat(HEAD_BYTES / head.len() + 1), rest].concat() }
}
