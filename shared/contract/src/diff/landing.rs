//! Where files land and how they are written: which of them still fit, and which mean something else now.
//! It does not know columns.

use super::values::{Values, option, plain};
use super::{Changes, Class};
use crate::value::NumberFormat;
use crate::{CsvDialect, Encoding, Format, JsonFraming, Landing, Packing, Quoting};

const LOCATION_NARROWER: &str =
    "files that only the former location covers fall under no contract; what they published stays";
const LOCATION_WIDER: &str = "files that fell under no contract are taken in when they are announced again";
const OTHER_ENCODING: &str =
    "the same bytes may be read as other text, and what was accepted be published so or rejected";
const OTHER_FORMAT: &str =
    "files of the former format are rejected, or their records read as something else; the table stays";
const OTHER_DIALECT: &str = "the same records may be read as other values, and what was accepted be published so";
const DIALECT_NARROWER: &str = "files or records written as before may be rejected";
const DIALECT_WIDER: &str =
    "files or records that were rejected may be accepted; those that were accepted mean the same";

pub(super) fn landing(old: &Landing, new: &Landing, changes: &mut Changes) {
    if old.location.as_str() != new.location.as_str() {
        let is_wider = new.location.covers(&old.location);
        let (class, effect) =
            if is_wider { (Class::Looser, LOCATION_WIDER) } else { (Class::Stricter, LOCATION_NARROWER) };
        let values = plain(old.location.as_str(), new.location.as_str());
        changes.add(class, "servers[landing].location", values, effect);
    }
    if old.encoding != new.encoding {
        let values = plain(encoding(old.encoding), encoding(new.encoding));
        changes.add(Class::Breaking, "servers[landing].encoding", values, OTHER_ENCODING);
    }
    let mut dialect = Dialect { changes };
    if old.packing != new.packing {
        let values = plain(packing(old.packing), packing(new.packing));
        dialect.property(narrows(new.packing != Packing::ByContent), "compression", values);
    }
    dialect.numbers(old.numbers, new.numbers);
    let (old_bytes, new_bytes) = (old.format.max_record_bytes(), new.format.max_record_bytes());
    if old_bytes != new_bytes {
        dialect.property(narrows(new_bytes < old_bytes), "maxRecordBytes", plain(old_bytes, new_bytes));
    }
    match (&old.format, &new.format) {
        (Format::Csv(old), Format::Csv(new)) => dialect.csv(old, new),
        (Format::Json(old), Format::Json(new)) => {
            if old.framing != new.framing {
                let (class, effect) = effect_of(narrows(new.framing != JsonFraming::ByContent));
                let values = (framing(old.framing), framing(new.framing));
                changes.add(class, "servers[landing].delimiter", values, effect);
            }
        }
        (Format::Csv(_), Format::Json(_)) => {
            changes.add(Class::Breaking, "servers[landing].format", plain("csv", "json"), OTHER_FORMAT);
        }
        (Format::Json(_), Format::Csv(_)) => {
            changes.add(Class::Breaking, "servers[landing].format", plain("json", "csv"), OTHER_FORMAT);
        }
    }
}

const fn narrows(is_narrower: bool) -> Class {
    if is_narrower { Class::Stricter } else { Class::Looser }
}

const fn effect_of(class: Class) -> (Class, &'static str) {
    match class {
        Class::Breaking => (class, OTHER_DIALECT),
        Class::Stricter => (class, DIALECT_NARROWER),
        Class::Looser | Class::Neutral => (class, DIALECT_WIDER),
    }
}

/// How files are written, which is said in the server's properties.
struct Dialect<'a> {
    changes: &'a mut Changes,
}

impl Dialect<'_> {
    fn property(&mut self, class: Class, name: &str, values: Values) {
        let (class, effect) = effect_of(class);
        self.changes.add(class, format!("servers[landing].customProperties[{name}]"), values, effect);
    }

    fn numbers(&mut self, old: NumberFormat, new: NumberFormat) {
        let byte = |byte: u8| char::from(byte).to_string();
        // One and the same character before thousands in one and before the fraction in the other: 1.234 is another number.
        let is_swapped =
            |one: NumberFormat, other: NumberFormat| Some(one.decimal_separator) == other.thousands_separator;
        let is_ambiguous = is_swapped(old, new) || is_swapped(new, old);
        if old.decimal_separator != new.decimal_separator {
            let class = if is_ambiguous { Class::Breaking } else { Class::Stricter };
            let values = plain(byte(old.decimal_separator), byte(new.decimal_separator));
            self.property(class, "decimalSeparator", values);
        }
        if old.thousands_separator != new.thousands_separator {
            let class = match old.thousands_separator {
                _ if is_ambiguous => Class::Breaking,
                None => Class::Looser,
                Some(_) => Class::Stricter,
            };
            let values = option(old.thousands_separator.map(byte), new.thousands_separator.map(byte));
            self.property(class, "thousandsSeparator", values);
        }
        if old.integral_fractions != new.integral_fractions {
            let values = plain(old.integral_fractions, new.integral_fractions);
            self.property(narrows(old.integral_fractions), "integralFractions", values);
        }
    }

    fn csv(&mut self, old: &CsvDialect, new: &CsvDialect) {
        let shown = |byte: u8| char::from(byte).escape_debug().to_string();
        // A header that is cut at other places, or is another line, names no columns: the file is rejected.
        let told_by_header = if old.header && new.header { Class::Stricter } else { Class::Breaking };
        if old.delimiter != new.delimiter {
            self.property(told_by_header, "delimiter", plain(shown(old.delimiter), shown(new.delimiter)));
        }
        if old.skip_lines != new.skip_lines {
            self.property(told_by_header, "skipLines", plain(old.skip_lines, new.skip_lines));
        }
        if old.quote != new.quote {
            self.property(Class::Breaking, "quote", plain(shown(old.quote), shown(new.quote)));
        }
        for (name, old, new) in [("escape", old.escape, new.escape), ("comment", old.comment, new.comment)] {
            if old != new {
                self.property(Class::Breaking, name, option(old.map(shown), new.map(shown)));
            }
        }
        if old.header != new.header {
            self.property(Class::Breaking, "header", plain(old.header, new.header));
        }
        if old.trim != new.trim {
            self.property(Class::Breaking, "trim", plain(old.trim, new.trim));
        }
        if old.quoting != new.quoting {
            let name = |quoting| match quoting {
                Quoting::Strict => "strict",
                Quoting::Lenient => "lenient",
            };
            let class = narrows(new.quoting == Quoting::Strict);
            self.property(class, "quoting", plain(name(old.quoting), name(new.quoting)));
        }
        self.null_values(&old.null_values, &new.null_values);
    }

    /// What is null, and no longer a text, or the other way round.
    fn null_values(&mut self, old: &[String], new: &[String]) {
        let sorted = |texts: &[String]| {
            let mut texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            texts.sort_unstable();
            texts.dedup();
            texts.join(", ")
        };
        let (old, new) = (sorted(old), sorted(new));
        if old != new {
            self.property(Class::Breaking, "nullValues", plain(old, new));
        }
    }
}

const fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Utf16 => "UTF-16",
        Encoding::Utf16Le => "UTF-16LE",
        Encoding::Utf16Be => "UTF-16BE",
        Encoding::Windows1252 => "Windows-1252",
        Encoding::Iso8859_1 => "ISO-8859-1",
    }
}

const fn packing(packing: Packing) -> &'static str {
    match packing {
        Packing::ByContent => "auto",
        Packing::None => "none",
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
    }
}

fn framing(framing: JsonFraming) -> Option<String> {
    match framing {
        JsonFraming::ByContent => None,
        JsonFraming::Lines => Some("new_line".to_owned()),
        JsonFraming::Array => Some("array".to_owned()),
    }
}
