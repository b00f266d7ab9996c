//! What is known of the values in one place of a file's objects: which kinds of values stand there, and what stands in them.
//! It does not know types, nor what is made of it.

use std::collections::HashMap;

use super::number::Numbers;
use crate::infer::column::{Column, Looking, Unique};
use crate::infer::times::Candidate;
use crate::json::{Scanner, Step, unescape};
use crate::records::Form;

/// Objects with more keys than these, at the top and below, use keys as data.
pub(super) const COLUMNS_MAX: usize = 1000;
pub(super) const KEYS_MAX: usize = 64;
/// A longer key is data.
const KEY_BYTES_MAX: usize = 1000;
/// Values deeper than this are kept as text by a contract; those of the table's columns have depth 0.
pub(super) const DEPTH_MAX: usize = 16;
/// Places that are told apart in all. Bounds memory.
const PLACES_MAX: usize = 4000;
/// Hashes that are kept to see whether values are unique, in all places and in one.
const UNIQUE_VALUES: usize = 4 * 1024 * 1024;
const UNIQUE_VALUES_OF_PLACE: usize = 128 * 1024;

/// What is the same for all places.
#[derive(Debug)]
pub(super) struct Looker<'a> {
    pub(super) candidates: &'a [Candidate],
    /// The line of the record.
    pub(super) line: u64,
    pub(super) totals: &'a mut Totals,
    pub(super) scratch: Vec<u8>,
}

/// What is counted over the whole file.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Places that are told apart.
    places: usize,
    /// Whether a key has letters beyond ASCII that are written as escapes: they are the same in every encoding, as bytes are not.
    pub(super) has_escaped_keys: bool,
}

impl Looker<'_> {
    fn looking(&self) -> Looking<'_> {
        let unique_values_max = (UNIQUE_VALUES / self.totals.places.max(1)).clamp(1, UNIQUE_VALUES_OF_PLACE);
        Looking { candidates: self.candidates, unique_values_max }
    }
}

/// How many values there are, and the line of the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) values: u64,
    pub(super) first_line: u64,
}

impl Count {
    fn add(&mut self, line: u64) {
        if self.values == 0 {
            self.first_line = line;
        }
        self.values += 1;
    }
}

/// The values in one place.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) nulls: u64,
    pub(super) booleans: Count,
    pub(super) strings: Count,
    pub(super) numbers: Count,
    pub(super) objects: Count,
    pub(super) arrays: Count,
    pub(super) texts: Option<Box<Column>>,
    pub(super) written: Option<Box<Numbers>>,
    /// Whether a number comes twice.
    pub(super) unique: Option<Box<Unique>>,
    pub(super) members: Option<Box<Members>>,
    pub(super) items: Option<Box<Node>>,
}

/// Why the keys of objects are no columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    ManyKeys,
    KeyTwice,
    LongKey,
}

/// What stands in the objects of one place.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) objects: u64,
    /// How many keys stand in all of them.
    pub(super) keys: u64,
    pub(super) list: Vec<Member>,
    index: HashMap<Box<[u8]>, usize>,
    /// Set once the keys are not told apart any more.
    pub(super) closed: Option<Closed>,
}

/// A key and its values.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Box<[u8]>,
    pub(super) node: Node,
    /// The last object that had it.
    seen: u64,
}

impl Node {
    /// Values that are not null.
    pub(super) const fn values(&self) -> u64 {
        self.booleans.values + self.strings.values + self.numbers.values + self.objects.values + self.arrays.values
    }

    /// Takes the value at the scanner's position, which stands behind it afterwards. The value is known to be well-formed.
    fn observe(&mut self, scanner: &mut Scanner<'_>, depth: usize, looker: &mut Looker<'_>) -> Step<()> {
        let first = scanner.skip_blanks()?;
        match first {
            b'{' => {
                self.objects.add(looker.line);
                if depth >= DEPTH_MAX {
                    return scanner.value(first).map(|_| ());
                }
                self.members.get_or_insert_default().observe(scanner, depth + 1, looker)
            }
            b'[' => {
                self.arrays.add(looker.line);
                if depth >= DEPTH_MAX {
                    return scanner.value(first).map(|_| ());
                }
                self.observe_items(scanner, depth, looker)
            }
            _ => self.observe_scalar(scanner, first, looker),
        }
    }

    fn observe_items(&mut self, scanner: &mut Scanner<'_>, depth: usize, looker: &mut Looker<'_>) -> Step<()> {
        scanner.position += 1;
        while scanner.skip_blanks()? != b']' {
            self.items.get_or_insert_default().observe(scanner, depth + 1, looker)?;
            if scanner.skip_blanks()? == b',' {
                scanner.position += 1;
            }
        }
        scanner.position += 1;
        Ok(())
    }

    fn observe_scalar(&mut self, scanner: &mut Scanner<'_>, first: u8, looker: &mut Looker<'_>) -> Step<()> {
        let field = scanner.value(first)?;
        let text = scanner.bytes(field.start(), field.end());
        match field.form() {
            Form::Null => self.nulls += 1,
            Form::Bare if matches!(first, b't' | b'f') => self.booleans.add(looker.line),
            Form::Bare | Form::Scientific => {
                self.numbers.add(looker.line);
                self.written.get_or_insert_default().observe(text);
                let unique = self.unique.get_or_insert_with(|| Box::new(Unique::nothing()));
                unique.observe(text, looker.looking().unique_values_max);
            }
            Form::Quoted | Form::Escaped | Form::Plain | Form::Nested | Form::Aside => {
                self.strings.add(looker.line);
                let texts = self.texts.get_or_insert_with(|| Box::new(Column::new()));
                let mut scratch = std::mem::take(&mut looker.scratch);
                let text = if field.form() == Form::Escaped {
                    unescape(text, &mut scratch);
                    &scratch
                } else {
                    text
                };
                texts.observe(text, true, looker.line, &looker.looking());
                looker.scratch = scratch;
            }
        }
        Ok(())
    }
}

impl Members {
    /// Takes the object at the scanner's position. `depth` is that of its values.
    pub(super) fn observe(&mut self, scanner: &mut Scanner<'_>, depth: usize, looker: &mut Looker<'_>) -> Step<()> {
        self.objects += 1;
        scanner.position += 1;
        let mut expected = 0;
        loop {
            let first = scanner.skip_blanks()?;
            if first == b'}' {
                break;
            }
            let key = scanner.key(first)?;
            let raw = scanner.bytes(key.start(), key.end());
            let place = if key.form() == Form::Escaped {
                let mut text = Vec::new();
                unescape(raw, &mut text);
                looker.totals.has_escaped_keys |= !text.is_ascii();
                self.place(&text, expected, depth, looker)
            } else {
                self.place(raw, expected, depth, looker)
            };
            self.keys += 1;
            if let Some(member) = place.and_then(|place| self.list.get_mut(place)) {
                expected = place.map_or(0, |place| place + 1);
                member.node.observe(scanner, depth, looker)?;
            } else {
                let byte = scanner.skip_blanks()?;
                scanner.value(byte)?;
            }
            if scanner.skip_blanks()? == b',' {
                scanner.position += 1;
            }
        }
        scanner.position += 1;
        Ok(())
    }

    /// Where a key's values are kept; `None` where they are not. Objects of a file have much the same keys in much the same order, so
    /// that `expected` is nearly always right.
    fn place(&mut self, key: &[u8], expected: usize, depth: usize, looker: &mut Looker<'_>) -> Option<usize> {
        if self.closed.is_some() {
            return None;
        }
        let is_expected = self.list.get(expected).is_some_and(|member| *member.key == *key);
        let known = if is_expected { Some(expected) } else { self.index.get(key).copied() };
        let Some(place) = known else { return self.add(key, depth, looker) };
        let member = self.list.get_mut(place)?;
        if std::mem::replace(&mut member.seen, self.objects) == self.objects {
            self.close(Closed::KeyTwice);
            return None;
        }
        Some(place)
    }

    fn add(&mut self, key: &[u8], depth: usize, looker: &mut Looker<'_>) -> Option<usize> {
        let keys_max = if depth == 0 { COLUMNS_MAX } else { KEYS_MAX };
        if key.len() > KEY_BYTES_MAX {
            self.close(Closed::LongKey);
            return None;
        }
        if self.list.len() >= keys_max || (depth > 0 && looker.totals.places >= PLACES_MAX) {
            self.close(Closed::ManyKeys);
            return None;
        }
        looker.totals.places += 1;
        self.index.insert(key.into(), self.list.len());
        self.list.push(Member { key: key.into(), node: Node::default(), seen: self.objects });
        Some(self.list.len() - 1)
    }

    /// The place of the one key under which lists stand that have objects for items, or none; a list of anything else is no list of rows.
    pub(super) fn list_of_objects(&self) -> Option<usize> {
        let is_list = |node: &Node| {
            let has_rows =
                node.items.as_ref().is_none_or(|items| items.nulls == 0 && items.values() == items.objects.values);
            node.arrays.values > 0 && node.arrays.values == node.values() && has_rows
        };
        let mut lists = self.list.iter().enumerate().filter(|(_, member)| is_list(&member.node));
        let (place, _) = lists.next()?;
        if lists.next().is_none() { Some(place) } else { None }
    }

    fn close(&mut self, reason: Closed) {
        *self = Self { objects: self.objects, keys: self.keys, closed: Some(reason), ..Self::default() };
    }
}
