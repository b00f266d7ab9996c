//! An expression over a contract's columns, parsed and typed: a derived column's, or the predicate of a rule.
//! It does not know SQL's text (see [`crate::sql`]) nor how it is evaluated.

use regex::Regex;

use crate::IntegerWidth;

/// An expression over a contract's columns, whose type fits where it stands.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As the contract writes it; of a rule, the predicate.
    pub text: String,
    /// What is computed.
    pub root: Node,
    /// The columns that it reads, also by way of derived columns, as indices into the contract's, ascending, each once. All of a
    /// derived column's stand before it or in the file, so that computing in the contract's order needs no sorting.
    pub inputs: Vec<usize>,
}

/// One step of an expression. Unless it says otherwise, a null in any operand makes the result null.
///
/// A result can also be undefined: a number beyond 128 bits, a division by zero, a cast that fails. An undefined operand makes the
/// result undefined wherever it is used; what [`Node::Case`], [`Node::Coalesce`], [`Node::All`] and [`Node::Any`] leave aside is not.
#[derive(Debug, Clone)]
pub enum Node {
    /// The value of a column, by index into the contract's.
    Column(usize),
    /// A constant.
    Constant(Constant),
    /// The number with its sign turned.
    Negate(Box<Node>),
    /// Arithmetic on two exact numbers, or on two doubles.
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// A comparison of two values of one kind; exact numbers may have different scales.
    Compare(Comparison, Box<Node>, Box<Node>),
    /// Whether the value lies between the two others, ends included.
    Between(Box<[Node; 3]>),
    /// Whether the value equals one of the others: null if it equals none and one of them, or itself, is null.
    In(Box<Node>, Vec<Node>),
    /// Whether the text is one of these, sorted by bytes.
    InTexts(Box<Node>, Vec<String>),
    /// Whether the text passes the test.
    Matches(Box<Node>, TextTest),
    /// Whether the value is null; never null itself.
    IsNull(Box<Node>),
    /// What is not true.
    Not(Box<Node>),
    /// AND: false if one is false, whatever the others are, else null if one is.
    All(Vec<Node>),
    /// OR: true if one is true, whatever the others are, else null if one is.
    Any(Vec<Node>),
    /// The first value that is not null.
    Coalesce(Vec<Node>),
    /// The first value, but null where it equals the second.
    NullIf(Box<Node>, Box<Node>),
    /// The first result whose condition holds.
    Case(Box<Case>),
    /// The value as one of another type.
    Cast(Box<Node>, CastTo),
    /// A number out of a date or a timestamp.
    DatePart(DatePart, Box<Node>),
    /// The first moment of the unit in which a date or a timestamp lies, as one of the same type.
    DateTrunc(DateUnit, Box<Node>),
    /// A number of a number, of the same kind.
    Numeric(NumberFunction, Box<Node>),
    /// The greatest (`true`) or the least of values of one kind.
    Extreme(bool, Vec<Node>),
    /// A text of a text.
    Textual(TextFunction, Box<Node>),
    /// How many characters (Unicode scalar values) a text has.
    Length(Box<Node>),
    /// The characters from a place, counted from 1 or, below zero, from the end; at most so many, if the third is there.
    Substring(Box<Node>, Box<Node>, Option<Box<Node>>),
    /// The first text with the third wherever it has the second.
    Replace(Box<[Node; 3]>),
    /// Whether the first text begins with the second.
    StartsWith(Box<Node>, Box<Node>),
    /// The texts one after another.
    Concat(Vec<Node>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// No value, where one of this kind is expected.
    Null(ValueKind),
    /// True or false.
    Boolean(bool),
    /// An exact number in units of 10^-`scale`.
    Number {
        /// The number's digits.
        value: i128,
        /// How many of them stand behind the point.
        scale: u8,
    },
    /// A floating point number.
    Double(f64),
    /// A text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00.
    Timestamp(i64),
}

/// How values are held while they are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// True or false.
    Boolean,
    /// A whole or decimal number with so many digits behind the point.
    Exact {
        /// 0 to 38.
        scale: u8,
    },
    /// IEEE 754 binary64.
    Double,
    /// UTF-8 text.
    Text,
    /// Days.
    Date,
    /// Microseconds.
    Timestamp,
}

/// Arithmetic on two numbers. Whatever is not finite, or beyond 128 bits, is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/` of two whole numbers, cut towards zero; undefined where the divisor is zero.
    DivideWhole,
    /// `/` of other numbers: exact ones are rounded half away from zero to the larger of the two scales; undefined where the divisor is
    /// zero.
    Divide,
    /// `%`: what a division cut towards zero leaves, with the sign of the dividend; undefined where the divisor is zero.
    Remainder,
}

/// A comparison. Texts are compared by bytes, false is below true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A choice between values of one kind and scale.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is compared with the conditions, if the choice is one by value; the conditions are booleans otherwise.
    pub of: Option<Node>,
    /// Conditions and results.
    pub branches: Vec<(Node, Node)>,
    /// The result where no condition holds.
    pub otherwise: Node,
}

/// What is asked of a text, known when the contract is checked.
#[derive(Debug, Clone)]
pub enum TextTest {
    /// It is this text.
    Equals(String),
    /// It begins with this text.
    StartsWith(String),
    /// It ends with this text.
    EndsWith(String),
    /// It has this text somewhere.
    Contains(String),
    /// This matches somewhere in it.
    Matches(Regex),
}

/// The type that a value is cast to. What does not fit is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastTo {
    /// Whole numbers and decimals in plain notation, dates and timestamps in ISO 8601 (a space before the time), `true` and `false`.
    Text,
    /// From numbers (rounded half away from zero) and from texts, which are read as a column's are.
    Integer(IntegerWidth),
    /// From numbers (rounded half away from zero; a double by its shortest decimal text) and from texts.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// From numbers (the nearest double) and from texts.
    Double,
    /// From texts.
    Boolean,
    /// From timestamps (their day) and from texts written `yyyy-MM-dd`.
    Date,
    /// From dates (their first moment) and from texts in ISO 8601.
    Timestamp,
}

/// A number out of a date or a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// The year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The week of ISO 8601, 1 to 53.
    Week,
    /// The day of the month, 1 to 31.
    Day,
    /// 1 (Monday) to 7 (Sunday), as ISO 8601 counts.
    DayOfWeek,
    /// 1 to 366.
    DayOfYear,
    /// 0 to 23; of timestamps.
    Hour,
    /// 0 to 59; of timestamps.
    Minute,
    /// 0 to 59; of timestamps.
    Second,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateUnit {
    /// From January 1.
    Year,
    /// From January, April, July or October 1.
    Quarter,
    /// From the first day.
    Month,
    /// From Monday.
    Week,
    /// From midnight.
    Day,
    /// Of timestamps.
    Hour,
    /// Of timestamps.
    Minute,
    /// Of timestamps.
    Second,
}

/// A number of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFunction {
    /// Without its sign.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// The largest whole number that is not above it.
    Floor,
    /// The smallest whole number that is not below it.
    Ceiling,
    /// Rounded half away from zero to so many digits behind the point (below zero: before it). Its scale stays; a double is rounded
    /// by its shortest decimal text.
    Round(i8),
    /// Rounded half away from zero to a whole number, of scale 0.
    RoundWhole,
}

/// A text of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFunction {
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// Without white space around it.
    Trim,
    /// Without white space before it.
    TrimStart,
    /// Without white space behind it.
    TrimEnd,
}
