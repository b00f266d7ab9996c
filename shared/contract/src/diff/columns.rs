//! Columns and what is nested in them: added, dropped, renamed, of another type, from another source; and the partition columns.
//! It does not know what may be asked of a value; that is in `rules`.

use super::values::{plain, type_text};
use super::{Change, Changes, Class, rules};
use crate::{Column, ColumnSource, ColumnType, Contract, Format, IntegerWidth, TableType, UnknownColumns};

const ADDED: &str = "the table and all its partitions get it at the end; older files have null in it";
const ADDED_REQUIRED: &str = "the table and all its partitions get it at the end, older files have null in it; files or objects without a value are rejected";
const ADDED_JUDGED: &str = "the table and all its partitions get it at the end, older files have null in it; files that had it already, outside the \
     contract, are judged by it now";
const ADDED_DERIVED: &str = "the table and all its partitions get it at the end, older files have null in it; a row for which it has no result, or none \
     that the column takes, is rejected";
const DROPPED: &str = "the table and its partitions keep it: older files are read as before, new ones have null in it";
const DROPPED_REJECTED: &str = "the table and its partitions keep it: older files are read as before, new ones have null in it. Files (in JSON: rows) that \
     still have it are rejected";
const DROPPED_RESCUED: &str = "the table and its partitions keep it: older files are read as before, new ones have null in it and its values in _rescued";
const TAKEN_OVER: &str = "what files have under this name goes to another column of the table: older files have null in the new one, new files \
     in the former one, which the table keeps";
const RENAMED: &str = "files that still have the former name are rejected; the table's column stays";
const RENAMED_LOST: &str = "files that still have the former name are published with null in this column, or those that had the new one already with \
     what was left out; the table's column stays";
const RENAMED_UNSEEN: &str = "the name finds the same values in every file; the table's column stays";
const REORDERED: &str = "the table keeps its order; Parquet is read by names (Redshift's COPY alone goes by position)";
const POSITIONS_CHANGED: &str =
    "files without a header are read by position: the same field goes to another column now";
const POSITIONS_COUNTED: &str =
    "files without a header are read by position: a record of the former number of fields is rejected";
const DESCRIBED: &str = "the catalog's comment changes with the next file";
const OTHER_SOURCE: &str = "older files keep the values of the former source; files that have, or lack, the column fit the other contract only";
const OTHER_LOGIC: &str = "older files keep the results of the former expression until they are judged anew";
const WIDER: &str = "the table and all its partitions take the wider type, in which older files are read";
const WIDER_STORED: &str = "the table and all its partitions take the wider type; Athena, DuckDB and pyarrow read older files in it, Spark 3.5 \
     does not, because their numbers are stored in 32 bits";
const NARROWER: &str = "the table and its partitions keep the wider type, in which older and new files are read; values beyond the narrower \
     one are rejected";
const NARROWER_STORED: &str = "the table and its partitions keep the wider type; Athena, DuckDB and pyarrow read new files in it, Spark 3.5 does not, \
     because their numbers are stored in 32 bits; values beyond the narrower one are rejected";
const INCOMPATIBLE: &str = "older files cannot be read in the new type: Lakegate refuses every new file (IncompatibleTable). Give the column another \
     physicalName, or the contract another table";
const OTHER_TEXT: &str = "both are text in the table: older files keep theirs, new ones are written otherwise (JSON keeps quotes and escapes)";
const OTHER_PATTERN: &str =
    "the same text may be read as another value, or as none; older files keep the values read by the former one";
const OTHER_PARTITIONS: &str = "a table's partition columns cannot be changed: Lakegate refuses every new file (CatalogConflict). Give the contract \
     another table";

/// Two contracts, and how what is in their files finds its column.
struct Scope<'a> {
    old: &'a Contract,
    new: &'a Contract,
    /// By position, under both.
    is_by_position: bool,
}

/// Where columns are.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The path before `properties`, with a point behind it.
    path: &'a str,
    is_nested: bool,
}

pub(super) fn table(old: &Contract, new: &Contract, changes: &mut Changes) {
    let has_no_header = |contract: &Contract| matches!(&contract.landing.format, Format::Csv(csv) if !csv.header);
    let scope = Scope { old, new, is_by_position: has_no_header(old) && has_no_header(new) };
    let place = Place { path: "", is_nested: false };
    scope.columns(place, &old.columns, &new.columns, changes);
    partitions(old, new, changes);
}

fn partitions(old: &Contract, new: &Contract, changes: &mut Changes) {
    let keys = |contract: &Contract| {
        let columns = contract.partition_columns.iter().filter_map(|index| contract.columns.get(*index));
        let keys = columns.map(|column| format!("{} {}", column.physical_name, TableType::of(&column.column_type)));
        keys.collect::<Vec<_>>().join(", ")
    };
    let (old, new) = (keys(old), keys(new));
    if old != new {
        let some = |keys: String| Some(keys).filter(|keys| !keys.is_empty());
        changes.add(Class::Breaking, "properties[].partitioned", (some(old), some(new)), OTHER_PARTITIONS);
    }
}

fn is_partition_column(contract: &Contract, column: &Column) -> bool {
    contract.columns.get(column.id).is_some_and(|other| other.physical_name == column.physical_name)
        && contract.is_partition_column(column.id)
}

/// The column that a name in a file finds: of exactly this name, else the only one of it in another case of letters.
fn named<'c>(columns: &'c [Column], name: &str) -> Option<&'c Column> {
    let in_file = || columns.iter().filter(|column| column.is_in_file());
    if let Some(column) = in_file().find(|column| column.name == name) {
        return Some(column);
    }
    let mut folded = in_file().filter(|column| column.name.to_lowercase() == name.to_lowercase());
    let first = folded.next()?;
    folded.next().is_none().then_some(first)
}

impl Scope<'_> {
    fn columns(&self, place: Place<'_>, old: &[Column], new: &[Column], changes: &mut Changes) {
        let by_position = self.is_by_position && !place.is_nested;
        let mut taken_over: Vec<&str> = Vec::new();
        for column in new {
            let path = format!("{}properties[{}]", place.path, column.name);
            let source = named(old, &column.name).filter(|_| column.is_in_file() && !by_position);
            let source = source.filter(|source| source.physical_name != column.physical_name);
            let former = old.iter().find(|former| former.physical_name == column.physical_name);
            if let Some(source) = source {
                let values = plain(&source.physical_name, &column.physical_name);
                changes.add(Class::Breaking, format!("{path}.physicalName"), values, TAKEN_OVER);
                taken_over.push(&source.physical_name);
            }
            match former {
                Some(former) => self.pair(&path, place, (former, column), source.is_some(), changes),
                None if source.is_some() => {}
                None => self.added(&path, place, column, changes),
            }
        }
        for column in old {
            let is_in = |columns: &[Column]| columns.iter().any(|other| other.physical_name == column.physical_name);
            if !is_in(new) && !taken_over.contains(&column.physical_name.as_str()) {
                self.dropped(place, column, changes);
            }
        }
        order(place, by_position, old, new, changes);
    }

    fn added(&self, path: &str, place: Place<'_>, column: &Column, changes: &mut Changes) {
        let was_left_out = match self.old.policy.unknown_columns {
            UnknownColumns::Reject => false,
            UnknownColumns::Ignore => true,
            UnknownColumns::Rescue => !place.is_nested,
        };
        // A CSV field is a text. In JSON a number is none.
        let is_field = !place.is_nested && matches!(self.new.landing.format, Format::Csv(_));
        let takes_anything = is_field && is_text(&column.column_type) && column.checks.is_empty();
        let (class, effect) = match column.source {
            ColumnSource::Derived(_) => (Class::Stricter, ADDED_DERIVED),
            ColumnSource::File if column.required => (Class::Stricter, ADDED_REQUIRED),
            ColumnSource::File if was_left_out && !takes_anything => (Class::Stricter, ADDED_JUDGED),
            ColumnSource::File | ColumnSource::Rescued => (Class::Neutral, ADDED),
        };
        changes.add(class, path, (None, Some(type_text(column))), effect);
    }

    fn dropped(&self, place: Place<'_>, column: &Column, changes: &mut Changes) {
        let is_unseen = !column.is_in_file() || (self.is_by_position && !place.is_nested);
        let (class, effect) = match self.new.policy.unknown_columns {
            UnknownColumns::Reject if !is_unseen => (Class::Stricter, DROPPED_REJECTED),
            UnknownColumns::Rescue if !is_unseen && place.is_nested => (Class::Stricter, DROPPED_REJECTED),
            UnknownColumns::Rescue if !is_unseen => (Class::Neutral, DROPPED_RESCUED),
            UnknownColumns::Reject | UnknownColumns::Rescue | UnknownColumns::Ignore => (Class::Neutral, DROPPED),
        };
        let path = format!("{}properties[{}]", place.path, column.name);
        changes.add(class, path, (Some(type_text(column)), None), effect);
    }

    /// What differs in a column that both contracts have. `is_told`: that another column's values go there is.
    fn pair(&self, path: &str, place: Place<'_>, (old, new): (&Column, &Column), is_told: bool, changes: &mut Changes) {
        if old.name != new.name && !is_told {
            let (class, effect) = self.renamed(place, old, new);
            changes.add(class, format!("{path}.name"), plain(&old.name, &new.name), effect);
        }
        if old.description != new.description {
            let texts = (old.description.clone(), new.description.clone());
            changes.add(Class::Neutral, format!("{path}.description"), texts, DESCRIBED);
        }
        self.sources(path, old, new, changes);
        self.values(path, place, (old, new), changes);
    }

    fn renamed(&self, place: Place<'_>, old: &Column, new: &Column) -> (Class, &'static str) {
        let is_unseen = !(old.is_in_file() && new.is_in_file())
            || (self.is_by_position && !place.is_nested)
            || old.name.to_lowercase() == new.name.to_lowercase();
        if is_unseen {
            return (Class::Neutral, RENAMED_UNSEEN);
        }
        let rejects = |contract: &Contract| match contract.policy.unknown_columns {
            UnknownColumns::Reject => true,
            UnknownColumns::Rescue => place.is_nested,
            UnknownColumns::Ignore => false,
        };
        let (old_rejects, new_rejects) = (rejects(self.old), rejects(self.new));
        // Files with the former name, files with the new one, and files with both.
        let is_lost =
            (!new_rejects && !new.required) || (!old_rejects && !old.required) || (!old_rejects && !new_rejects);
        if is_lost { (Class::Breaking, RENAMED_LOST) } else { (Class::Stricter, RENAMED) }
    }

    fn sources(&self, path: &str, old: &Column, new: &Column, changes: &mut Changes) {
        let path = format!("{path}.transformLogic");
        let text = |column: &Column, contract: &Contract| match &column.source {
            ColumnSource::File => None,
            ColumnSource::Derived(expression) => Some(rules::sql_text(expression, contract)),
            ColumnSource::Rescued => Some(ColumnSource::RESCUED_NAME.to_owned()),
        };
        let texts = (text(old, self.old), text(new, self.new));
        match (&old.source, &new.source) {
            (ColumnSource::File, ColumnSource::File) | (ColumnSource::Rescued, ColumnSource::Rescued) => {}
            (ColumnSource::Derived(one), ColumnSource::Derived(other)) => {
                if !rules::is_same_sql((one, self.old), (other, self.new)) {
                    changes.add(Class::Breaking, path, texts, OTHER_LOGIC);
                }
            }
            (ColumnSource::File, ColumnSource::Derived(_) | ColumnSource::Rescued)
            | (ColumnSource::Derived(_), ColumnSource::File | ColumnSource::Rescued)
            | (ColumnSource::Rescued, ColumnSource::File | ColumnSource::Derived(_)) => {
                changes.add(Class::Breaking, path, texts, OTHER_SOURCE);
            }
        }
    }

    /// What differs in what values are, and in what is asked of them.
    fn values(&self, path: &str, place: Place<'_>, (old, new): (&Column, &Column), changes: &mut Changes) {
        if let (ColumnType::Struct(old), ColumnType::Struct(new)) = (&old.column_type, &new.column_type) {
            self.columns(Place { path: &format!("{path}."), is_nested: true }, old, new, changes);
        } else if let (ColumnType::List(old), ColumnType::List(new)) = (&old.column_type, &new.column_type) {
            self.values(&format!("{path}.items"), Place { is_nested: true, ..place }, (old, new), changes);
        } else {
            let is_partition = is_partition_column(self.old, old) || is_partition_column(self.new, new);
            changes.list.extend(change_of_type(path, old, new, is_partition));
        }
        rules::required(path, old.required, new.required, changes);
        if is_text(&old.column_type) == is_text(&new.column_type) && common_type(old, new).is_some() {
            rules::checks(path, old, new, changes);
        }
    }
}

const fn is_text(column_type: &ColumnType) -> bool {
    matches!(column_type, ColumnType::String)
}

fn common_type(old: &Column, new: &Column) -> Option<TableType> {
    TableType::of(&old.column_type).common(&TableType::of(&new.column_type), "").ok()
}

/// Whether Parquet files have the numbers as INT32: decimals of up to 9 digits (Parquet's logical types).
const fn is_stored_in_32_bits(table_type: &TableType) -> bool {
    match table_type {
        TableType::Integer(width) => !matches!(width, IntegerWidth::I64),
        TableType::Decimal { precision, .. } => *precision <= 9,
        TableType::String
        | TableType::Double
        | TableType::Boolean
        | TableType::Date
        | TableType::Timestamp
        | TableType::Struct(_)
        | TableType::List(_) => false,
    }
}

/// Columns that are no two objects and no two arrays. That a partition column has another type is told of the partitions.
fn change_of_type(path: &str, old: &Column, new: &Column, is_partition: bool) -> Option<Change> {
    let change = |key: &str, class, effect| Change {
        path: format!("{path}.{key}"),
        old: Some(type_text(old)),
        new: Some(type_text(new)),
        class,
        effect,
    };
    let (old_type, new_type) = (TableType::of(&old.column_type), TableType::of(&new.column_type));
    if old_type != new_type {
        return match common_type(old, new) {
            _ if is_partition => None,
            Some(common) => {
                let is_stored_alike = is_stored_in_32_bits(&old_type) == is_stored_in_32_bits(&new_type);
                let (class, effect) = match (common == new_type, is_stored_alike) {
                    (true, true) => (Class::Looser, WIDER),
                    (true, false) => (Class::Looser, WIDER_STORED),
                    (false, true) => (Class::Stricter, NARROWER),
                    (false, false) => (Class::Stricter, NARROWER_STORED),
                };
                Some(change("physicalType", class, effect))
            }
            None => Some(change("physicalType", Class::Breaking, INCOMPATIBLE)),
        };
    }
    match (&old.column_type, &new.column_type) {
        (ColumnType::Date(one), ColumnType::Date(other))
        | (ColumnType::Timestamp(one), ColumnType::Timestamp(other)) => {
            (one != other).then(|| change("logicalTypeOptions.format", Class::Breaking, OTHER_PATTERN))
        }
        (one, other) if is_text(one) != is_text(other) => Some(change("logicalType", Class::Breaking, OTHER_TEXT)),
        _ => None,
    }
}

/// The order of columns that both contracts have.
fn order(place: Place<'_>, by_position: bool, old: &[Column], new: &[Column], changes: &mut Changes) {
    let path = format!("{}properties", place.path);
    let names = |columns: &[Column], others: &[Column]| {
        let is_common = |column: &Column| others.iter().any(|other| other.physical_name == column.physical_name);
        let is_asked = |column: &&Column| if by_position { column.is_in_file() } else { is_common(column) };
        columns.iter().filter(is_asked).map(|column| column.physical_name.clone()).collect::<Vec<_>>()
    };
    let (old, new) = (names(old, new), names(new, old));
    if old == new {
        return;
    }
    let (class, effect) = match by_position {
        true if old.len() == new.len() => (Class::Breaking, POSITIONS_CHANGED),
        true => (Class::Stricter, POSITIONS_COUNTED),
        false => (Class::Neutral, REORDERED),
    };
    changes.add(class, path, plain(old.join(", "), new.join(", ")), effect);
}
