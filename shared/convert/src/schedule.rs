//! What is to be done with a file's batches, and what of it may be done next by whoever has time: judging in any order, settling in the
//! file's, encoding in the file's for each column, writing. It does not know threads, nor how any of it is done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lakegate_contract::Contract;

use crate::ConvertError;
use crate::encode::Compressor;
use crate::files::Files;
use crate::group::{Ready, RoutedBatch};
use crate::judge::{Judged, judge};
use crate::judgement::FileError;
use crate::parse::Style;
use crate::records::Batch;
use crate::settle::Settlement;
use crate::table::{ColumnDone, ColumnJob, Table, WriteJob};

/// Bundles per thread that are judged and not encoded yet.
const BUNDLES_OPEN: u64 = 2;

/// Consecutive batches, and what was found wrong with the file behind them.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub(crate) batches: Vec<Batch>,
    pub(crate) error: Option<FileError>,
}

/// The state of all work on a file.
pub(crate) struct Schedule {
    threads: usize,
    /// Bundles that nobody judges yet.
    read: VecDeque<Bundle>,
    /// Bundles that were given to be judged so far.
    begun: u64,
    /// Judged bundles, by their number.
    judged: BTreeMap<u64, JudgedBundle>,
    /// Bundles that were settled so far.
    settled: u64,
    /// `None` while somebody settles.
    settlement: Option<Box<Settlement>>,
    /// `None` where nothing is encoded, or no more.
    table: Option<Table>,
    /// What is wrong with the file as a whole: then nothing more is done.
    file_error: Option<FileError>,
    /// Jobs that were taken and not given back.
    at_work: usize,
}

/// A bundle, judged batch by batch.
pub(crate) struct JudgedBundle {
    thread: usize,
    judged: Vec<Judged>,
    error: Option<FileError>,
}

/// What one thread does at a time.
pub(crate) enum Job {
    Judge { number: u64, thread: usize, bundle: Bundle },
    Settle { settlement: Box<Settlement>, bundle: JudgedBundle },
    Encode(ColumnJob),
    Write(WriteJob),
}

/// A job's outcome.
pub(crate) enum Done {
    Judged { number: u64, bundle: JudgedBundle },
    Settled { settlement: Box<Settlement>, thread: usize, ready: Vec<Ready>, file_error: Option<FileError> },
    Encoded(ColumnDone),
    Written(Files),
}

impl Job {
    pub(crate) fn run(
        self,
        contract: &Contract,
        style: &Style,
        compressor: &mut Compressor,
    ) -> Result<Done, ConvertError> {
        Ok(match self {
            Self::Judge { number, thread, bundle: Bundle { batches, error } } => {
                let judged = batches.into_iter().map(|batch| judge(contract, style, batch));
                let judged = judged.collect::<Result<Vec<_>, _>>()?;
                Done::Judged { number, bundle: JudgedBundle { thread, judged, error } }
            }
            Self::Settle { mut settlement, bundle: JudgedBundle { thread, judged, error } } => {
                let mut file_error = None;
                for judged in judged {
                    if file_error.is_none() {
                        file_error = settlement.settle(judged)?;
                    }
                }
                let ready = settlement.take_ready();
                // What is wrong with the batches comes before what is wrong behind them.
                Done::Settled { settlement, thread, ready, file_error: file_error.or(error) }
            }
            Self::Encode(job) => Done::Encoded(job.run(compressor)?),
            Self::Write(job) => Done::Written(job.run()?),
        })
    }
}

impl Schedule {
    /// The settlement tells whether there are outputs; then there is a table, too.
    pub(crate) fn new(settlement: Settlement, table: Table) -> Self {
        Self {
            threads: 1,
            read: VecDeque::new(),
            begun: 0,
            judged: BTreeMap::new(),
            settled: 0,
            settlement: Some(Box::new(settlement)),
            table: Some(table),
            file_error: None,
            at_work: 0,
        }
    }

    pub(crate) fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// Nothing will be encoded.
    pub(crate) fn leave_outputs_out(&mut self) {
        self.table = None;
        if let Some(settlement) = &mut self.settlement {
            settlement.kept = None;
        }
    }

    /// The settlement, unless somebody settles.
    pub(crate) fn settlement(&mut self) -> Option<&mut Settlement> {
        self.settlement.as_deref_mut()
    }

    /// The table's files, unless there are none or somebody writes them.
    pub(crate) fn files(&mut self) -> Option<&mut Files> {
        self.table.as_mut()?.files()
    }

    /// The table, unless there is none.
    pub(crate) fn table(&mut self) -> Option<&mut Table> {
        self.table.as_mut()
    }

    pub(crate) fn file_error(&self) -> Option<&FileError> {
        self.file_error.as_ref()
    }

    /// Adds batches that follow those before.
    pub(crate) fn add(&mut self, bundle: Bundle) {
        if self.file_error.is_none() {
            self.read.push_back(bundle);
        }
    }

    /// Bundles that nobody judges yet.
    pub(crate) fn waiting(&self) -> usize {
        self.read.len()
    }

    /// Whether all batches are settled.
    pub(crate) fn is_settled(&self) -> bool {
        let is_judged = self.read.is_empty() && self.settled == self.begun;
        self.settlement.is_some() && (is_judged || self.file_error.is_some())
    }

    /// Whether all is done.
    pub(crate) fn is_idle(&self) -> bool {
        let is_encoded = self.table.as_ref().is_none_or(Table::is_idle);
        self.at_work == 0 && self.read.is_empty() && self.judged.is_empty() && is_encoded
    }

    /// What a thread does next: first what others wait for, then what is in its cache.
    pub(crate) fn take(&mut self, thread: usize) -> Option<Job> {
        let job = self
            .next_to_settle()
            .or_else(|| self.table.as_mut()?.next_write().map(Job::Write))
            .or_else(|| self.table.as_mut()?.next_column(Some(thread)).map(Job::Encode))
            .or_else(|| self.next_to_judge(thread))
            .or_else(|| self.table.as_mut()?.next_column(None).map(Job::Encode))?;
        self.at_work += 1;
        Some(job)
    }

    fn next_to_settle(&mut self) -> Option<Job> {
        let bundle = self.judged.first_entry().filter(|bundle| *bundle.key() == self.settled)?;
        let settlement = self.settlement.take()?;
        Some(Job::Settle { settlement, bundle: bundle.remove() })
    }

    /// Nothing while too much is judged and not encoded.
    fn next_to_judge(&mut self, thread: usize) -> Option<Job> {
        let open = self.begun - self.settled + self.table.as_ref().map_or(0, |table| table.segments() as u64);
        if open >= BUNDLES_OPEN * self.threads as u64 {
            return None;
        }
        let bundle = self.read.pop_front()?;
        let number = self.begun;
        self.begun += 1;
        Some(Job::Judge { number, thread, bundle })
    }

    /// Takes a job's outcome. What is given is spent, to be dropped where nobody waits.
    pub(crate) fn give_back(&mut self, done: Done) -> Vec<Arc<Vec<RoutedBatch>>> {
        self.at_work -= 1;
        match done {
            Done::Judged { number, bundle } => {
                if self.file_error.is_none() {
                    self.judged.insert(number, bundle);
                }
            }
            Done::Settled { settlement, thread, ready, file_error } => {
                self.settled += 1;
                self.settlement = Some(settlement);
                if file_error.is_some() {
                    self.end(file_error);
                }
                if let Some(table) = &mut self.table {
                    for ready in ready {
                        table.append(ready, thread);
                    }
                }
            }
            Done::Encoded(done) => return self.table.as_mut().map(|table| table.column_done(done)).unwrap_or_default(),
            Done::Written(files) => {
                if let Some(table) = &mut self.table {
                    table.written(files);
                }
            }
        }
        Vec::new()
    }

    /// A job came to nothing.
    pub(crate) fn lost(&mut self) {
        self.at_work -= 1;
    }

    /// The file is rejected as a whole: nothing more of it is judged or encoded.
    pub(crate) fn end(&mut self, file_error: Option<FileError>) {
        self.file_error = file_error;
        self.read.clear();
        self.judged.clear();
        self.table = None;
    }
}
