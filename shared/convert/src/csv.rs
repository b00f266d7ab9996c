//! CSV: pushed text to batches of records, and which of their fields belongs to which column.
//! It does not know what a value means.

mod begin;
mod ends;
mod fields;
mod header;
mod hints;
mod scan;
mod specials;
mod splitter;
mod whole;

use std::sync::Arc;

use lakegate_contract::{Contract, CsvDialect};

use crate::records::{Batch, FieldMap, batch_bytes};
use crate::{FileError, FileErrorKind};

pub(crate) use begin::CsvBeginning;
pub(crate) use fields::{FieldFinish, unescape};
pub(crate) use splitter::{Split, Splitter};

/// Reads a CSV file. Push its text in order, take batches after each push.
#[derive(Debug)]
pub(crate) struct CsvReader {
    contract: Arc<Contract>,
    splitter: Splitter,
    /// Known once the header is read.
    map: Option<Arc<FieldMap>>,
    at_end: bool,
}

impl CsvReader {
    pub(crate) fn new(contract: &Arc<Contract>, dialect: &CsvDialect) -> Self {
        Self {
            splitter: Splitter::new(dialect, contract.landing.encoding)
                .with_batch_bytes(batch_bytes(&contract.columns)),
            map: (!dialect.header).then(|| Arc::new(header::by_position(contract))),
            contract: Arc::clone(contract),
            at_end: false,
        }
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        self.splitter.push(text);
    }

    /// No more text will come.
    pub(crate) fn end(&mut self) {
        self.splitter.end();
        self.at_end = true;
    }

    /// The next full batch, and at the end what is left. `None`: more text is needed, or nothing is left.
    ///
    /// # Errors
    /// The header does not fit the contract, or is not there at all.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, FileError> {
        let map = match &self.map {
            Some(map) => Arc::clone(map),
            None => match self.read_header()? {
                Some(map) => map,
                None => return Ok(None),
            },
        };
        let is_full = self.splitter.split(map.batch_records()) == Split::Full;
        let is_last = self.at_end && !self.splitter.records().is_empty();
        Ok((is_full || is_last).then(|| self.splitter.take_batch(&map)))
    }

    fn read_header(&mut self) -> Result<Option<Arc<FieldMap>>, FileError> {
        let Some((names, line)) = self.header()? else { return Ok(None) };
        let map = Arc::new(header::by_name(&self.contract, &names, line)?);
        self.map = Some(Arc::clone(&map));
        Ok(Some(map))
    }

    /// The header's names, and its line.
    fn header(&mut self) -> Result<Option<(Vec<String>, u64)>, FileError> {
        if self.splitter.split(1) == Split::Hungry && self.splitter.records().is_empty() {
            if !self.at_end {
                return Ok(None);
            }
            let message = "the file is empty, and a header was expected".to_owned();
            return Err(FileError { kind: FileErrorKind::EmptyFile, message, line: None });
        }
        let none = Arc::new(FieldMap::default());
        let batch = self.splitter.take_batch(&none);
        let Some(record) = batch.records.first() else { return Ok(None) };
        let names = if record.fault.is_none() { names(&batch) } else { None };
        let Some(names) = names else {
            return Err(hints::unreadable(&self.contract, record.fault, batch.raw(record), record.line));
        };
        Ok(Some((names, record.line)))
    }
}

/// The texts of a batch's only record.
fn names(batch: &Batch) -> Option<Vec<String>> {
    let mut scratch = Vec::new();
    let fields = batch.fields.iter();
    fields.map(|field| std::str::from_utf8(batch.text(field, &mut scratch)).ok().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests;
