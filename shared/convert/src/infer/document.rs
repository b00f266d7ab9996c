//! The parts of a draft that are the same for every format.
//! It does not know columns.

use lakegate_contract::ColumnSource;

use super::Naming;
use super::encoding::Encoding;
use super::resolve::counted;
use super::track::Tally;
use super::yaml::{Lines, quoted, scalar};

/// What is known of the file beside its records.
pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) is_utf16: bool,
    /// It begins with the byte order mark of its encoding, UTF-8 or UTF-16.
    pub(super) has_mark: bool,
}

/// Why whole numbers may have fractions.
pub(super) const INTEGRAL_FRACTIONS: &str = "whole numbers are written with a fraction of zeros: 17850.0";

/// The document's beginning.
pub(super) fn head(naming: &Naming, rows: u64, file: &File) -> Lines {
    let Naming { id, origin, .. } = naming;
    let mut lines = Lines::default();
    lines.comment(0, &format!("Drafted from {origin}: {}, {}.", counted(rows, "row"), counted(file.bytes, "byte")));
    lines.comment(0, "Comments say what was seen; whether it must be so, its owner knows. Correct it, and take out what is only evidence.");
    for line in ["apiVersion: v3.2.0", "kind: DataContract"] {
        lines.line(0, line);
    }
    lines.line(0, &format!("id: {}", scalar(id)));
    lines.line(0, &format!("name: {}", scalar(id)));
    lines.line(0, "version: 0.1.0");
    lines.line(0, "status: draft");
    lines
}

/// The landing server, without what only one format has.
pub(super) fn server(lines: &mut Lines, naming: &Naming, format: &str, encoding: Encoding, tally: Tally) {
    lines.line(0, "servers:");
    lines.line(2, "- server: landing");
    lines.line(4, "type: s3");
    lines.line(4, &format!("location: {}", quoted(&naming.location)));
    lines.line(4, &format!("format: {format}"));
    lines.comment(4, &encoding.evidence(tally));
    lines.line(4, &format!("encoding: {}", encoding.name()));
}

/// The end of a table that nobody answers for yet: what later files add is kept, unless a column of the data has the place's name.
pub(super) fn rescue<'a>(lines: &mut Lines, mut names: impl Iterator<Item = &'a str>, noun: &str) {
    if !names.any(|name| ColumnSource::RESCUED_NAME.eq_ignore_ascii_case(name)) {
        lines.line(4, "customProperties:");
        lines.comment(6, &format!("{noun} that come later are kept in the column {}", ColumnSource::RESCUED_NAME));
        lines.property("unknownColumns", "rescue");
    }
}

/// The beginning of the table, whose columns are to follow.
pub(super) fn table(lines: &mut Lines, naming: &Naming) {
    lines.line(0, "schema:");
    lines.line(2, &format!("- name: {}", scalar(&naming.table)));
    lines.line(4, "logicalType: object");
    lines.line(4, "properties:");
}
