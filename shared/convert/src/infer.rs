//! A draft contract for a file that has none: what its bytes show, from the first to the last, with the evidence as comments.
//! It sees bytes and names only; it does not know where they come from.

mod column;
mod document;
mod draft;
mod encoding;
mod evidence;
mod json;
mod names;
mod numbers;
mod range;
mod resolve;
mod sniff;
mod strays;
mod times;
mod track;
mod yaml;

use lakegate_contract::{CsvDialect, Encoding, Format, Landing, Location, Packing, value::NumberFormat};

use crate::FileError;
use crate::decode::{Decoder, Progress};
use column::Looking;
use document::File;
use json::JsonTrack;
use sniff::Sniffed;
use times::Candidate;
use track::Track;

/// So much text is looked at to find the dialect; the rest is read with it.
const HEAD_BYTES: usize = 256 * 1024;
/// The longest byte order mark of UTF-16.
const MARK_BYTES: usize = 2;
/// Hashes of values that are kept to see whether columns are unique, in all columns and in one.
const UNIQUE_VALUES: usize = 4 * 1024 * 1024;
const UNIQUE_VALUES_OF_COLUMN: usize = 128 * 1024;
/// More columns make no table, but a file read with the wrong delimiter.
const COLUMNS_MAX: usize = 10_000;
/// Tables that Lakegate itself keeps in the catalog.
const RESERVED_TABLES: [&str; 2] = ["ledger", "rejects"];

/// What a draft says that no data shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The contract's id.
    pub id: String,
    /// The table, as [`Naming::table`] makes it.
    pub table: String,
    /// The landing server's location: `s3://*/orders/**/*.csv`.
    pub location: String,
    /// The file's name, for the comment on top.
    pub origin: String,
    /// For data that nobody answers for yet: types have room, and no column is required.
    pub is_permissive: bool,
}

impl Naming {
    /// A table name that a contract may have, made of any text: lower-case letters, digits and `_`, beginning with a letter.
    #[must_use]
    pub fn table(text: &str) -> String {
        let name = names::catalog_name(text).unwrap_or_else(|| "data".to_owned());
        if RESERVED_TABLES.contains(&name.as_str()) { format!("{name}_data") } else { name }
    }
}

/// A contract that reads the file it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// An Open Data Contract Standard document, with comments.
    pub yaml: String,
    /// Data records.
    pub rows: u64,
    /// Of these, records that no dialect reads: another number of fields, quotes that make no sense, no JSON objects, broken
    /// characters. A conversion rejects them.
    pub unreadable_rows: u64,
    /// Columns.
    pub columns: usize,
}

/// Why no contract can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// The bytes are no text, or break off.
    #[error("{}", .0.message)]
    Undecodable(FileError),
    /// The file is wider than any table.
    #[error("the file has {0} columns, and {COLUMNS_MAX} at most are inferred")]
    TooManyColumns(usize),
    /// There is nothing to look at.
    #[error("the file has no records")]
    Empty,
    /// JSON, but not of records.
    #[error("the file is JSON without a single object that has keys")]
    NoObjects,
    /// JSON whose records are not at its top: `{"data": [{…}, …]}`.
    #[error(
        "the file is one JSON object with one key and a list under it: if these are its rows, write the list alone, or its items one after another (jq '.[]' makes the list)"
    )]
    Wrapped,
    /// JSON that cannot be cut into records.
    #[error(
        "the file has no JSON object of at most {max_mib} MiB: write its rows as objects one after another, or as one array of them"
    )]
    TooLong {
        /// The longest record that is read, in MiB.
        max_mib: usize,
    },
    /// Keys that differ from object to object name no columns.
    #[error(
        "its JSON objects have more than {max} different keys, or longer ones than any name: they seem to be data themselves"
    )]
    TooManyKeys {
        /// So many columns are drafted.
        max: usize,
    },
}

/// Looks at one file. Push its bytes in order, then finish.
///
/// Memory does not grow with the file: the first 256 KiB, a batch of records (of JSON one record, which may have 64 MiB), and per column
/// some counts and at most 128 Ki hashes; in all at most 4,000 columns and nested values are told apart.
/// What is drafted does not depend on how the bytes are cut into pushes.
#[derive(Debug)]
pub struct Inference {
    candidates: Vec<Candidate>,
    /// The file's first bytes, until its encoding is chosen.
    mark: Vec<u8>,
    decoder: Option<Decoder>,
    is_utf16: bool,
    bytes: u64,
    /// The text's beginning, until the dialect is chosen.
    head: Vec<u8>,
    way: Option<Way>,
}

/// A way to read the file.
#[derive(Debug)]
enum Way {
    Csv(Box<(Sniffed, Track)>),
    Json(Box<JsonTrack>),
}

impl Default for Inference {
    fn default() -> Self {
        Self::new()
    }
}

impl Inference {
    /// An inference of one file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            candidates: times::candidates(),
            mark: Vec::new(),
            decoder: None,
            is_utf16: false,
            bytes: 0,
            head: Vec::new(),
            way: None,
        }
    }

    /// Takes the next bytes of the file, in pieces of any size.
    ///
    /// # Errors
    /// [`InferError`] if the bytes are no CSV or JSON text.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InferError> {
        self.bytes += bytes.len() as u64;
        if self.decoder.is_some() {
            return self.decode(bytes);
        }
        self.mark.extend_from_slice(bytes);
        if self.mark.len() < MARK_BYTES {
            return Ok(());
        }
        self.begin()
    }

    /// Drafts the contract: no more bytes will come.
    ///
    /// # Errors
    /// [`InferError`] if there is nothing to draft one from.
    pub fn finish(mut self, naming: &Naming) -> Result<Draft, InferError> {
        self.begin()?;
        let mut progress = Progress::More;
        while progress == Progress::More {
            let Some(decoder) = &mut self.decoder else { break };
            let mut text = Vec::new();
            let done = decoder.finish(|piece| text.extend_from_slice(piece));
            progress = done.map_err(InferError::Undecodable)?;
            self.take_text(&text)?;
        }
        self.choose_dialect(true)?;
        let has_mark = self.decoder.as_ref().is_some_and(Decoder::has_mark);
        let file = File { bytes: self.bytes, is_utf16: self.is_utf16, has_mark };
        match self.way {
            None => Err(InferError::Empty),
            Some(Way::Json(mut track)) => {
                track.end(&self.candidates).map_err(InferError::Undecodable)?;
                json::draft(&track, &self.candidates, &file, naming)
            }
            Some(Way::Csv(mut way)) => {
                let (sniffed, track) = &mut *way;
                track.end(&looking(&self.candidates, sniffed.width));
                draft::draft(sniffed, track, &self.candidates, &file, naming)
            }
        }
    }

    /// Chooses the encoding, once, and reads what is there with it.
    fn begin(&mut self) -> Result<(), InferError> {
        if self.decoder.is_some() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.mark);
        self.is_utf16 = matches!(bytes.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
        self.decoder = Some(decoder(if self.is_utf16 { Encoding::Utf16 } else { Encoding::Utf8 })?);
        self.decode(&bytes)
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<(), InferError> {
        let mut input = bytes;
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            let mut text = Vec::new();
            let done = decoder.decode(&mut input, |piece| text.extend_from_slice(piece));
            let progress = done.map_err(InferError::Undecodable)?;
            self.take_text(&text)?;
            if progress == Progress::Done {
                return Ok(());
            }
        }
    }

    fn take_text(&mut self, text: &[u8]) -> Result<(), InferError> {
        match &mut self.way {
            Some(Way::Csv(way)) => {
                let (sniffed, track) = &mut **way;
                track.push(text, &looking(&self.candidates, sniffed.width));
                return Ok(());
            }
            Some(Way::Json(track)) => return track.push(text, &self.candidates).map_err(InferError::Undecodable),
            None => {}
        }
        self.head.extend_from_slice(text);
        if self.head.len() >= HEAD_BYTES { self.choose_dialect(false) } else { Ok(()) }
    }

    /// Chooses the dialect, once, and reads what is there with it.
    fn choose_dialect(&mut self, is_whole: bool) -> Result<(), InferError> {
        if self.way.is_some() {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        // So much and no more, however the bytes were cut.
        let (looked_at, is_whole) = match head.get(..HEAD_BYTES) {
            Some(beginning) => (beginning, false),
            None => (head.as_slice(), is_whole),
        };
        if json::is_json(looked_at) {
            let mut track = JsonTrack::new(looked_at, anywhere()?);
            track.push(&head, &self.candidates).map_err(InferError::Undecodable)?;
            self.way = Some(Way::Json(Box::new(track)));
            return Ok(());
        }
        let sniffed = sniff::sniff(looked_at, is_whole, &self.candidates).ok_or(InferError::Empty)?;
        if sniffed.width > COLUMNS_MAX {
            return Err(InferError::TooManyColumns(sniffed.width));
        }
        let mut track = Track::new(&sniffed);
        track.push(&head, &looking(&self.candidates, sniffed.width));
        self.way = Some(Way::Csv(Box::new((sniffed, track))));
        Ok(())
    }
}

fn looking(candidates: &[Candidate], columns: usize) -> Looking<'_> {
    let unique_values_max = (UNIQUE_VALUES / columns.max(1)).clamp(1, UNIQUE_VALUES_OF_COLUMN);
    Looking { candidates, unique_values_max }
}

fn decoder(encoding: Encoding) -> Result<Decoder, InferError> {
    let location = anywhere()?;
    let format = Format::Csv(CsvDialect::default());
    let numbers = NumberFormat::default();
    Ok(Decoder::without_contract(&Landing { location, encoding, packing: Packing::ByContent, format, numbers }))
}

/// A location that takes any object.
fn anywhere() -> Result<Location, InferError> {
    Location::parse("s3://*/**").map_err(|message| {
        InferError::Undecodable(FileError { kind: crate::FileErrorKind::Encoding, message, line: None })
    })
}
