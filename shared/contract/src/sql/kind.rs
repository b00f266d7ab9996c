//! What the values of an expression are, and which of them go together.
//! It does not know SQL's text.

use super::MAX_DIGITS;
use crate::{CastTo, ColumnType, Constant, Node, ValueKind};

/// Of an expression so much is told.
const PLACE_CHARS_MAX: usize = 80;

/// What a node's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `NULL`, which fits wherever a value of any kind may stand.
    Null,
    Boolean,
    /// A whole number: its division is cut.
    Integer,
    /// A number with a fixed point: its division is rounded.
    Decimal {
        scale: u8,
    },
    Double,
    Text,
    Date,
    Timestamp,
    /// A nested value or JSON, which can be asked for null only.
    Nested,
}

/// A node and what its value is.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) kind: Kind,
}

impl Typed {
    pub(super) fn new(node: Node, kind: Kind) -> Self {
        Self { node, kind }
    }

    pub(super) fn boolean(node: Node) -> Self {
        Self { node, kind: Kind::Boolean }
    }

    /// The value as one of `kind`, which [`Kind::common`] has given.
    pub(super) fn into_kind(self, kind: Kind) -> Node {
        if self.kind == kind {
            return self.node;
        }
        let to = match kind {
            Kind::Decimal { scale } => CastTo::Decimal { precision: MAX_DIGITS, scale },
            Kind::Double => CastTo::Double,
            Kind::Timestamp => CastTo::Timestamp,
            Kind::Integer | Kind::Boolean | Kind::Text | Kind::Date | Kind::Nested | Kind::Null => {
                return self.or_null(kind);
            }
        };
        if self.kind == Kind::Null { self.or_null(kind) } else { Node::Cast(Box::new(self.node), to) }
    }

    fn or_null(self, kind: Kind) -> Node {
        match (self.kind, kind.held_as()) {
            (Kind::Null, Some(held_as)) => Node::Constant(Constant::Null(held_as)),
            _ => self.node,
        }
    }

    /// The value for a comparison in `kind`: exact numbers keep their scales, because they are compared exactly.
    pub(super) fn into_compared(self, kind: Kind) -> Node {
        if self.kind.is_exact() && kind.is_exact() { self.node } else { self.into_kind(kind) }
    }
}

impl Kind {
    pub(super) fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::String => Self::Text,
            ColumnType::Integer(_) => Self::Integer,
            ColumnType::Decimal { scale, .. } => Self::Decimal { scale: *scale },
            ColumnType::Double => Self::Double,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Date(_) => Self::Date,
            ColumnType::Timestamp(_) => Self::Timestamp,
            ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => Self::Nested,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Text => "text",
            Self::Integer | Self::Decimal { .. } => "an exact number",
            Self::Double => "a double",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Nested => "a nested value",
        }
    }

    pub(super) const fn is_exact(self) -> bool {
        self.scale().is_some()
    }

    pub(super) const fn is_number(self) -> bool {
        self.is_exact() || matches!(self, Self::Double)
    }

    /// Digits behind the point of an exact number.
    pub(super) const fn scale(self) -> Option<u8> {
        match self {
            Self::Integer => Some(0),
            Self::Decimal { scale } => Some(scale),
            Self::Null | Self::Boolean | Self::Double | Self::Text | Self::Date | Self::Timestamp | Self::Nested => {
                None
            }
        }
    }

    const fn held_as(self) -> Option<ValueKind> {
        Some(match self {
            Self::Boolean => ValueKind::Boolean,
            Self::Integer => ValueKind::Exact { scale: 0 },
            Self::Decimal { scale } => ValueKind::Exact { scale },
            Self::Double => ValueKind::Double,
            Self::Text => ValueKind::Text,
            Self::Date => ValueKind::Date,
            Self::Timestamp => ValueKind::Timestamp,
            Self::Null | Self::Nested => return None,
        })
    }

    /// Whether a value of this kind may stand in a column of kind `column`. Exact numbers are rounded (half away from zero) to
    /// the column's scale, and may become doubles; doubles never become exact without a cast.
    pub(super) fn fits(self, column: Self) -> bool {
        if self.is_exact() { column.is_number() } else { self == column && self != Self::Nested }
    }

    /// The kind that values of both kinds can be had in without loss (but for exact numbers beside doubles, which become doubles).
    pub(super) fn common(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Nested, _) | (_, Self::Nested) => return None,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (a, b) if a == b => a,
            (a, b) => match (a.scale(), b.scale()) {
                (Some(a), Some(b)) => Self::Decimal { scale: a.max(b) },
                _ if a.is_number() && b.is_number() => Self::Double,
                _ if a.is_moment() && b.is_moment() => Self::Timestamp,
                _ => return None,
            },
        })
    }

    pub(super) const fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }

    /// Whether the standard's CAST from this kind has one exact meaning, or one stated here.
    pub(super) fn casts_to(self, to: CastTo) -> bool {
        match to {
            CastTo::Text => !matches!(self, Self::Double | Self::Nested),
            CastTo::Integer(_) | CastTo::Decimal { .. } | CastTo::Double => {
                self.is_number() || matches!(self, Self::Text | Self::Null)
            }
            CastTo::Boolean => matches!(self, Self::Text | Self::Boolean | Self::Null),
            CastTo::Date | CastTo::Timestamp => self.is_moment() || matches!(self, Self::Text | Self::Null),
        }
    }

    pub(super) const fn cast_to(to: CastTo) -> Self {
        match to {
            CastTo::Text => Self::Text,
            CastTo::Integer(_) => Self::Integer,
            CastTo::Decimal { scale, .. } => Self::Decimal { scale },
            CastTo::Double => Self::Double,
            CastTo::Boolean => Self::Boolean,
            CastTo::Date => Self::Date,
            CastTo::Timestamp => Self::Timestamp,
        }
    }
}

/// The kind that all values have in common; `Err` names two that have none, and `place`, the expression in which they stand.
pub(super) fn common<'t>(
    values: impl IntoIterator<Item = &'t Typed>,
    place: impl FnOnce() -> String,
) -> Result<Kind, String> {
    let mut kind = Kind::Null;
    for value in values {
        let Some(next) = kind.common(value.kind) else {
            return Err(format!("{}: `{}`", unlike(kind, value.kind), shortened(place())));
        };
        kind = next;
    }
    Ok(kind)
}

fn shortened(place: String) -> String {
    match place.char_indices().nth(PLACE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", place.get(..end).unwrap_or_default()),
        None => place,
    }
}

fn unlike(one: Kind, other: Kind) -> String {
    let literal = match (one, other) {
        (Kind::Date, Kind::Text) | (Kind::Text, Kind::Date) => " (a date is written DATE '2025-01-31')",
        (Kind::Timestamp, Kind::Text) | (Kind::Text, Kind::Timestamp) => {
            " (a timestamp is written TIMESTAMP '2025-01-31 10:00:00')"
        }
        _ => "",
    };
    format!("{} beside {}{literal}", one.name(), other.name())
}
