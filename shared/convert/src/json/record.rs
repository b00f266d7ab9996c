//! The members of a record: each to the field of its column.
//! It does not know types, nor where the next record begins.

use std::borrow::Cow;

use lakegate_contract::{Column, ColumnSource, Contract, Rule, UnknownColumns};

use super::flaw::Flaw;
use super::keys::{Key, Keys};
use super::scan::{Scanner, Step, Stop, next_special};
use crate::records::{Field, FieldMap, Form};

/// Characters of a key that a message shows.
const KEY_SHOWN: usize = 60;

/// Reads records of a contract.
#[derive(Debug)]
pub(crate) struct RecordReader {
    keys: Keys,
    unknown: UnknownColumns,
    /// The slot of what the contract does not know.
    rescued: Option<usize>,
    field_count: usize,
    /// The first unknown key of the last record that has one, as it stands.
    unknown_key: String,
}

/// Where the fields of a record go.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) fields: &'a mut Vec<Field>,
    /// Texts that do not stand in the file as they are.
    pub(crate) aside: &'a mut Vec<u8>,
}

impl RecordReader {
    /// The reader, and which of its records' fields belongs to which column.
    pub(crate) fn new(contract: &Contract) -> (Self, FieldMap) {
        let mut field_count = 0;
        let mut slot = || {
            field_count += 1;
            Some(field_count - 1)
        };
        let mut field_of_column = Vec::with_capacity(contract.columns.len());
        for column in &contract.columns {
            field_of_column.push(if column.is_in_file() { slot() } else { None });
        }
        let keeps_unknown = contract.policy.unknown_columns == UnknownColumns::Rescue;
        let place = contract.columns.iter().position(is_rescued).filter(|_| keeps_unknown);
        let rescued = place.and_then(|_| slot());
        if let Some(column) = place.and_then(|place| field_of_column.get_mut(place)) {
            *column = rescued;
        }
        let keys = Keys::new(contract.columns.iter().filter(|column| column.is_in_file()));
        let reader =
            Self { keys, unknown: contract.policy.unknown_columns, rescued, field_count, unknown_key: String::new() };
        (reader, FieldMap { field_of_column, field_count, rescued: Vec::new() })
    }

    /// Reads the value at the scanner's position, which stands behind it afterwards. A flaw that leaves the value's end known is no
    /// reason to stop. The target has the fields of a record without flaw.
    #[inline]
    pub(crate) fn read(&mut self, scanner: &mut Scanner<'_>, target: &mut Target<'_>) -> Step<Option<Flaw>> {
        let first = scanner.skip_blanks()?;
        let flaw = if first == b'{' {
            self.object(scanner, target)?
        } else {
            scanner.value(first)?;
            Some(Flaw::NoObject)
        };
        let is_lone = std::mem::take(&mut scanner.has_lone_surrogate);
        // What is no JSON object is told as such, whatever its strings hold.
        let is_told = flaw.is_some_and(|flaw| flaw.rule() == Rule::Syntax);
        Ok(if is_lone && !is_told { Some(Flaw::LoneSurrogate) } else { flaw })
    }

    /// What is wrong with the record read last, which has this flaw.
    pub(crate) fn note(&self, flaw: Flaw) -> Cow<'static, str> {
        if flaw == Flaw::UnknownKey && !self.unknown_key.is_empty() {
            return Cow::Owned(unknown_key_message(&self.unknown_key));
        }
        Cow::Borrowed(flaw.message())
    }

    #[inline]
    fn object(&mut self, scanner: &mut Scanner<'_>, target: &mut Target<'_>) -> Step<Option<Flaw>> {
        let first_field = target.fields.len();
        let missing = Field::new(0, 0, Form::Null);
        target.fields.resize(first_field + self.field_count, missing);
        let aside = target.aside.len();
        let mut flaw = None;
        self.keys.begin_object();
        scanner.position += 1;
        let mut first = scanner.skip_blanks()?;
        if first == b'}' {
            scanner.position += 1;
            return Ok(None);
        }
        loop {
            let start = scanner.position;
            let key = self.keys.read(scanner, first)?;
            let byte = scanner.skip_blanks()?;
            let value = scanner.value(byte)?;
            match key {
                Key::Slot(slot) => {
                    if let Some(field) = target.fields.get_mut(first_field + slot) {
                        *field = value;
                    }
                }
                Key::Twice => flaw = Some(Flaw::KeyTwice),
                Key::Unknown => {
                    let member = scanner.bytes(start, scanner.position);
                    flaw = flaw.or_else(|| self.unknown_member(member, target, aside));
                }
            }
            match scanner.skip_blanks()? {
                b',' => {
                    scanner.position += 1;
                    first = scanner.skip_blanks()?;
                }
                b'}' => break,
                _ => return Err(Stop::Flawed(Flaw::NoComma)),
            }
        }
        scanner.position += 1;
        if flaw == Some(Flaw::UnknownKey)
            && !target.fields.iter().skip(first_field).any(|field| field.form() != Form::Null)
        {
            // An object of none but unknown keys may have data for keys, which must not reach an alert.
            self.unknown_key.clear();
        }
        self.end_rescued(target, first_field, aside);
        Ok(flaw)
    }

    /// What a member that the contract does not know comes to: a flaw, or a part of what is rescued of this record, which begins at
    /// `aside`.
    fn unknown_member(&mut self, member: &[u8], target: &mut Target<'_>, aside: usize) -> Option<Flaw> {
        match self.unknown {
            UnknownColumns::Reject => {
                self.unknown_key.clear();
                self.unknown_key.push_str(&shown(member));
                Some(Flaw::UnknownKey)
            }
            UnknownColumns::Rescue if self.rescued.is_some() => {
                target.aside.push(if target.aside.len() == aside { b'{' } else { b',' });
                target.aside.extend_from_slice(member);
                None
            }
            UnknownColumns::Ignore | UnknownColumns::Rescue => None,
        }
    }

    /// Closes the object of what the contract does not know, if there is anything in it.
    #[inline]
    fn end_rescued(&self, target: &mut Target<'_>, first_field: usize, aside: usize) {
        if let Some(slot) = self.rescued
            && target.aside.len() > aside
        {
            target.aside.push(b'}');
            if let Some(field) = target.fields.get_mut(first_field + slot) {
                *field = Field::new(aside, target.aside.len(), Form::Aside);
            }
        }
    }
}

/// What is wrong with an object that has this key.
pub(crate) fn unknown_key_message(key: &str) -> String {
    format!("the contract does not know the key \"{key}\"")
}

/// The key that a member begins with, cut if it is long.
pub(crate) fn shown(member: &[u8]) -> String {
    let member = member.get(1..).unwrap_or_default();
    let key = member.get(..next_special(member, 0)).unwrap_or_default();
    String::from_utf8_lossy(key).chars().take(KEY_SHOWN).collect()
}

fn is_rescued(column: &Column) -> bool {
    matches!(column.source, ColumnSource::Rescued)
}
