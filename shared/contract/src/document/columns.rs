//! The columns of a schema object: names, types, rules, derivations and partitions.
//! It does not know how a value is read or a rule judged.

pub(super) mod checks;
mod keys;
pub(crate) mod nested;
pub(crate) mod types;
mod values;

use super::node::{Findings, Node};
use super::{is_catalog_name, quality, same_name};
use crate::{Column, ColumnSource, ColumnType, Format, Key, Policy, UnknownColumns, sql};
use nested::Depth;

const PROPERTY_KEYS: [&str; 33] = [
    "authoritativeDefinitions",
    "businessName",
    "classification",
    "criticalDataElement",
    "customProperties",
    "deprecated",
    "description",
    "encryptedName",
    "enum",
    "examples",
    "id",
    "items",
    "logicalType",
    "logicalTypeOptions",
    "map",
    "name",
    "partitionKeyPosition",
    "partitioned",
    "physicalName",
    "physicalType",
    "primaryKey",
    "primaryKeyPosition",
    "properties",
    "quality",
    "relationships",
    "required",
    "semanticType",
    "synonyms",
    "tags",
    "transformDescription",
    "transformLogic",
    "transformSourceObjects",
    "unique",
];
/// Keys that people look for on the column itself.
const OPTIONS: [&str; 11] = [
    "defaultTimezone",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "timezone",
];
/// The name of a list's items, in the catalog and in Parquet (which Parquet's own specification asks for).
const ITEM_NAME: &str = "element";

/// What a schema object's properties say.
#[derive(Debug)]
pub(super) struct Properties<'a> {
    pub(super) columns: Vec<Column>,
    /// Names of columns and nested fields by their numbers.
    pub(super) paths: Vec<String>,
    /// Indices of the columns that stand in the path.
    pub(super) partitioned: Vec<usize>,
    pub(super) keys: Vec<Key>,
    /// Where the columns stand in the document, by index; what Lakegate adds stands nowhere.
    pub(super) nodes: Vec<Node<'a>>,
    /// Names of columns that are wrong, in lower case.
    broken: Vec<String>,
}

impl Properties<'_> {
    /// Whether a text may speak of a column that is itself wrong: what is said of it says nothing new.
    pub(super) fn names_broken(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.broken.iter().any(|name| text.contains(name))
    }
}

/// Where a column stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// It is one of the table's.
    Table,
    /// It is a property of an object so deep.
    Field(Depth),
    /// It is what the items of an array so deep are.
    Item(Depth),
}

/// The columns of the table. `format` is the landing files', where it is known.
pub(super) fn columns<'a>(
    object: &Node<'a>,
    format: Option<&Format>,
    policy: &Policy,
    findings: &mut Findings,
) -> Option<Properties<'a>> {
    let Some(list) = object.field("properties") else {
        findings.problem(&object.child("properties"), "nothing", "a list of columns");
        return None;
    };
    let items = list.items("a list of columns", findings)?;
    if items.is_empty() {
        list.refuse("at least one column", findings);
    }
    let mut properties = named_columns(items, findings);
    derive(&mut properties, findings);
    let Properties { columns, nodes, partitioned, keys, paths, .. } = &mut properties;
    if !columns.is_empty() && !columns.iter().any(Column::is_in_file) {
        findings.problem(&list.path, "derived columns only", "at least one column that stands in the file");
    }
    *partitioned = keys::partition_columns(nodes, columns, &list.path, findings);
    *keys = keys::keys(nodes, columns, findings);
    if policy.unknown_columns == UnknownColumns::Rescue {
        if matches!(format, Some(Format::Csv(csv)) if !csv.header) {
            let place = Node { path: object.child("customProperties"), ..object.clone() };
            place.note("unknownColumns: a file without a header has no columns that are unknown", findings);
        }
        add_rescued(nodes, columns, findings);
    }
    *paths = nested::number(columns);
    Some(properties)
}

/// The columns that are right by themselves, without what hangs on others.
fn named_columns<'a>(items: Vec<Node<'a>>, findings: &mut Findings) -> Properties<'a> {
    let (mut columns, mut nodes, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (index, node) in items.into_iter().enumerate() {
        let Some(column) = column(&node, Place::Table, findings) else {
            let names = ["name", "physicalName"].map(|key| node.value.get(key)?.as_str());
            let names = names.into_iter().flatten().filter(|name| !name.is_empty());
            broken.extend(names.map(str::to_ascii_lowercase));
            continue;
        };
        if let Some(other) = same_name(&columns, &column) {
            refuse_same_name(&node, index, &column, other, findings);
            broken.extend([&column.name, &column.physical_name].map(|name| name.to_ascii_lowercase()));
            continue;
        }
        columns.push(column);
        nodes.push(node);
    }
    Properties { columns, paths: Vec::new(), partitioned: Vec::new(), keys: Vec::new(), nodes, broken }
}

/// The second of two columns of one name, by its place: the name is that of both.
fn refuse_same_name(node: &Node<'_>, index: usize, column: &Column, other: &Column, findings: &mut Findings) {
    let label = format!("[{}]", column.name);
    let list = node.path.strip_suffix(label.as_str()).unwrap_or(&node.path);
    let (key, name) = match node.field("physicalName") {
        Some(_) if other.name != column.name => ("physicalName", &column.physical_name),
        Some(_) | None => ("name", &column.name),
    };
    let found = format!("{name:?}, a name that {:?} above has", other.name);
    findings.problem(&format!("{list}[{index}].{key}"), found, "a name of its own, in the file and in the table");
}

fn column(node: &Node<'_>, place: Place, findings: &mut Findings) -> Option<Column> {
    node.object("a column (name, logicalType)", findings)?;
    node.refuse_unknown_keys_of("a column", &PROPERTY_KEYS, ("logicalTypeOptions", &OPTIONS), findings);
    note_what_is_not_enforced(node, findings);
    let depth = match place {
        Place::Table => 0,
        Place::Field(depth) | Place::Item(depth) => {
            nested::refuse_table_only_keys(node, findings);
            quality::refuse_on_nested(node, findings);
            depth
        }
    };
    let names = match place {
        Place::Table | Place::Field(_) => names(node, findings),
        Place::Item(_) => Some((ITEM_NAME.to_owned(), ITEM_NAME.to_owned())),
    };
    let column_type = types::column_type(node, depth, findings);
    let is_key = depth == 0 && node.flag("primaryKey", findings);
    let required = node.flag("required", findings) || is_key;
    let description = node.optional_text("description", findings);
    let column_type = column_type?;
    let checks = checks::checks(node, &column_type, findings);
    let (name, physical_name) = names?;
    let source = ColumnSource::File;
    Some(Column { id: 0, name, physical_name, description, column_type, required, checks, source })
}

fn note_what_is_not_enforced(node: &Node<'_>, findings: &mut Findings) {
    if let Some(relationships) = node.field("relationships") {
        relationships.note("not enforced: references to other tables", findings);
    }
    for property in node.lakegate_properties(findings) {
        findings.problem(
            &property.1.path,
            format!("the unknown property {}", property.0),
            "no property of vendor lakegate on a column",
        );
    }
}

/// Whether a value is made of others, and so nothing that can be compared.
pub(super) const fn is_nested(column_type: &ColumnType) -> bool {
    match column_type {
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => true,
        ColumnType::String
        | ColumnType::Integer(_)
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Boolean
        | ColumnType::Date(_)
        | ColumnType::Timestamp(_) => false,
    }
}

/// Adds the column of what the contract does not know.
fn add_rescued(nodes: &[Node<'_>], columns: &mut Vec<Column>, findings: &mut Findings) {
    let name = ColumnSource::RESCUED_NAME;
    for (node, column) in nodes.iter().zip(columns.iter()) {
        if column.name.eq_ignore_ascii_case(name) || column.physical_name == name {
            let expected =
                "another name: unknownColumns: rescue keeps what the contract does not know in a column of this name";
            findings.problem(&node.path, "the name of another column", expected);
        }
    }
    columns.push(Column {
        id: 0,
        name: name.to_owned(),
        physical_name: name.to_owned(),
        description: Some("What the file has and the contract does not know, as JSON.".to_owned()),
        column_type: ColumnType::Json,
        required: false,
        checks: Vec::new(),
        source: ColumnSource::Rescued,
    });
}

/// The name in the file and the name in the table.
fn names(node: &Node<'_>, findings: &mut Findings) -> Option<(String, String)> {
    let name = node.required_text("name", "the column's name as the file has it", findings);
    let physical_name = physical_name(node, name.as_deref(), findings);
    Some((name?, physical_name?))
}

fn physical_name(node: &Node<'_>, name: Option<&str>, findings: &mut Findings) -> Option<String> {
    let (key, physical_name) = match node.optional_text("physicalName", findings) {
        Some(physical_name) => ("physicalName", physical_name),
        None => ("name", name?.to_ascii_lowercase()),
    };
    if is_catalog_name(&physical_name) {
        return Some(physical_name);
    }
    let expected =
        "lower-case letters, digits and _, beginning with a letter (give physicalName where the file has another name)";
    findings.problem(&node.child(key), format!("{physical_name:?}"), expected);
    None
}

/// Parses `transformLogic`. It may read every column of the file, and derived columns above it.
fn derive(properties: &mut Properties<'_>, findings: &mut Findings) {
    let is_derived: Vec<bool> = properties.nodes.iter().map(|node| node.field("transformLogic").is_some()).collect();
    for index in 0..properties.nodes.len() {
        let Properties { columns, nodes, .. } = &*properties;
        let Some(logic) = nodes.get(index).and_then(|node| node.field("transformLogic")) else { continue };
        let Some(text) = logic.text("a SQL expression", findings) else { continue };
        let is_visible = |other: usize| other < index || is_derived.get(other) == Some(&false);
        let visible: Vec<_> = columns.iter().enumerate().filter(|(other, _)| is_visible(*other)).collect();
        let Some(column_type) = columns.get(index).map(|column| &column.column_type) else { continue };
        if is_nested(column_type) {
            findings.problem(&logic.path, "an object or an array that is derived", "a derived column of another type");
            continue;
        }
        match sql::parse(&text, column_type, &visible) {
            Ok(expression) => {
                if let Some(column) = properties.columns.get_mut(index) {
                    column.source = ColumnSource::Derived(expression);
                }
            }
            // An expression over a column that is itself wrong says nothing new.
            Err(_) if properties.names_broken(&text) => {}
            Err(found) => findings.problem(&logic.path, found, format!("an expression over {}", sql::SUPPORTED)),
        }
    }
}
