//! A contract document, YAML or JSON, to a [`Contract`], or to everything that is wrong with it.
//! It does not know where documents come from.

pub(crate) mod columns;
pub(crate) mod dialect;
mod digits;
mod freshness;
pub(crate) mod landing;
mod node;
pub(crate) mod policy;
pub(crate) mod quality;
mod source;
mod tree;

use serde_json::Value;

use crate::{Column, Contract, Location, Note, Problem};
use node::{Findings, Node, describe, one_of};

/// A contract that can be enforced, and what of its document is not.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The contract.
    pub contract: Contract,
    /// What is legal but not enforced, or read otherwise than written, by path.
    pub notes: Vec<Note>,
}

const TOP_KEYS: [&str; 23] = [
    "apiVersion",
    "authoritativeDefinitions",
    "context",
    "contractCreatedTs",
    "customProperties",
    "dataProduct",
    "description",
    "domain",
    "id",
    "kind",
    "name",
    "price",
    "roles",
    "schema",
    "servers",
    "slaDefaultElement",
    "slaProperties",
    "status",
    "support",
    "tags",
    "team",
    "tenant",
    "version",
];
const OBJECT_KEYS: [&str; 17] = [
    "authoritativeDefinitions",
    "businessName",
    "context",
    "customProperties",
    "dataGranularityDescription",
    "deprecated",
    "description",
    "id",
    "logicalType",
    "name",
    "physicalName",
    "physicalType",
    "properties",
    "quality",
    "relationships",
    "synonyms",
    "tags",
];
const ACTIVE: &str = "active";
/// As the standard has them.
const STATUSES: [&str; 5] = ["proposed", "draft", ACTIVE, "deprecated", "retired"];
/// Tables that Lakegate itself keeps in the catalog.
const RESERVED_TABLES: [&str; 2] = ["ledger", "rejects"];

/// Reads a contract document (Open Data Contract Standard v3.0 to v3.2, YAML or JSON).
///
/// # Errors
/// Everything that is wrong with the document, in its order: what does not parse, what is missing, unknown keys, and values that
/// cannot be honoured.
pub fn parse(document: &str) -> Result<Checked, Vec<Problem>> {
    let value = parse_value(document).map_err(|problem| vec![problem])?;
    let mut findings = Findings::default();
    let contract = contract(&Node::root(&value), &mut findings);
    place(&mut findings, document, &value);
    match contract {
        Some(contract) if findings.problems.is_empty() => Ok(Checked { contract, notes: findings.notes }),
        Some(_) | None => Err(findings.problems),
    }
}

/// Which objects a document is about, though it may be no contract that can be used; `None` where that cannot be told.
#[must_use]
pub fn location_of(document: &str) -> Option<Location> {
    let value = parse_value(document).ok()?;
    landing::location(&Node::root(&value))
}

/// Adds the lines to what was found.
fn place(findings: &mut Findings, document: &str, value: &Value) {
    if findings.problems.is_empty() && findings.notes.is_empty() {
        return;
    }
    let Some(tree) = tree::read(document) else { return };
    for problem in &mut findings.problems {
        problem.line = tree::line(&problem.path, value, &tree);
    }
    for note in &mut findings.notes {
        note.line = tree::line(&note.path, value, &tree);
    }
}

fn parse_value(document: &str) -> Result<Value, Problem> {
    if document.trim().is_empty() {
        return Err(Problem::new("", "an empty document", "a data contract (YAML or JSON)"));
    }
    // JSON first: its errors are plainer, and a YAML reader takes almost any text for YAML.
    let value = if is_json(document) {
        serde_json::from_str(document).map_err(|error| error.to_string())
    } else {
        // Strict: in YAML 1.1 a country code of `NO` and a column named `on` are booleans.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(document, options).map_err(|error| first_line(&error.to_string()))
    };
    let mut value = value.map_err(|error| Problem {
        line: line_named(&error),
        ..Problem::new("", format!("what does not parse ({error})"), "a data contract (YAML or JSON)")
    })?;
    digits::restore(document, &mut value);
    Ok(value)
}

fn is_json(document: &str) -> bool {
    document.trim_start().starts_with('{')
}

/// The line that a reader's message names: `line 3 column 1: …`, `… at line 3 column 1`.
fn line_named(message: &str) -> Option<u64> {
    let (_, behind) = message.rsplit_once("line ")?;
    behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The YAML reader's message draws the place over several lines; its first line names it.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
    line.trim_end_matches(", set DuplicateKeyPolicy in Options if acceptable").to_owned()
}

fn contract(root: &Node<'_>, findings: &mut Findings) -> Option<Contract> {
    root.object("a data contract (an object with apiVersion, kind, id, …)", findings)?;
    root.refuse_unknown_keys("a contract", &TOP_KEYS, findings);
    check_versions(root, findings);
    note_status(root, findings);
    let freshness_secs = freshness::freshness_secs(root, findings);
    for key in ["roles", "price"] {
        if let Some(node) = root.field(key) {
            node.note("not enforced: a promise between people", findings);
        }
    }
    let id = root.required_text("id", "the contract's id", findings);
    let version = root.required_text("version", "the contract's version", findings);
    let landing = landing::landing(root, findings);
    let source = source::source(root, landing.as_ref(), findings);
    let object = single_schema_object(root, findings);
    let table = object.as_ref().and_then(|object| table(object, findings));
    let policy = object.as_ref().map(|object| policy::policy(object, findings));
    let format = landing.as_ref().map(|landing| &landing.format);
    let properties = object.as_ref().zip(policy.as_ref());
    let properties = properties.and_then(|(object, policy)| columns::columns(object, format, policy, findings))?;
    let rules = quality::rules(object.as_ref()?, &properties, table.as_deref(), findings);
    let columns::Properties { columns, paths, partitioned, keys, .. } = properties;
    Some(Contract {
        id: id?,
        version: version?,
        name: root.optional_text("name", findings),
        description: object?.optional_text("description", findings),
        owner: owner(root),
        table: table?,
        landing: landing?,
        source,
        columns,
        paths,
        partition_columns: partitioned,
        keys,
        row_rules: rules.of_rows,
        file_rules: rules.of_file,
        policy: policy?,
        freshness_secs,
    })
}

fn check_versions(root: &Node<'_>, findings: &mut Findings) {
    if let Some(version) = root.required_text("apiVersion", "v3.2.0", findings)
        && !["v3.0.", "v3.1.", "v3.2."].iter().any(|known| version.starts_with(known))
    {
        findings.problem(&root.child("apiVersion"), format!("{version:?}"), "v3.0.x, v3.1.x or v3.2.x");
    }
    if let Some(kind) = root.required_text("kind", "DataContract", findings)
        && kind != "DataContract"
    {
        findings.problem(&root.child("kind"), format!("{kind:?}"), "DataContract");
    }
}

/// A status is a promise between people: nothing is made of it, and whoever sets one may expect otherwise.
fn note_status(root: &Node<'_>, findings: &mut Findings) {
    let Some(status) = root.field("status") else { return };
    let text = status.value.as_str().unwrap_or_default();
    if text == ACTIVE {
        return;
    }
    if STATUSES.contains(&text) {
        status.note(
            format!("{text}: not enforced, a contract that is deployed is applied whatever its status"),
            findings,
        );
    } else {
        let known = one_of(&STATUSES);
        let found = describe(status.value);
        status.note(
            format!("{found} is no status of the standard ({known}); the contract is applied all the same"),
            findings,
        );
    }
}

fn single_schema_object<'a>(root: &Node<'a>, findings: &mut Findings) -> Option<Node<'a>> {
    let Some(schema) = root.field("schema") else {
        findings.problem(&root.child("schema"), "nothing", "a list with one schema object");
        return None;
    };
    let mut objects = schema.items("a list with one schema object", findings)?;
    if objects.len() != 1 {
        findings.problem(
            &schema.path,
            format!("{} schema objects", objects.len()),
            "one: a contract describes one table",
        );
    }
    let object = objects.drain(..).next()?;
    object.object("a schema object (name, properties)", findings)?;
    object.refuse_unknown_keys("a schema object", &OBJECT_KEYS, findings);
    object.expect_text_in("logicalType", &["object"], findings);
    if let Some(relationships) = object.field("relationships") {
        relationships.note("not enforced: references to other tables", findings);
    }
    Some(object)
}

fn table(object: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let name = object.required_text("name", "the table's name", findings);
    let (key, table) = match object.optional_text("physicalName", findings) {
        Some(physical_name) => ("physicalName", physical_name),
        None => ("name", name?),
    };
    if !is_catalog_name(&table) {
        let expected =
            "a table name of lower-case letters, digits and _ that begins with a letter (as physicalName, if need be)";
        findings.problem(&object.child(key), format!("{table:?}"), expected);
        return None;
    }
    if RESERVED_TABLES.contains(&table.as_str()) {
        findings.problem(&object.child(key), format!("{table:?}"), "another name: Lakegate keeps this table itself");
        return None;
    }
    Some(table)
}

/// Whom to ask about the data. Version 3.0 and 3.1 write a team as a list of its members, 3.2 as an object.
fn owner(root: &Node<'_>) -> Option<String> {
    let team = root.value.get("team");
    let member = |list: &Value| {
        let members = list.as_array()?;
        let is_owner = |member: &&Value| {
            member.get("role").and_then(Value::as_str).is_some_and(|role| role.eq_ignore_ascii_case("owner"))
        };
        let owner = members.iter().find(is_owner).or(members.first())?;
        text_of(owner, &["name", "username"])
    };
    let from_team =
        team.and_then(|team| text_of(team, &["name"]).or_else(|| member(team.get("members").unwrap_or(team))));
    let support = || root.value.get("support")?.get(0).and_then(|support| text_of(support, &["channel", "url"]));
    from_team.or_else(support)
}

fn text_of(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned)
}

/// Glue and Athena fold names to lower case and take few other characters.
fn is_catalog_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A column's names, once both are known to be good.
fn same_name<'c>(columns: &'c [Column], column: &Column) -> Option<&'c Column> {
    columns.iter().find(|other| other.physical_name == column.physical_name || other.name == column.name)
}
