//! The steps of an expression, one by one, over all rows of a batch.
//! It does not know what becomes of the result.

use arrow::array::ArrayRef;
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::error::ArrowError;
use lakegate_contract::{Arithmetic, Case, CastTo, ColumnType, Comparison, Node};

use super::cells::collect;
use super::vector::{Data, Rows, Vector, or, spread};
use super::{casts, logic, mistyped, numbers, texts, unary};

/// A batch's columns.
pub(super) struct Scope<'a> {
    pub(super) arrays: &'a [Option<ArrayRef>],
    pub(super) rows: usize,
}

impl Scope<'_> {
    pub(super) fn node(&self, node: &Node) -> Result<Vector, ArrowError> {
        Ok(match node {
            Node::Column(index) => Vector::of_column(self.array(*index)?),
            Node::Constant(constant) => Vector::constant(constant, self.rows),
            Node::Negate(of) => self.map(of, unary::negate)?,
            Node::Arithmetic(operator, left, right) => {
                self.arithmetic(*operator, &self.node(left)?, &self.node(right)?)?
            }
            Node::Numeric(function, of) => self.map(of, |data| unary::numeric(*function, data))?,
            Node::DatePart(part, of) => self.map(of, |data| unary::date_part(*part, data))?,
            Node::DateTrunc(unit, of) => self.map(of, |data| unary::date_trunc(*unit, data))?,
            Node::Cast(of, to) => self.map(of, |data| casts::cast(data, *to, self.rows))?,
            Node::Compare(..)
            | Node::Between(_)
            | Node::In(..)
            | Node::InTexts(..)
            | Node::Matches(..)
            | Node::StartsWith(..)
            | Node::IsNull(_)
            | Node::Not(_)
            | Node::All(_)
            | Node::Any(_) => self.condition(node)?,
            Node::Coalesce(_) | Node::NullIf(..) | Node::Case(_) | Node::Extreme(..) => self.choice(node)?,
            Node::Textual(..) | Node::Length(_) | Node::Substring(..) | Node::Replace(_) | Node::Concat(_) => {
                self.text(node)?
            }
        })
    }

    fn nodes<'n>(&self, nodes: impl IntoIterator<Item = &'n Node>) -> Result<Vec<Vector>, ArrowError> {
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn array(&self, index: usize) -> Result<&ArrayRef, ArrowError> {
        self.arrays.get(index).and_then(Option::as_ref).ok_or_else(mistyped)
    }

    fn map(
        &self,
        of: &Node,
        compute: impl Fn(&Data) -> Result<(Data, Rows), ArrowError>,
    ) -> Result<Vector, ArrowError> {
        let of = self.node(of)?;
        let (data, failed) = compute(&of.data)?;
        Ok(self.computed(data, &[&of], failed))
    }

    fn computed(&self, data: Data, of: &[&Vector], failed: Rows) -> Vector {
        Vector::computed(data, of, spread(failed, self.rows))
    }

    fn arithmetic(&self, operator: Arithmetic, left: &Vector, right: &Vector) -> Result<Vector, ArrowError> {
        let (data, failed) = match (&left.data, &right.data) {
            (Data::Exact(a, a_scale), Data::Exact(b, b_scale)) => {
                let (numbers, scale, failed) = numbers::exact(operator, (a, *a_scale), (b, *b_scale));
                (Data::Exact(numbers, scale), failed)
            }
            (Data::Double(a), Data::Double(b)) => {
                let (cells, failed) = numbers::doubles(operator, a, b);
                (Data::Double(cells), failed)
            }
            _ => return Err(mistyped()),
        };
        Ok(self.computed(data, &[left, right], failed))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller gives conditions only")]
    fn condition(&self, node: &Node) -> Result<Vector, ArrowError> {
        let rows = self.rows;
        match node {
            Node::Compare(comparison, left, right) => {
                logic::compare(*comparison, &self.node(left)?, &self.node(right)?, rows)
            }
            Node::Between(nodes) => {
                let [of, low, high] = nodes.as_ref();
                let of = self.node(of)?;
                let above = logic::compare(Comparison::GreaterOrEqual, &of, &self.node(low)?, rows)?;
                let below = logic::compare(Comparison::LessOrEqual, &of, &self.node(high)?, rows)?;
                logic::combine(&[above, below], false, rows)
            }
            Node::In(of, list) => {
                let of = self.node(of)?;
                let equal = |value: &Node| logic::compare(Comparison::Equal, &of, &self.node(value)?, rows);
                logic::combine(&list.iter().map(equal).collect::<Result<Vec<_>, _>>()?, true, rows)
            }
            Node::InTexts(of, known) => self.map(of, |data| {
                let Data::Text(texts) = data else { return Err(mistyped()) };
                let is_known = |text: &str| known.binary_search_by(|known| known.as_str().cmp(text)).is_ok();
                Ok((Data::Boolean(texts.test(rows, is_known)), None))
            }),
            Node::Matches(of, test) => self.map(of, |data| {
                let Data::Text(texts) = data else { return Err(mistyped()) };
                Ok((Data::Boolean(texts::test(test, texts, rows)), None))
            }),
            Node::StartsWith(text, start) => {
                let (text, start) = (self.node(text)?, self.node(start)?);
                let (Data::Text(texts), Data::Text(starts)) = (&text.data, &start.data) else {
                    return Err(mistyped());
                };
                let bits = collect(rows, |row| texts.at(row).starts_with(starts.at(row)));
                Ok(self.computed(Data::Boolean(bits), &[&text, &start], None))
            }
            Node::IsNull(of) => Ok(logic::is_null(&self.node(of)?, rows)),
            Node::Not(of) => logic::not(&self.node(of)?),
            Node::All(conditions) => logic::combine(&self.nodes(conditions)?, false, rows),
            Node::Any(conditions) => logic::combine(&self.nodes(conditions)?, true, rows),
            _ => Err(mistyped()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller gives choices only")]
    fn choice(&self, node: &Node) -> Result<Vector, ArrowError> {
        match node {
            Node::Case(case) => self.case(case),
            Node::Coalesce(nodes) => {
                let sources = self.nodes(nodes)?;
                let last = sources.len().saturating_sub(1);
                let is_value = |source: &Vector, row| source.is_undefined(row) || !source.is_null(row);
                let choose = |row| sources.iter().position(|source| is_value(source, row)).unwrap_or(last);
                logic::choose(&(0..self.rows).map(choose).collect::<Vec<_>>(), &sources, None)
            }
            Node::NullIf(of, unless) => {
                let (of, unless) = (self.node(of)?, self.node(unless)?);
                let (is_equal, undefined) =
                    logic::outcome(&logic::compare(Comparison::Equal, &of, &unless, self.rows)?)?;
                let nulls = NullBuffer::union(of.nulls.as_ref(), Some(&NullBuffer::new(!&is_equal)));
                Ok(Vector { data: of.data, nulls, undefined })
            }
            Node::Extreme(greatest, nodes) => logic::extreme(*greatest, self.nodes(nodes)?, self.rows),
            _ => Err(mistyped()),
        }
    }

    /// The first branch whose condition is true is chosen; a condition before it that is undefined makes the result so.
    fn case(&self, case: &Case) -> Result<Vector, ArrowError> {
        let of = case.of.as_ref().map(|of| self.node(of)).transpose()?;
        let otherwise = case.branches.len();
        let mut choice = vec![otherwise; self.rows];
        let mut undefined: Rows = None;
        let mut open = BooleanBuffer::new_set(self.rows);
        let mut sources = Vec::with_capacity(otherwise + 1);
        for (branch, (condition, result)) in case.branches.iter().enumerate() {
            let condition = self.node(condition)?;
            let condition = match &of {
                Some(of) => logic::compare(Comparison::Equal, of, &condition, self.rows)?,
                None => condition,
            };
            let (is_true, is_undefined) = logic::outcome(&condition)?;
            let taken = &is_true & &open;
            for row in taken.set_indices() {
                if let Some(choice) = choice.get_mut(row) {
                    *choice = branch;
                }
            }
            open = &open & &!&taken;
            if let Some(is_undefined) = is_undefined {
                let is_undefined = &is_undefined & &open;
                open = &open & &!&is_undefined;
                undefined = or(undefined, Some(&is_undefined));
            }
            sources.push(self.node(result)?);
        }
        sources.push(self.node(&case.otherwise)?);
        logic::choose(&choice, &sources, undefined)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller gives functions of texts only")]
    fn text(&self, node: &Node) -> Result<Vector, ArrowError> {
        let operands = match node {
            Node::Textual(_, text) | Node::Length(text) => self.nodes([&**text])?,
            Node::Substring(text, start, length) => {
                self.nodes([&**text, &**start].into_iter().chain(length.as_deref()))?
            }
            Node::Replace(texts) => self.nodes(texts.iter())?,
            Node::Concat(texts) => self.nodes(texts)?,
            _ => return Err(mistyped()),
        };
        let text = |index: usize| match operands.get(index).map(|operand| &operand.data) {
            Some(Data::Text(texts)) => Ok(texts),
            _ => Err(mistyped()),
        };
        let numbers = |index: usize| match operands.get(index).map(|operand| &operand.data) {
            Some(Data::Exact(numbers, 0)) => Ok(numbers),
            _ => Err(mistyped()),
        };
        let rows = self.rows;
        let (texts, failed) = match node {
            Node::Length(_) => {
                let data = Data::Exact(texts::length(text(0)?), 0);
                return Ok(self.computed(data, &operands.iter().collect::<Vec<_>>(), None));
            }
            Node::Textual(function, _) => texts::function(*function, text(0)?, rows)?,
            Node::Substring(_, _, length) => {
                let length = length.is_some().then(|| numbers(2)).transpose()?;
                texts::substring(text(0)?, numbers(1)?, length, rows)?
            }
            Node::Replace(_) => texts::replace(text(0)?, text(1)?, text(2)?, rows)?,
            _ => texts::concat(&(0..operands.len()).map(text).collect::<Result<Vec<_>, _>>()?, rows)?,
        };
        Ok(self.computed(Data::Text(texts), &operands.iter().collect::<Vec<_>>(), failed))
    }

    /// The values as the column stores them; undefined where one does not fit.
    pub(super) fn fitted(&self, values: Vector, column_type: &ColumnType) -> Result<Vector, ArrowError> {
        let to = match column_type {
            ColumnType::Integer(width) => CastTo::Integer(*width),
            ColumnType::Decimal { precision, scale } => CastTo::Decimal { precision: *precision, scale: *scale },
            ColumnType::Double => CastTo::Double,
            ColumnType::String | ColumnType::Boolean | ColumnType::Date(_) | ColumnType::Timestamp(_) => {
                return Ok(values);
            }
            ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => return Err(mistyped()),
        };
        let (data, failed) = casts::cast(&values.data, to, self.rows)?;
        Ok(self.computed(data, &[&values], failed))
    }
}
