//! What can be wrong with a JSON record, and how that is told.
//! It does not know where it stands, nor any value.

use lakegate_contract::Rule;

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Cut,
    NoValue,
    NoKey,
    NoColon,
    NoComma,
    OpenString,
    ControlCharacter,
    Escape,
    Number,
    TooDeep,
    TooLong,
    KeyTwice,
    LoneSurrogate,
    NoObject,
    UnknownKey,
    BehindValue,
    BehindArray,
    NoCommaBefore,
    EmptyElement,
}

impl Flaw {
    pub(crate) const fn rule(self) -> Rule {
        match self {
            Self::LoneSurrogate => Rule::Encoding,
            Self::TooLong => Rule::TooLong,
            Self::UnknownKey => Rule::UnknownColumn,
            Self::Cut
            | Self::NoValue
            | Self::NoKey
            | Self::NoColon
            | Self::NoComma
            | Self::OpenString
            | Self::ControlCharacter
            | Self::Escape
            | Self::Number
            | Self::TooDeep
            | Self::KeyTwice
            | Self::NoObject
            | Self::BehindValue
            | Self::BehindArray
            | Self::NoCommaBefore
            | Self::EmptyElement => Rule::Syntax,
        }
    }

    /// For whoever reads the rejects table.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Cut => "the text ends inside the value",
            Self::NoValue => {
                "no JSON value where one must stand: a word, a comment, single quotes, or a comma too many"
            }
            Self::NoKey => "no key in double quotes where one must stand: a comment, or a comma too many",
            Self::NoColon => "no colon behind a key",
            Self::NoComma => "no comma behind a value, or a bracket that is not closed",
            Self::OpenString => "a string is not closed on its line",
            Self::ControlCharacter => "a control character in a string that is not written as an escape",
            Self::Escape => "an escape that JSON does not have",
            Self::Number => "a number that is not written as in JSON",
            Self::TooDeep => "objects and arrays in one another over more than 64 levels",
            Self::TooLong => "longer than maxRecordBytes",
            Self::KeyTwice => "a key stands twice, or two keys name one column",
            Self::LoneSurrogate => "a \\u escape that is half of a surrogate pair, and so no character",
            Self::NoObject => "the record is no object",
            Self::UnknownKey => "keys that the contract does not know",
            Self::BehindValue => "text behind the value on its line",
            Self::BehindArray => "text behind the end of the array",
            Self::NoCommaBefore => "no comma between this value and the one before it",
            Self::EmptyElement => "a comma without a value",
        }
    }
}
