//! The rules that a row can break, and the values that they compare with.
//! They do not know how a value is read or stored.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;

/// Broken rules, counted: column name (`""` where no column is concerned) → rule name → rows.
pub type Violations = BTreeMap<String, BTreeMap<String, u64>>;

/// A rule, by the name that reports, rejects and alerts use. The names are those of the contract standard where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The record has another number of fields than the header (or, without a header, than the contract).
    Fields,
    /// A quote stands where RFC 4180 allows none, or is never closed.
    Quote,
    /// The record is not valid in the file's encoding.
    Encoding,
    /// The record is longer than `maxRecordBytes`.
    TooLong,
    /// The record is no JSON object, or a key stands twice in it or in an object nested in it.
    Syntax,
    /// A JSON object has a key that the contract does not know, and the contract rejects these. (In CSV the header has names, and the
    /// file is rejected.)
    UnknownColumn,
    /// The value is not one of the column's type.
    Type,
    /// A null in a column that must have a value.
    Required,
    /// The value was already in an accepted row.
    Unique,
    /// The value is not in the list.
    Enum,
    /// The value is below the minimum.
    Minimum,
    /// The value is above the maximum.
    Maximum,
    /// The value is at or below the exclusive minimum.
    ExclusiveMinimum,
    /// The value is at or above the exclusive maximum.
    ExclusiveMaximum,
    /// The value is no multiple of the given one.
    MultipleOf,
    /// The text has fewer characters.
    MinLength,
    /// The text has more characters.
    MaxLength,
    /// The text does not match the regular expression.
    Pattern,
    /// A derived value cannot be computed: it overflows its type, or divides by zero.
    TransformLogic,
    /// The row breaks a rule of its contract's `quality`: an index into [`crate::Contract::row_rules`].
    Quality(u16),
}

impl Rule {
    /// The rules that every contract has; those of `quality` have names of their own.
    pub const BUILT_IN: [Self; 19] = [
        Self::Fields,
        Self::Quote,
        Self::Encoding,
        Self::TooLong,
        Self::Syntax,
        Self::UnknownColumn,
        Self::Type,
        Self::Required,
        Self::Unique,
        Self::Enum,
        Self::Minimum,
        Self::Maximum,
        Self::ExclusiveMinimum,
        Self::ExclusiveMaximum,
        Self::MultipleOf,
        Self::MinLength,
        Self::MaxLength,
        Self::Pattern,
        Self::TransformLogic,
    ];

    /// The rule's name in reports, rejects and alerts; [`crate::Contract::rule_name`] knows those of `quality`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Quote => "quote",
            Self::Encoding => "encoding",
            Self::TooLong => "too_long",
            Self::Syntax => "syntax",
            Self::UnknownColumn => "unknownColumns",
            Self::Type => "type",
            Self::Required => "required",
            Self::Unique => "unique",
            Self::Enum => "enum",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::ExclusiveMinimum => "exclusiveMinimum",
            Self::ExclusiveMaximum => "exclusiveMaximum",
            Self::MultipleOf => "multipleOf",
            Self::MinLength => "minLength",
            Self::MaxLength => "maxLength",
            Self::Pattern => "pattern",
            Self::TransformLogic => "transformLogic",
            Self::Quality(_) => "quality",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value of a column's type, in the unit in which the column is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// An exact number in units of 10^-scale of its column.
    Decimal(i128),
    /// A binary floating point number, never NaN or infinite.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00.
    Timestamp(i64),
}

/// What a contract asks of one value that is not null. Bounds are of the column's own type, so that judging compares and never converts.
#[derive(Debug, Clone)]
pub enum Check {
    /// One of these.
    Enum(Vec<Scalar>),
    /// At least this.
    Minimum(Scalar),
    /// At most this.
    Maximum(Scalar),
    /// More than this.
    ExclusiveMinimum(Scalar),
    /// Less than this.
    ExclusiveMaximum(Scalar),
    /// A multiple of this, which is above zero; integers and decimals only.
    MultipleOf(Scalar),
    /// At least so many Unicode characters.
    MinLength(u64),
    /// At most so many Unicode characters.
    MaxLength(u64),
    /// Somewhere in the text this matches (ECMA-262 does not anchor a pattern, nor do we).
    Pattern(Regex),
}

impl Check {
    /// The rule that a value which fails the check breaks.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Enum(_) => Rule::Enum,
            Self::Minimum(_) => Rule::Minimum,
            Self::Maximum(_) => Rule::Maximum,
            Self::ExclusiveMinimum(_) => Rule::ExclusiveMinimum,
            Self::ExclusiveMaximum(_) => Rule::ExclusiveMaximum,
            Self::MultipleOf(_) => Rule::MultipleOf,
            Self::MinLength(_) => Rule::MinLength,
            Self::MaxLength(_) => Rule::MaxLength,
            Self::Pattern(_) => Rule::Pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn every_rule_but_those_of_quality_is_built_in() {
        for rule in Rule::BUILT_IN {
            // A new rule breaks this match until it stands in the list as well.
            let is_built_in = match rule {
                Rule::Fields
                | Rule::Quote
                | Rule::Encoding
                | Rule::TooLong
                | Rule::Syntax
                | Rule::UnknownColumn
                | Rule::Type
                | Rule::Required
                | Rule::Unique
                | Rule::Enum
                | Rule::Minimum
                | Rule::Maximum
                | Rule::ExclusiveMinimum
                | Rule::ExclusiveMaximum
                | Rule::MultipleOf
                | Rule::MinLength
                | Rule::MaxLength
                | Rule::Pattern
                | Rule::TransformLogic => true,
                Rule::Quality(_) => false,
            };
            assert!(is_built_in, "{rule}");
        }
    }
}
