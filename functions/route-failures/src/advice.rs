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

/// What a person who is woken by a kind of failure asks first, and types last.
pub(crate) struct Care {
    /// Whether it can wait.
    pub(crate) urgency: &'static str,
    /// Whether it is sent again once the cause is gone. A word of another version never is: it would be a part of a command.
    pub(crate) is_replayed: bool,
}

/// Says how urgent a kind is, and whether a replay ends it.
pub(crate) fn care(kind: &FailureKind) -> Care {
    const THESE_ONLY: &str = "Nothing else is held up: it can wait until morning, if its data can.";
    const ITS_DATASET: &str =
        "It can wait as long as its data can: until it is mended, further files of the same kind fail as well.";
    const ITS_SOURCE: &str = "It can wait as long as its data can: the schedule goes on trying, and tells the same trouble once a day, another one at once.";
    const ITS_TABLE: &str = "It can wait as long as the warehouse's readers can: the lake is complete, and later loads of the table may succeed.";
    const ITS_PAGE: &str =
        "Files are taken in all the same. The schedule goes on trying, and tells the same trouble once a day.";
    const PERHAPS_ALL: &str =
        "Look soon: the cause may stop other files, too. `lakegate status` shows whether any are still taken in.";
    let (urgency, is_replayed) = match kind {
        FailureKind::ContractViolated
        | FailureKind::UnreadableFile
        | FailureKind::TooBig
        | FailureKind::LedgerUnreadable
        | FailureKind::GlueJobTimedOut
        | FailureKind::GlueJobUnfinished
        | FailureKind::GlueJobStopped => (THESE_ONLY, true),
        FailureKind::SourceMissing
        | FailureKind::SourceChanged
        | FailureKind::UnsupportedKey
        | FailureKind::UnreadableMessage
        | FailureKind::DataLate => (THESE_ONLY, false),
        FailureKind::SourceApiFailed | FailureKind::SourceApiChanged => (ITS_SOURCE, false),
        FailureKind::WarehouseLoadFailed | FailureKind::WarehouseConflict => (ITS_TABLE, false),
        FailureKind::DashboardFailed => (ITS_PAGE, false),
        FailureKind::UnknownDataset
        | FailureKind::ContractInvalid
        | FailureKind::ContractAmbiguous
        | FailureKind::CatalogConflict
        | FailureKind::IncompatibleTable => (ITS_DATASET, true),
        FailureKind::AccessDenied
        | FailureKind::ServiceUnavailable
        | FailureKind::ServiceRefused
        | FailureKind::EngineFailed
        | FailureKind::GaveUp
        | FailureKind::GlueJobFailed => (PERHAPS_ALL, true),
        FailureKind::Other(_) => (PERHAPS_ALL, false),
    };
    Care { urgency, is_replayed }
}

const GIVEN_UP: (&str, &str) = (
    "given up by a queue after several attempts",
    "Every attempt of some hours crashed, ran out of time or memory, or met a service that was not available. Search the log of the function ingest \
     for the key (of start-glue for a very big file), remove the cause, and then replay.",
);
const FAILED_RUN: (&str, &str) = (
    "stopped by a Glue run that failed",
    "Open the run, read its error, remove the cause, and then replay (a run over a prefix: `lakegate backfill` again).",
);
const LONG_RUN: (&str, &str) = (
    "stopped by a Glue run that took too long",
    "Open the run. Raise the stack's GlueWorkers or GlueTimeoutMinutes, and then replay (a run over a prefix: `lakegate backfill` again).",
);
const UNFINISHED_RUN: (&str, &str) = (
    "left unfinished by a Glue run that says it succeeded",
    "Open the run, read its log, and then replay. If it comes again, this is a bug: report what the log says.",
);

const LATE_DATA: (&str, &str) = (
    "later than its contract promises",
    "Ask whoever sends the files where the next one is. If one was sent, look whether it is in the raw bucket, and \
     what became of it: \"lakegate status\". The next file that is taken in ends it; nothing is to be replayed.",
);

const FAILED_API: (&str, &str) = (
    "not fetched, because the API or AWS did not answer as it should",
    "Is the API down, its secret no longer valid or not to be read by the function (FetchSecrets), or a limit of the contract's source too low? \
     The problem below says which. Nothing is to be replayed: the next run that succeeds fetches what is missing.",
);
const CHANGED_API: (&str, &str) = (
    "not fetched, because the API's answers are not as the contract says",
    "Compare an answer of the API with the server named source in the contract, correct that, and `lakegate contracts push` it. Nothing is \
     to be replayed: the next run that succeeds fetches what is missing.",
);

const FAILED_DASHBOARD: (&str, &str) = (
    "not written, or not all of it",
    "The problem below names the queries that failed, with Athena's word for it and the query's id: open it under Recent queries of the stack's \
     work group in Athena's console, which has all that Athena says. Nothing is to be replayed: the next run writes the page anew.",
);

const UNREADABLE_MESSAGE: (&str, &str) = (
    "not to be understood",
    "Something else than S3 writes to the queue, or a notification is set up for other events than \"object created\" and \"object \
     removed\". Find the sender: the message is the dead letter's body. A replay leaves it alone, unless its kind is named.",
);
const FAILED_LOAD: (&str, &str) = (
    "not loaded into the warehouse",
    "The problem below says what the warehouse lacks or refuses; remove the cause. Then load the whole table: invoke the function \
     load-warehouse with {\"dataset\": …} (docs/runbook.md has the command). Nothing is to be replayed.",
);
const CONFLICTING_TABLE: (&str, &str) = (
    "not loaded, because the warehouse's table has other columns",
    "The problem below names the column. Drop the table in the warehouse, or rename it if it is yours, and load it whole: invoke the function \
     load-warehouse with {\"dataset\": …} (docs/runbook.md has the command). Nothing is to be replayed.",
);

const FETCHED: &str = "Nobody uploads them again. If the contract is wrong: correct it, `lakegate contracts push` it, and then replay. If the API's \
     answers are wrong: have them mended, put the mark back, and fetch these records again: docs/fetch.md says how (\"When a fetched file is \
     rejected\"). The next run alone fetches only what is newer, unless the source has no `incremental`: then it fetches everything.";

/// Says what else is to be done with a file that a function fetched from an API, where that is something else.
pub(crate) fn of_fetched(kind: &FailureKind) -> Option<&'static str> {
    let is_other =
        matches!(kind, FailureKind::ContractViolated | FailureKind::UnreadableFile | FailureKind::SourceMissing);
    is_other.then_some(FETCHED)
}

/// Says what a kind means and what to do.
pub(crate) fn of(kind: &FailureKind) -> Advice {
    let (what, to_do) = match kind {
        FailureKind::ContractViolated => (
            "rejected by the contract",
            "Send this to the owner, who corrects the file and uploads it again under the same key (a replay then only clears its dead letter). \
             If the contract is wrong: correct it, `lakegate contracts push` it, and then replay.",
        ),
        FailureKind::UnreadableFile => (
            "not readable as what the contract says",
            "The file is cut off, damaged or written in another way. Ask whoever sends it for a whole one under the \
             same key (a replay then only clears its dead letter), or correct encoding and format in the contract, `lakegate contracts push` it, and \
             then replay.",
        ),
        FailureKind::UnknownDataset => (
            "covered by no contract",
            "Is the key misspelt? Then have the file uploaded where it belongs. If it is a new dataset: draft its contract with \
             `lakegate infer`, `lakegate contracts push` it, and then replay.",
        ),
        FailureKind::ContractInvalid => (
            "covered by no valid contract, and a deployed contract is broken",
            "`lakegate contracts list` says what is wrong with the documents named below. Correct them, `lakegate contracts push` them, and then \
             replay.",
        ),
        FailureKind::ContractAmbiguous => (
            "covered by more than one contract",
            "Narrow the landing location of all but one of the documents named below, `lakegate contracts push` them, and then replay.",
        ),
        FailureKind::SourceMissing => (
            "gone before it could be read",
            "Was it deleted on purpose? Then nothing is to be done. If not, have it uploaded again.",
        ),
        FailureKind::SourceChanged => (
            "replaced while it was read",
            "The later upload has an event of its own: `lakegate status` shows it within minutes. Nothing else is to be done.",
        ),
        FailureKind::UnsupportedKey => (
            "stored under a key that cannot be read",
            "Move the object to a key without empty, \".\" or \"..\" parts and without control characters: it is taken in from there.",
        ),
        FailureKind::AccessDenied => (
            "not accessible",
            "Give the function's role the permission named below (bucket policy and KMS key policy included), and \
             then replay.",
        ),
        FailureKind::ServiceUnavailable => (
            "stopped by a service that was not available",
            "See the AWS Health Dashboard, and the account's quotas if the problem is throttling; replay when the service is back.",
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
            "It cannot be cut into ranges. Deliver it in smaller files or unpacked, or raise the stack's OnePassBytesMax, and then replay.",
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
        FailureKind::UnreadableMessage => UNREADABLE_MESSAGE,
        FailureKind::GaveUp => GIVEN_UP,
        FailureKind::GlueJobFailed => FAILED_RUN,
        FailureKind::GlueJobTimedOut => LONG_RUN,
        FailureKind::GlueJobUnfinished => UNFINISHED_RUN,
        FailureKind::GlueJobStopped => (
            "left unfinished by a Glue run that somebody stopped",
            "Find out who stopped it and why; replay when it may run again (a run over a prefix: `lakegate backfill` again).",
        ),
        FailureKind::DataLate => LATE_DATA,
        FailureKind::SourceApiFailed => FAILED_API,
        FailureKind::SourceApiChanged => CHANGED_API,
        FailureKind::WarehouseLoadFailed => FAILED_LOAD,
        FailureKind::WarehouseConflict => CONFLICTING_TABLE,
        FailureKind::DashboardFailed => FAILED_DASHBOARD,
        FailureKind::Other(_) => (
            "failed for a reason that this version does not know",
            "Read the summary below. The functions may be of different versions: deploy them together.",
        ),
    };
    Advice { what, to_do }
}
