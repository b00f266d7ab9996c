//! The words of the contract's dialect, as the parser knows them: what documentation is made of and held against.
//! It must not know how they are read.

use crate::document::columns::{nested, types};
use crate::document::quality::{bound, library};
use crate::document::{dialect, landing, policy};
use crate::sql::{functions, operators};
use crate::value::NumberFormat;
use crate::{CsvDialect, Policy};

/// A custom property of vendor `lakegate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Whether it is one of CSV files only.
    pub is_of_csv: bool,
    /// What holds where it is not said, as it would be written; `None`: nothing.
    pub default: Option<String>,
    /// The words that it may be; empty where it may be others.
    pub choices: Vec<String>,
}

/// Physical types that are one type of the table, by the logical type that they refine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalTypes {
    /// `logicalType`.
    pub logical: &'static str,
    /// `physicalType`, in any case of letters; `n`, `p` and `s` stand for numbers.
    pub names: Vec<String>,
    /// Which parts the column must have.
    pub parts: Option<&'static str>,
}

/// A metric of rules of type `library`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryMetric {
    /// Its name.
    pub name: &'static str,
    /// Its arguments on the schema object; `None`: it does not stand there.
    pub of_table: Option<&'static [&'static str]>,
    /// Its arguments on a column; `None`: it does not stand there.
    pub of_column: Option<&'static [&'static str]>,
}

fn words<T>(choices: &[(&str, T)]) -> Vec<String> {
    choices.iter().map(|(word, _)| (*word).to_owned()).collect()
}

fn word_of<T: PartialEq>(choices: &[(&str, T)], value: &T) -> Option<String> {
    choices.iter().find(|(_, choice)| choice == value).map(|(word, _)| (*word).to_owned())
}

fn character(byte: u8) -> String {
    char::from(byte).to_string()
}

/// The properties of the server named `landing`.
#[must_use]
pub fn landing_properties() -> Vec<Property> {
    use dialect::Property as Name;
    let (csv, numbers, booleans) =
        (CsvDialect::default(), NumberFormat::default(), || vec!["true".to_owned(), "false".to_owned()]);
    let property = |name: Name| {
        let none = Vec::new();
        let (default, choices) = match name {
            Name::Compression => (word_of(&dialect::PACKINGS, &crate::Packing::ByContent), words(&dialect::PACKINGS)),
            Name::MaxRecordBytes => (Some(csv.max_record_bytes.to_string()), none),
            Name::DecimalSeparator => (Some(character(numbers.decimal_separator)), words(&dialect::DECIMAL_SEPARATORS)),
            Name::ThousandsSeparator => {
                (numbers.thousands_separator.map(character), dialect::THOUSANDS_SEPARATORS.map(character).to_vec())
            }
            Name::IntegralFractions => (Some(numbers.integral_fractions.to_string()), booleans()),
            Name::Delimiter => (Some(character(csv.delimiter)), none),
            Name::Quote => (Some(character(csv.quote)), none),
            Name::Escape => (csv.escape.map(character), none),
            Name::Comment => (csv.comment.map(character), none),
            Name::Quoting => (word_of(&dialect::QUOTINGS, &csv.quoting), words(&dialect::QUOTINGS)),
            Name::Header => (Some(csv.header.to_string()), booleans()),
            Name::SkipLines => (Some(csv.skip_lines.to_string()), none),
            Name::Trim => (Some(csv.trim.to_string()), booleans()),
            Name::NullValues => (Some(format!("{:?}", csv.null_values)), none),
        };
        Property { name: name.name(), is_of_csv: name.is_of_csv(), default, choices }
    };
    Name::ALL.map(property).to_vec()
}

/// The properties of the schema object.
#[must_use]
pub fn policy_properties() -> Vec<Property> {
    use policy::Property as Name;
    let policy = Policy::default();
    let property = |name: Name| {
        let (default, choices) = match name {
            Name::MaxRejectPercent => (Some(policy.max_reject_percent.to_string()), Vec::new()),
            Name::MaxRejectRows => (policy.max_reject_rows.map(|rows| rows.to_string()), Vec::new()),
            Name::UnknownColumns => {
                (word_of(&policy::UNKNOWN_COLUMNS, &policy.unknown_columns), words(&policy::UNKNOWN_COLUMNS))
            }
            Name::ExactDuplicates => {
                (word_of(&policy::EXACT_DUPLICATES, &policy.exact_duplicates), words(&policy::EXACT_DUPLICATES))
            }
            Name::RemovedObjects => {
                (word_of(&policy::REMOVED_OBJECTS, &policy.removed_objects), words(&policy::REMOVED_OBJECTS))
            }
            Name::Compression => (word_of(&policy::COMPRESSIONS, &policy.compression), words(&policy::COMPRESSIONS)),
        };
        Property { name: name.name(), is_of_csv: false, default, choices }
    };
    Name::ALL.map(property).to_vec()
}

/// What `encoding` of the server may be: names of one encoding, the usual one first.
#[must_use]
pub fn encodings() -> Vec<&'static [&'static str]> {
    landing::ENCODINGS.iter().map(|(names, _)| *names).collect()
}

/// What `delimiter` of a server of JSON files may be.
#[must_use]
pub fn json_delimiters() -> Vec<String> {
    words(&landing::FRAMINGS)
}

/// The types of columns.
#[must_use]
pub fn physical_types() -> Vec<PhysicalTypes> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let row = |logical, names| PhysicalTypes { logical, names, parts: None };
    let mut texts = owned(&types::TEXTS);
    texts.extend(types::TEXTS_OF_A_LENGTH.map(|name| format!("{name}(n)")));
    let mut rows = vec![row("string", texts)];
    rows.extend(types::INTEGERS.iter().map(|(names, _)| row("integer", owned(names))));
    rows.push(row("number", types::DECIMALS.map(|name| format!("{name}(p,s)")).to_vec()));
    rows.push(row("number", owned(&types::DOUBLES)));
    rows.push(row("boolean", owned(&types::BOOLEANS)));
    rows.push(row("date", owned(&types::DATES)));
    rows.push(row("timestamp", owned(&types::TIMESTAMPS)));
    rows.push(row("object", owned(&nested::TEXT_TYPES)));
    rows.push(row("array", owned(&nested::TEXT_TYPES)));
    rows.push(PhysicalTypes { logical: "object", names: owned(&nested::STRUCTS), parts: Some("properties") });
    rows.push(PhysicalTypes { logical: "array", names: owned(&nested::ARRAYS), parts: Some("items") });
    rows
}

/// The metrics of rules of type `library`.
#[must_use]
pub fn library_metrics() -> Vec<LibraryMetric> {
    let metric = |metric: library::Counted| LibraryMetric {
        name: metric.name(),
        of_table: metric.arguments(false),
        of_column: metric.arguments(true),
    };
    library::Counted::ALL.map(metric).to_vec()
}

/// How a rule of type `library` says where its number must lie.
#[must_use]
pub fn bounds() -> &'static [&'static str] {
    &bound::OPERATORS
}

/// The functions of SQL expressions: names of one function, the usual one first.
#[must_use]
pub fn sql_functions() -> Vec<Vec<&'static str>> {
    let mut found: Vec<(functions::Call, Vec<&'static str>)> = Vec::new();
    for (name, call) in functions::FUNCTIONS {
        match found.iter_mut().find(|(known, _)| *known == call) {
            Some((_, names)) => names.push(name),
            None => found.push((call, vec![name])),
        }
    }
    found.into_iter().map(|(_, names)| names).collect()
}

/// What `date_trunc` cuts to.
#[must_use]
pub fn sql_date_units() -> Vec<String> {
    words(&functions::DATE_UNITS)
}

/// The operators of arithmetic in SQL expressions.
#[must_use]
pub fn sql_arithmetic() -> Vec<String> {
    operators::ARITHMETIC.iter().map(|(operator, _)| operator.to_string()).collect()
}

/// The operators that compare in SQL expressions.
#[must_use]
pub fn sql_comparisons() -> Vec<String> {
    operators::COMPARISONS.iter().map(|(operator, _)| operator.to_string()).collect()
}
