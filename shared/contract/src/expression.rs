//! A derived column's expression, parsed and typed.
//! It does not know SQL's text (see [`crate::sql`]) nor how it is evaluated.

/// An expression over a contract's other columns, whose type fits its column.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// As the contract writes it.
    pub text: String,
    /// What is computed.
    pub root: Node,
    /// The columns that it reads, also by way of other derived columns, as indices into the contract's, ascending, each once. All
    /// stand before the derived column or in the file, so that computing in the contract's order needs no sorting.
    pub inputs: Vec<usize>,
}

/// One step of an expression. A null in any operand makes the result null.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// The value of a column, by index into the contract's.
    Column(usize),
    /// A text.
    Text(String),
    /// An exact number in units of 10^-`scale`.
    Number {
        /// The number's digits.
        value: i128,
        /// How many of them stand behind the point.
        scale: u8,
    },
    /// The number with its sign turned.
    Negate(Box<Node>),
    /// Arithmetic: exact on integers and decimals, in binary64 as soon as one side is a double.
    Binary {
        /// What is computed.
        operator: BinaryOperator,
        /// The left operand.
        left: Box<Node>,
        /// The right operand.
        right: Box<Node>,
    },
    /// A number out of a date or a timestamp.
    DatePart {
        /// Which number.
        part: DatePart,
        /// The date or timestamp.
        of: Box<Node>,
    },
    /// The text in lower case.
    Lower(Box<Node>),
    /// The text in upper case.
    Upper(Box<Node>),
    /// The texts one after another.
    Concat(Vec<Node>),
}

/// Arithmetic on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
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
    /// The day of the month, 1 to 31.
    Day,
}
