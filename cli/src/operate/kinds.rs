//! The words that failures are called by: kinds, as alerts and dead letters have them, and the ledger's finer ones.
//! It must not know where failures are looked for.

use lakegate_convert::FileErrorKind;
use lakegate_ingest::kind_of_rejection;
use lakegate_lake::failure::FailureKind;

/// What is wrong with a file as a whole, as the ledger has it.
const FINER: [FileErrorKind; 12] = [
    FileErrorKind::EmptyFile,
    FileErrorKind::Encoding,
    FileErrorKind::WrongFormat,
    FileErrorKind::Truncated,
    FileErrorKind::Corrupt,
    FileErrorKind::TooLargeUnpacked,
    FileErrorKind::HeaderMismatch,
    FileErrorKind::TooManyRejects,
    FileErrorKind::TooManyPartitions,
    FileErrorKind::TooLongPartition,
    FileErrorKind::TooManyKeys,
    FileErrorKind::FileRule,
];
/// The ledger's entry has no better word.
pub(crate) const FAILED: &str = "Failed";
/// Its worker is gone.
pub(crate) const ABANDONED: &str = "Abandoned";
/// Its Glue run is gone.
pub(crate) const HEAVY: &str = "Heavy";

/// The kind that the alert of a rejected file had; `None` is one whose rows broke rules, and no more.
pub(crate) fn of_rejected(finer: Option<&str>) -> FailureKind {
    let known = finer.and_then(|word| FINER.into_iter().find(|kind| kind.name() == word));
    known.map_or(FailureKind::ContractViolated, kind_of_rejection)
}

/// Why no failure can have this word, in any case of letters. Dead letters have kinds only, the ledger all words.
pub(crate) fn refusal(word: &str, is_ledger: bool) -> Option<String> {
    let kinds = FailureKind::KNOWN.map(|kind| kind.to_string());
    let finer = FINER.map(|kind| (kind.name(), Some(kind_of_rejection(kind))));
    let of_ledger = finer.into_iter().chain([FAILED, ABANDONED, HEAVY].map(|word| (word, None)));
    let is_it = |known: &str| known.eq_ignore_ascii_case(word);
    if kinds.iter().any(|kind| is_it(kind)) {
        return None;
    }
    if let Some((name, kind)) = of_ledger.clone().find(|(name, _)| is_it(name)) {
        let by_kind = kind.map(|kind| format!("--kind {kind}, which it is one of, or ")).unwrap_or_default();
        let told =
            || format!("{name} is a word of the ledger, and no dead letter has it: ask for {by_kind}--from ledger");
        return (!is_ledger).then(told);
    }
    let mut there: Vec<String> = kinds.to_vec();
    if is_ledger {
        there.extend(of_ledger.map(|(name, _)| name.to_owned()));
    }
    let likeness = |known: &String| strsim::jaro_winkler(&known.to_lowercase(), &word.to_lowercase());
    there.sort_by(|one, other| likeness(other).total_cmp(&likeness(one)));
    Some(format!("no failure is of the kind {word:?}; there are (the most alike first) {}", there.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbook_tells_of_every_finer_word_by_its_kind() {
        let runbook = include_str!("../../../docs/runbook.md");
        let words = runbook.lines().find(|line| line.starts_with("- **Finer words**")).unwrap();
        let (of_contract, unreadable) = words.split_once("[UnreadableFile]").unwrap();
        for finer in FINER {
            let told = if kind_of_rejection(finer) == FailureKind::UnreadableFile { unreadable } else { of_contract };
            assert!(told.contains(&format!("`{finer}` (")), "docs/runbook.md says nothing of {finer}");
        }
    }

    #[test]
    fn a_word_is_refused_where_no_failure_can_have_it() {
        assert_eq!(refusal("gaveup", false), None);
        for word in ["GaveUp", "HeaderMismatch", "abandoned"] {
            assert_eq!(refusal(word, true), None, "{word}");
        }
        let refused = ["toomanyrejects", "EmptyFile", "Heavy"].map(|word| refusal(word, false).unwrap());
        insta::assert_snapshot!(refused.join("\n"), @"
        TooManyRejects is a word of the ledger, and no dead letter has it: ask for --kind ContractViolated, which it is one of, or --from ledger
        EmptyFile is a word of the ledger, and no dead letter has it: ask for --kind UnreadableFile, which it is one of, or --from ledger
        Heavy is a word of the ledger, and no dead letter has it: ask for --from ledger
        ");
        let refused = refusal("AccesDenied", false).unwrap();
        let begin = "no failure is of the kind \"AccesDenied\"; there are (the most alike first) AccessDenied, ";
        assert!(refused.starts_with(begin) && refused.split(", ").count() == FailureKind::KNOWN.len(), "{refused}");
        assert!(refusal("HeaderMissmatch", true).unwrap().contains("(the most alike first) HeaderMismatch, "));
    }
}
