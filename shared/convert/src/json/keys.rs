//! Which column or field the key of an object belongs to. Objects of a file have much the same keys in much the same order, so that the
//! key that came next the last time is compared first, and nothing is hashed while it is right.
//! It does not know values.

use std::collections::{HashMap, HashSet};

use lakegate_contract::Column;

use super::scan::{Scanner, Step};
use super::text::unescape;
use crate::names::{Found, Names};
use crate::records::Form;

/// Keys that are remembered; objects that use keys as data have ever new ones.
const REMEMBERED_MAX: usize = 1024;

/// What a key says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// It belongs to this slot.
    Slot(usize),
    Unknown,
    /// Its slot, or an unknown key of this text, stood in this object before.
    Twice,
}

/// The keys of one kind of object.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The names of the slots.
    names: Names,
    entries: Vec<Entry>,
    index: HashMap<Box<[u8]>, usize>,
    /// The entry of the key before, in this object; the first entry stands for its beginning.
    last: usize,
    /// The number of this object.
    object: u64,
    /// Per slot, the last object that had it.
    slot_seen: Vec<u64>,
    /// Keys of this object that are not remembered.
    strays: HashSet<Vec<u8>>,
}

#[derive(Debug)]
struct Entry {
    /// The key and its closing quote.
    quoted: Box<[u8]>,
    slot: Option<usize>,
    /// The entry of the key that came behind it the last time.
    next: usize,
    /// The last object that had this key.
    seen: u64,
}

impl Keys {
    /// For objects whose slots are these columns, in this order.
    pub(crate) fn new<'a>(columns: impl Iterator<Item = &'a Column>) -> Self {
        let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        let beginning = Entry { quoted: Box::default(), slot: None, next: 0, seen: 0 };
        Self {
            slot_seen: vec![0; names.len()],
            names: Names::new(names.into_iter()),
            entries: vec![beginning],
            index: HashMap::new(),
            last: 0,
            object: 0,
            strays: HashSet::new(),
        }
    }

    pub(crate) fn begin_object(&mut self) {
        self.object += 1;
        self.last = 0;
        if !self.strays.is_empty() {
            self.strays.clear();
        }
    }

    /// Reads the key that begins at the scanner's position, and its colon.
    #[inline]
    pub(crate) fn read(&mut self, scanner: &mut Scanner<'_>, first: u8) -> Step<Key> {
        let predicted = self.entries.get(self.last).map_or(0, |last| last.next);
        if let Some(entry) = self.entries.get_mut(predicted)
            && predicted != 0
            && scanner.rest().get(1..).is_some_and(|rest| rest.starts_with(&entry.quoted))
            && first == b'"'
        {
            scanner.position += 1 + entry.quoted.len();
            scanner.colon()?;
            self.last = predicted;
            let is_twice = std::mem::replace(&mut entry.seen, self.object) == self.object;
            let slot = entry.slot;
            return Ok(self.mark(slot, is_twice));
        }
        let field = scanner.key(first)?;
        let raw = scanner.bytes(field.start(), field.end());
        Ok(if field.form() == Form::Escaped {
            let mut text = Vec::new();
            unescape(raw, &mut text);
            self.find(&text, false)
        } else {
            self.find(raw, true)
        })
    }

    #[inline]
    fn mark(&mut self, slot: Option<usize>, is_twice: bool) -> Key {
        let Some(slot) = slot else { return if is_twice { Key::Twice } else { Key::Unknown } };
        let object = self.object;
        let before = self.slot_seen.get_mut(slot).map(|seen| std::mem::replace(seen, object));
        if before == Some(object) { Key::Twice } else { Key::Slot(slot) }
    }

    /// `is_plain`: the text stands in the file as it is, so that it can be compared with the next object's.
    fn find(&mut self, text: &[u8], is_plain: bool) -> Key {
        let found = match self.index.get(text) {
            Some(found) => *found,
            None if self.entries.len() <= REMEMBERED_MAX => self.remember(text),
            None => {
                let slot = self.slot_named(text);
                let is_twice = slot.is_none() && !self.strays.insert(text.to_owned());
                return self.mark(slot, is_twice);
            }
        };
        if is_plain {
            if let Some(last) = self.entries.get_mut(self.last) {
                last.next = found;
            }
            self.last = found;
        }
        let Some(entry) = self.entries.get_mut(found) else { return Key::Unknown };
        let is_twice = std::mem::replace(&mut entry.seen, self.object) == self.object;
        let slot = entry.slot;
        self.mark(slot, is_twice)
    }

    fn remember(&mut self, text: &[u8]) -> usize {
        let slot = self.slot_named(text);
        let quoted = [text, b"\""].concat().into_boxed_slice();
        self.entries.push(Entry { quoted, slot, next: 0, seen: 0 });
        let place = self.entries.len() - 1;
        self.index.insert(text.into(), place);
        place
    }

    /// A key that could be one slot's as well as another's is nobody's: nothing is guessed.
    fn slot_named(&self, text: &[u8]) -> Option<usize> {
        match self.names.find(&String::from_utf8_lossy(text)) {
            Found::Column(slot) => Some(slot),
            Found::Ambiguous(..) | Found::Nothing => None,
        }
    }
}
