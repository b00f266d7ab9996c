//! Numbers of one step of an expression, one for all rows or one each: read, mapped and paired, without what has no result.
//! It does not know nulls, nor what is computed.

use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

use super::vector::Rows;

/// Exact numbers. Most fit 64 bits, and 64-bit arithmetic is several times faster.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    Narrow(Cells<i64>),
    Wide(Cells<i128>),
}

/// One value for all rows, or one each.
#[derive(Debug, Clone)]
pub(super) enum Cells<T: ArrowNativeType> {
    Same(T),
    Each(ScalarBuffer<T>),
}

impl Numbers {
    pub(super) fn same(value: i128) -> Self {
        i64::try_from(value).map_or(Self::Wide(Cells::Same(value)), |value| Self::Narrow(Cells::Same(value)))
    }

    /// In 64 bits, if all fit.
    pub(super) fn narrowed(self) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "that nothing is lost is what is asked")]
        let narrow = |value: i128| value as i64;
        match self {
            Self::Wide(cells) if cells.as_slice().iter().all(|value| i128::from(narrow(*value)) == *value) => {
                Self::Narrow(cells.map(narrow))
            }
            Self::Wide(_) | Self::Narrow(_) => self,
        }
    }

    pub(super) fn widened(&self) -> Cells<i128> {
        match self {
            Self::Narrow(cells) => cells.map(i128::from),
            Self::Wide(cells) => cells.clone(),
        }
    }

    /// Computes each number; those without result are told.
    pub(super) fn try_map(&self, compute: impl Fn(i128) -> Option<i128>) -> (Self, Rows) {
        if let Self::Narrow(cells) = self {
            let (narrow, failed) = cells.try_map(|value| i64::try_from(compute(i128::from(value))?).ok());
            if failed.is_none() {
                return (Self::Narrow(narrow), None);
            }
        }
        let (wide, failed) = self.widened().try_map(compute);
        (Self::Wide(wide), failed)
    }

    /// Computes pairs of numbers, in 64 bits if all fit; those without result are told.
    pub(super) fn try_zip(
        &self,
        other: &Self,
        narrow: impl Fn(i64, i64) -> Option<i64>,
        wide: impl Fn(i128, i128) -> Option<i128>,
    ) -> (Self, Rows) {
        if let (Self::Narrow(left), Self::Narrow(right)) = (self, other) {
            let (cells, failed) = left.try_zip(right, narrow);
            if failed.is_none() {
                return (Self::Narrow(cells), None);
            }
        }
        let (cells, failed) = self.widened().try_zip(&other.widened(), wide);
        (Self::Wide(cells), failed)
    }
}

impl<T: ArrowNativeType> Cells<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::Same(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    #[inline]
    pub(super) fn at(&self, row: usize) -> T {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(row).copied().unwrap_or_default(),
        }
    }

    pub(super) fn map<R: ArrowNativeType>(&self, compute: impl Fn(T) -> R) -> Cells<R> {
        match self {
            Self::Same(value) => Cells::Same(compute(*value)),
            Self::Each(values) => Cells::Each(values.iter().map(|value| compute(*value)).collect()),
        }
    }

    pub(super) fn try_map<R: ArrowNativeType>(&self, compute: impl Fn(T) -> Option<R>) -> (Cells<R>, Rows) {
        self.try_zip(&Cells::Same(T::default()), |value, _| compute(value))
    }

    /// Computes pair by pair; a pair without result is told, and has some value.
    #[inline]
    pub(super) fn try_zip<B: ArrowNativeType, R: ArrowNativeType>(
        &self,
        other: &Cells<B>,
        compute: impl Fn(T, B) -> Option<R>,
    ) -> (Cells<R>, Rows) {
        let mut has_failed = false;
        let mut some = |result: Option<R>| {
            has_failed |= result.is_none();
            result.unwrap_or_default()
        };
        let cells = match (self, other) {
            (Self::Same(a), Cells::Same(b)) => Cells::Same(some(compute(*a, *b))),
            (Self::Each(a), Cells::Same(b)) => Cells::Each(a.iter().map(|a| some(compute(*a, *b))).collect()),
            (Self::Same(a), Cells::Each(b)) => Cells::Each(b.iter().map(|b| some(compute(*a, *b))).collect()),
            (Self::Each(a), Cells::Each(b)) => {
                Cells::Each(a.iter().zip(b.iter()).map(|(a, b)| some(compute(*a, *b))).collect())
            }
        };
        // Which pairs have no result is asked only where there are some.
        let rows = self.as_slice().len().max(other.as_slice().len());
        let failed = has_failed.then(|| collect(rows, |row| compute(self.at(row), other.at(row)).is_none()));
        (cells, failed)
    }

    /// Which pairs pass.
    #[inline]
    pub(super) fn test_zip(&self, other: &Self, rows: usize, test: impl Fn(T, T) -> bool) -> BooleanBuffer {
        match (self, other) {
            (Self::Each(a), Self::Same(b)) => collect(rows, |row| a.get(row).is_some_and(|a| test(*a, *b))),
            (Self::Each(a), Self::Each(b)) => {
                collect(rows, |row| a.get(row).zip(b.get(row)).is_some_and(|(a, b)| test(*a, *b)))
            }
            (Self::Same(_), _) => collect(rows, |row| test(self.at(row), other.at(row))),
        }
    }

    /// One value per row, to be kept in an array.
    pub(super) fn into_values(self, rows: usize) -> ScalarBuffer<T> {
        match self {
            Self::Same(value) => std::iter::repeat_n(value, rows).collect(),
            Self::Each(values) => values,
        }
    }
}

#[inline]
pub(super) fn collect(rows: usize, test: impl Fn(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(rows, test)
}
