//! What stands before a CSV file's rows and holds for all of them, and how reading begins in the midst of a file that is known so far.
//! It does not know ranges.

use std::sync::Arc;

use lakegate_contract::{Contract, CsvDialect};
use serde::{Deserialize, Serialize};

use super::{CsvReader, Split, Splitter, header};
use crate::FileError;
use crate::records::{BATCH_RECORDS, FieldMap};

/// What a CSV file's beginning says of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CsvBeginning {
    /// Where the rows begin: behind the header, or where the text does.
    pub(crate) offset: u64,
    /// The line there, from 1.
    pub(crate) line: u64,
    /// The header's names and its line, if there is one.
    pub(crate) header: Option<(Vec<String>, u64)>,
    /// The byte that ends lines, where it was seen before the rows.
    pub(crate) newline_before: Option<u8>,
    /// The byte that ends lines; none in a file of one line.
    pub(crate) newline: Option<u8>,
}

impl CsvReader {
    /// Reads up to the rows and the first line break. `known` has what was found before, when more text was needed; call again with it
    /// while nothing is returned and text is left.
    ///
    /// # Errors
    /// The header does not fit the contract, or is not there at all.
    pub(crate) fn begin(&mut self, known: &mut Option<CsvBeginning>) -> Result<bool, FileError> {
        if known.is_none() {
            let header = if self.map.is_some() {
                None
            } else {
                let Some((names, line)) = self.header()? else { return Ok(false) };
                self.map = Some(Arc::new(header::by_name(&self.contract, &names, line)?));
                Some((names, line))
            };
            let (offset, line, newline) = self.splitter.place();
            *known = Some(CsvBeginning { offset, line, header, newline_before: newline, newline });
        }
        let none = Arc::new(FieldMap::default());
        while let Some(known) = known
            && known.newline.is_none()
        {
            let split = self.splitter.split(BATCH_RECORDS);
            known.newline = self.splitter.place().2;
            self.splitter.take_batch(&none);
            if split == Split::Hungry && known.newline.is_none() {
                return Ok(self.at_end);
            }
        }
        Ok(true)
    }

    /// Begins in the midst of a file whose beginning is known: `start` has the file's offset of a record's start, and its line.
    ///
    /// # Errors
    /// The header does not fit the contract.
    pub(crate) fn within(
        contract: &Arc<Contract>,
        dialect: &CsvDialect,
        known: &CsvBeginning,
        start: Option<(u64, u64)>,
    ) -> Result<Self, FileError> {
        let mut reader = Self::new(contract, dialect);
        if let Some((names, line)) = &known.header {
            reader.map = Some(Arc::new(header::by_name(contract, names, *line)?));
        }
        reader.splitter = known.splitter(reader.splitter, start);
        Ok(reader)
    }
}

impl CsvBeginning {
    /// A new splitter, made to begin at a record's start, of which the file's offset and the line are given, or where the rows begin.
    pub(crate) fn splitter(&self, splitter: Splitter, start: Option<(u64, u64)>) -> Splitter {
        match start {
            Some((offset, line)) => splitter.at(offset, line, self.newline),
            None if self.header.is_some() => splitter.at(self.offset, self.line, self.newline_before),
            // Lines before the rows are left out as ever.
            None => splitter.beginning_at(self.offset),
        }
    }
}
