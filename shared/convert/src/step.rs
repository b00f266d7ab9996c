//! A step of several threads: settling what was judged before, encoding what was settled before that, and reading and judging the next
//! batches, all at once. It does not know where bytes come from, nor where they go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lakegate_contract::Contract;

use crate::ConvertError;
use crate::encode::Compressor;
use crate::judge::{Judged, judge};
use crate::judgement::FileError;
use crate::parse::Style;
use crate::reader::Reader;
use crate::records::Batch;
use crate::settle::Settlement;
use crate::table::{GROUP_BATCHES, Group, Table};
use crate::workers::Workers;

/// What a step works with.
pub(crate) struct Step<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) style: &'a Style,
    pub(crate) reader: &'a mut Reader,
    pub(crate) settling: Settling<'a>,
    /// Settled batches, to be encoded.
    pub(crate) encoding: Option<(Group, &'a mut Table)>,
}

/// Judged batches, to be settled.
pub(crate) struct Settling<'a> {
    pub(crate) judged: Vec<Judged>,
    pub(crate) settlement: &'a mut Settlement,
    pub(crate) file_error: &'a mut Option<FileError>,
}

/// Bytes that follow one another in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) then: &'a [u8],
    /// No more will come.
    pub(crate) are_last: bool,
}

/// What was found behind the batches that a step read.
#[derive(Debug)]
pub(crate) enum Found {
    /// There may be more of them.
    Batch,
    Nothing,
    /// The file is rejected as a whole.
    Error(FileError),
}

impl Input<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.then.len()
    }
}

impl Settling<'_> {
    pub(crate) fn settle(self) -> Result<(), ConvertError> {
        for judged in self.judged {
            if self.file_error.is_none() {
                *self.file_error = self.settlement.settle(judged)?;
            }
        }
        Ok(())
    }
}

impl Step<'_> {
    /// Takes the step. Gives batches that are judged and not settled yet, in the file's order.
    pub(crate) fn take(
        self,
        input: &mut Input<'_>,
        workers: &mut Workers<Compressor>,
    ) -> Result<(Vec<Judged>, Found), ConvertError> {
        let Self { contract, style, reader, settling, mut encoding } = self;
        let mut judged: [Option<Judged>; GROUP_BATCHES] = Default::default();
        let reading = Mutex::new(Reading { reader, input, places: judged.iter_mut(), found: Found::Batch });
        let settling = Mutex::new(Some(settling));
        if let Some((group, table)) = &mut encoding {
            table.count(&group.batches)?;
        }
        let columns = encoding.as_mut().map(|(group, table)| table.tasks(&group.batches));
        let columns = Mutex::new(columns.into_iter().flatten());
        // Locked for no longer than it takes to have the next one.
        let (next_batch, next_column) = (|| locked(&reading).next(), || locked(&columns).next());
        let judge_batches = || {
            while let Some((batch, place)) = next_batch() {
                *place = Some(judge(contract, style, batch)?);
            }
            Ok::<_, ConvertError>(())
        };
        let encode_columns = |compressor: &mut Compressor| {
            while let Some(column) = next_column() {
                column.run(compressor)?;
            }
            Ok::<_, ConvertError>(())
        };
        // What a thread reads, it judges, and what it encodes, it mostly encodes again: as little as may be moves between processors.
        workers.all(|thread, compressor| {
            if thread == 0 {
                let settling = locked(&settling).take();
                settling.map_or(Ok(()), Settling::settle)?;
                judge_batches()?;
                return encode_columns(compressor);
            }
            encode_columns(compressor)?;
            judge_batches()
        })?;
        let found = reading.into_inner().unwrap_or_else(PoisonError::into_inner).found;
        drop(columns);
        if let Some((_, table)) = encoding {
            table.end_group(workers)?;
        }
        Ok((judged.into_iter().flatten().collect(), found))
    }
}

/// A reader for several threads, each of which takes the next batch when it has time for one.
struct Reading<'a, 'b, P> {
    reader: &'a mut Reader,
    input: &'a mut Input<'b>,
    /// Where the batches go when they are judged, in the file's order.
    places: P,
    found: Found,
}

impl<'p, P: Iterator<Item = &'p mut Option<Judged>>> Reading<'_, '_, P> {
    fn next(&mut self) -> Option<(Batch, &'p mut Option<Judged>)> {
        if !matches!(self.found, Found::Batch) {
            return None;
        }
        let place = self.places.next()?;
        loop {
            let Input { bytes, then, are_last } = self.input;
            match self.reader.next_batch(bytes, *are_last && then.is_empty()) {
                Ok(Some(batch)) => return Some((batch, place)),
                Ok(None) if !then.is_empty() => *bytes = std::mem::take(then),
                Ok(None) => {
                    self.found = Found::Nothing;
                    return None;
                }
                Err(error) => {
                    self.found = Found::Error(error);
                    return None;
                }
            }
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
