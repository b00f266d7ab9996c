//! What each kind of failure means, and what a person can do about it.
//! It must not know a single failure's facts.

use lakegate_lake::failure::FailureKind;

/// A kind of failure, for people.
pub(crate) struct Advice {
    /// What happened, to complete "3 files: …".
    pub(crate) what: &'static str,
    /// What to do, in the order in which to try it.
    pub(crate) to_do: &'static str,
}

const LONG_RUN: (&str, &str) = (
    "stopped by a Glue run that took too long",
    "Open the run. Raise the job's timeout or its number of workers, and then replay.",
);
const UNFINISHED_RUN: (&str, &str) = (
    "left unfinished by a Glue run that says it succeeded",
    "Open the run, read its log, and then replay. If it comes again, this is a bug: report what the log says.",
);

/// Says what a kind means and what to do.
pub(crate) fn of(kind: &FailureKind) -> Advice {
    let (what, to_do) = match kind {
        FailureKind::ContractViolated => (
            "rejected by the contract",
            "Look at the problem, and at the rejected rows if there are any. Ask the owner to correct the file and to upload it again under the same key \
             (then nothing need be replayed), or to change the contract and then replay.",
        ),
        FailureKind::UnreadableFile => (
            "not readable as what the contract says",
            "The file is cut off, damaged or written in another way. Ask whoever sends it for a whole one under the \
             same key, or correct the contract's dialect and then replay.",
        ),
        FailureKind::UnknownDataset => (
            "covered by no contract",
            "Was the file put in the right place? If so, deploy a contract whose landing location covers it (under \
             contracts/ in the lake bucket, named *.odcs.yaml), and then replay. If not, move it.",
        ),
        FailureKind::ContractInvalid => (
            "covered by no valid contract, and a deployed contract is broken",
            "Run `lakegate contracts check` on the documents named below, correct them under contracts/ in the lake bucket, and then replay.",
        ),
        FailureKind::ContractAmbiguous => (
            "covered by more than one contract",
            "Narrow the landing location of all but one of the documents named below, and then replay.",
        ),
        FailureKind::SourceMissing => (
            "gone before it could be read",
            "Was it deleted on purpose? Then nothing is to be done. If not, upload it again.",
        ),
        FailureKind::SourceChanged => (
            "replaced while it was read",
            "The later upload has an event of its own: check that it arrived. Nothing else is to be done.",
        ),
        FailureKind::UnsupportedKey => (
            "stored under a key that cannot be read",
            "Copy the object to a key without empty, \".\" or \"..\" parts and without control characters.",
        ),
        FailureKind::AccessDenied => (
            "not accessible",
            "Give the function's role the permission named below (bucket policy and KMS key policy included), and \
             then replay.",
        ),
        FailureKind::ServiceUnavailable => (
            "stopped by a service that was not available",
            "See the AWS Health Dashboard; replay when the service is back.",
        ),
        FailureKind::ServiceRefused => (
            "stopped by a request that a service refused",
            "The service's answer is below. Correct what it names, and then replay.",
        ),
        FailureKind::CatalogConflict => (
            "in conflict with the table in the catalog",
            "The existing table and the contract exclude each other. Rename the contract's table, or drop the table in \
             the catalog if it is no longer wanted (its files stay), and then replay.",
        ),
        FailureKind::IncompatibleTable => (
            "in conflict with the older files of its table",
            "The contract gives a column another type than older files have (both are named below), and no query could \
             read both. Give the column another physicalName, or the contract another table, deploy it, and then replay. \
             \"lakegate contracts diff\" tells such a change beforehand.",
        ),
        FailureKind::TooBig => (
            "too big to be converted in one pass",
            "It cannot be cut into ranges. Deliver it in smaller files or unpacked, or raise the job's limit for one pass, and then replay.",
        ),
        FailureKind::LedgerUnreadable => (
            "stopped by a ledger entry that does not parse",
            "Somebody or something changed the document named below. Restore its former version in the lake bucket, and then replay.",
        ),
        FailureKind::EngineFailed => (
            "stopped by a fault of Lakegate itself",
            "This is a bug, not a fault of the file. Keep the file and the contract, report what is said below, and \
             replay after the next release.",
        ),
        FailureKind::UnreadableMessage => (
            "announced by a message that cannot be understood",
            "Something else than S3 writes to the queue, or a notification is set up for other events than \"object \
             created\" and \"object removed\". Find the sender; delete the message from the dead-letter queue before a replay.",
        ),
        FailureKind::GaveUp => (
            "given up by a queue after several attempts",
            "Every attempt crashed, timed out or met a service that was not available. Search the logs of the ingest \
             function for the key (the start-glue function's for a very big file), remove the cause, and then replay.",
        ),
        FailureKind::GlueJobFailed => {
            ("stopped by a Glue run that failed", "Open the run, read its error, remove the cause, and then replay.")
        }
        FailureKind::GlueJobTimedOut => LONG_RUN,
        FailureKind::GlueJobUnfinished => UNFINISHED_RUN,
        FailureKind::GlueJobStopped => (
            "left unfinished by a Glue run that somebody stopped",
            "Find out who stopped it and why; replay when it may run again.",
        ),
        FailureKind::Other(_) => (
            "failed for a reason that this version does not know",
            "Read the summary below. The functions may be of different versions: deploy them together.",
        ),
    };
    Advice { what, to_do }
}
