//! A small table for the tests of how files are written.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "for tests, of which not all use all"
)]

use lakegate_contract::{
    Column, ColumnSource, ColumnType, Contract, CsvDialect, Encoding, Format, JsonFraming, UnknownColumns,
};

/// A table of a text, a whole number and a text; any number of rows may be bad.
pub fn contract(change: impl FnOnce(&mut CsvDialect)) -> Contract {
    let document = r"{apiVersion: v3.2.0, kind: DataContract, id: d, version: 1.0.0,
        servers: [{server: landing, type: s3, location: 's3://*/d/*.csv', format: csv}],
        schema: [{name: d, logicalType: object, properties: [
            {name: id, logicalType: string, required: true}, {name: n, logicalType: integer}, {name: t, logicalType: string}],
            customProperties: [{property: maxRejectPercent, value: 100, vendor: lakegate}]}]}";
    // YAML, because JSON wants its quotes.
    let mut contract = lakegate_contract::parse(&format!("---\n{document}")).unwrap().contract;
    if let Format::Csv(dialect) = &mut contract.landing.format {
        change(dialect);
    }
    contract
}

/// The same, which keeps what it does not know.
pub fn rescuing(change: impl FnOnce(&mut CsvDialect)) -> Contract {
    let mut contract = contract(change);
    contract.policy.unknown_columns = UnknownColumns::Rescue;
    contract.paths.push(ColumnSource::RESCUED_NAME.to_owned());
    contract.columns.push(Column {
        id: contract.columns.len(),
        name: ColumnSource::RESCUED_NAME.to_owned(),
        physical_name: ColumnSource::RESCUED_NAME.to_owned(),
        description: None,
        column_type: ColumnType::Json,
        required: false,
        checks: Vec::new(),
        source: ColumnSource::Rescued,
    });
    contract
}

/// A table of a text and a whole number; any number of rows may be bad.
pub fn json_contract(framing: JsonFraming, max_record_bytes: usize) -> Contract {
    let document = r"{apiVersion: v3.2.0, kind: DataContract, id: d, version: 1.0.0,
        servers: [{server: landing, type: s3, location: 's3://*/d/*.json', format: json}],
        schema: [{name: d, logicalType: object, properties: [
            {name: a, logicalType: string}, {name: n, logicalType: integer}],
            customProperties: [{property: maxRejectPercent, value: 100, vendor: lakegate}]}]}";
    let mut contract = lakegate_contract::parse(&format!("---\n{document}")).unwrap().contract;
    if let Format::Json(dialect) = &mut contract.landing.format {
        (dialect.framing, dialect.max_record_bytes) = (framing, max_record_bytes);
    }
    contract
}

pub const ENCODINGS: &[Encoding] = &[
    Encoding::Utf8,
    Encoding::Utf16,
    Encoding::Utf16Le,
    Encoding::Utf16Be,
    Encoding::Windows1252,
    Encoding::Iso8859_1,
];
