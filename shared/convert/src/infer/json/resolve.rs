//! What is known of the values in one place, to one type that accepts all of them.
//! It does not know documents.

use super::node::{Closed, Count, DEPTH_MAX, KEYS_MAX, Members, Node};
use super::number::Numbers;
use crate::infer::column::Column;
use crate::infer::encoding::{Encoding, text};
use crate::infer::evidence::{ENUM_ROWS_MIN, enumeration, length, uniqueness};
use crate::infer::names::physical_names;
use crate::infer::resolve::{Kind, POINTED_DOUBT, counted, grouped, names_a_date, time};
use crate::infer::strays;
use crate::infer::times::Candidate;

/// Objects with more keys than this are looked at for keys that are data.
const FEW_KEYS: usize = 16;

/// The longest type of a column in the Glue Data Catalog.
const TYPE_BYTES_MAX: usize = 131_072;

const TOO_DEEP: &str = "they are nested too deep for columns";

/// A column, a property of an object, or what the items of a list are.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) physical_name: String,
    pub(super) shape: Shape,
    pub(super) is_required: bool,
    pub(super) comments: Vec<String>,
}

impl Property {
    /// Keeps values as JSON text whose type has so many bytes.
    fn keep_as_text(&mut self, type_bytes: usize) {
        self.shape = Shape::Json { is_list: matches!(self.shape, Shape::List(_)) };
        self.comments.push(format!(
            "kept as JSON text: the name of their type would have {}, and a catalog takes {}",
            counted(type_bytes as u64, "byte"),
            grouped(TYPE_BYTES_MAX as u64)
        ));
    }
}

impl Shape {
    /// Whether whole numbers with a fraction of zeros stand anywhere within.
    pub(super) fn has_integral_fractions(&self) -> bool {
        match self {
            Self::Scalar(kind) => matches!(kind, Kind::Integer { is_pointed: true, .. }),
            Self::Object(properties) => properties.iter().any(|property| property.shape.has_integral_fractions()),
            Self::List(item) => item.shape.has_integral_fractions(),
            Self::Json { .. } => false,
        }
    }
}

/// What values are.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar(Kind),
    Object(Vec<Property>),
    List(Box<Property>),
    /// JSON kept as text; whether all of it are lists.
    Json {
        is_list: bool,
    },
}

/// What is the same for all places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'a> {
    pub(super) candidates: &'a [Candidate],
    pub(super) encoding: Encoding,
    /// Nothing is required, and objects and lists may hold anything.
    pub(super) is_permissive: bool,
}

/// The properties of objects: `depth` is that of their values.
pub(super) fn properties(members: &Members, depth: usize, settings: Settings<'_>) -> Vec<Property> {
    // A key that is no text stands in rejected records only.
    let is_text = |key: &[u8]| match settings.encoding {
        Encoding::Utf8 | Encoding::Utf16 => std::str::from_utf8(key).is_ok(),
        Encoding::Windows1252 | Encoding::Iso8859 => true,
    };
    let list: Vec<_> = members.list.iter().filter(|member| is_text(&member.key)).collect();
    let names: Vec<String> = list.iter().map(|member| text(&member.key, settings.encoding)).collect();
    let physical_names = physical_names(&names);
    let mut properties = Vec::with_capacity(list.len());
    for (index, (member, physical_name)) in list.iter().zip(physical_names).enumerate() {
        let place =
            Place { name: names.get(index).map_or("", String::as_str), of: members.objects, noun: "values", depth };
        let mut property = property(&member.node, place, settings);
        let alike = names.iter().take(index).find(|other| other.eq_ignore_ascii_case(&property.name));
        if let Some(other) = alike {
            property.comments.push(format!("not the key {other:?}: they differ in the case of letters"));
        }
        property.physical_name = physical_name;
        let bytes = type_bytes(&property.shape);
        if depth == 0 && bytes > TYPE_BYTES_MAX {
            property.keep_as_text(bytes);
        }
        properties.push(property);
    }
    properties
}

/// The bytes of a type's name in the catalog: `string`, `struct<a:int,b:array<date>>`.
fn type_bytes(shape: &Shape) -> usize {
    match shape {
        Shape::Scalar(kind) => scalar_type_bytes(kind),
        Shape::Json { .. } => "string".len(),
        Shape::List(item) => "array<>".len() + type_bytes(&item.shape),
        Shape::Object(properties) => {
            let bytes = |property: &Property| property.physical_name.len() + ":,".len() + type_bytes(&property.shape);
            "struct<".len() + properties.iter().map(bytes).sum::<usize>()
        }
    }
}

fn scalar_type_bytes(kind: &Kind) -> usize {
    match kind {
        Kind::Integer { is_long: false, .. } => "int".len(),
        Kind::Decimal { precision, scale } => format!("decimal({precision},{scale})").len(),
        Kind::Text | Kind::Integer { is_long: true, .. } | Kind::Double => "double".len(),
        Kind::Boolean => "boolean".len(),
        Kind::Date(_) => "date".len(),
        Kind::Timestamp(_) => "timestamp".len(),
    }
}

/// Where values stand.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    /// How many objects, or items, there are around or of them.
    of: u64,
    /// What these are values of: `values` of objects, `items` of lists.
    noun: &'static str,
    depth: usize,
}

fn property(node: &Node, place: Place<'_>, settings: Settings<'_>) -> Property {
    let Seen { shape, evidence, doubts } = see(node, place, settings);
    let (values, noun) = (node.values(), place.noun);
    let mut comments = vec![if values == 0 {
        format!("none of {} {noun} is there{}", grouped(place.of), absence(node, place.of))
    } else {
        format!("{} of {} {noun} are {evidence}{}", grouped(values), grouped(place.of), absence(node, place.of))
    }];
    comments.extend(doubts);
    let is_required = values == place.of && values > 0 && !settings.is_permissive;
    Property { name: place.name.to_owned(), physical_name: String::new(), shape, is_required, comments }
}

/// `; null: 2, no such key: 1`
fn absence(node: &Node, of: u64) -> String {
    let missing = of.saturating_sub(node.values() + node.nulls);
    match (node.nulls, missing) {
        (0, 0) => String::new(),
        (nulls, 0) => format!("; null: {}", grouped(nulls)),
        (0, missing) => format!("; no such key: {}", grouped(missing)),
        (nulls, missing) => format!("; null: {}, no such key: {}", grouped(nulls), grouped(missing)),
    }
}

/// A type and why.
struct Seen {
    shape: Shape,
    /// What was seen, without a count in front: `whole numbers, 1 to 30`.
    evidence: String,
    doubts: Vec<String>,
}

impl Seen {
    fn of(shape: Shape, evidence: impl Into<String>) -> Self {
        Self { shape, evidence: evidence.into(), doubts: Vec::new() }
    }

    fn json(evidence: impl Into<String>) -> Self {
        Self::of(Shape::Json { is_list: false }, evidence)
    }
}

fn see(node: &Node, place: Place<'_>, settings: Settings<'_>) -> Seen {
    let kinds = [
        ("text", node.strings),
        ("numbers", node.numbers),
        ("true or false", node.booleans),
        ("objects", node.objects),
        ("lists", node.arrays),
    ];
    let mut there: Vec<_> = kinds.into_iter().filter(|(_, count)| count.values > 0).collect();
    if there.len() > 1 {
        there.sort_by_key(|(_, count)| count.first_line);
        let told = there.iter().map(|(what, count)| {
            let Count { values, first_line } = *count;
            format!("{what} ({}, first on line {})", grouped(values), grouped(first_line))
        });
        return Seen::json(format!("of several kinds, kept as JSON text: {}", told.collect::<Vec<_>>().join(", ")));
    }
    if let Some(texts) = &node.texts {
        return see_texts(texts, node.strings.values, place, settings);
    }
    if let Some(numbers) = &node.written {
        return see_numbers(node, numbers, settings);
    }
    if node.booleans.values > 0 {
        return Seen::of(Shape::Scalar(Kind::Boolean), "true or false");
    }
    if node.objects.values > 0 {
        return see_objects(node, place, settings);
    }
    if node.arrays.values > 0 {
        return see_lists(node, place, settings);
    }
    if settings.is_permissive { Seen::json("nothing") } else { Seen::of(Shape::Scalar(Kind::Text), "nothing") }
}

fn see_texts(texts: &Column, values: u64, place: Place<'_>, settings: Settings<'_>) -> Seen {
    let null_texts: u64 = texts.quoted_null_texts.iter().sum();
    let others = texts.quoted_empty + null_texts;
    let mut doubts = Vec::new();
    let compact = texts.times.alive(settings.candidates).into_iter().find(|candidate| candidate.is_compact);
    if let Some(candidate) = compact
        && names_a_date(place.name)
        && others == 0
    {
        let kind = Kind::Date(candidate.format.clone());
        return Seen::of(Shape::Scalar(kind), "dates of eight digits");
    }
    if texts.values > 0
        && let Some(resolved) = time(texts, settings.candidates)
    {
        doubts.extend(resolved.doubts);
        let evidence = if settings.is_permissive { resolved.evidence } else { resolved.evidence + &resolved.range };
        if resolved.kind != Kind::Text && others == 0 {
            return Seen { shape: Shape::Scalar(resolved.kind), evidence, doubts };
        }
        if resolved.kind != Kind::Text {
            doubts.push(format!(
                "{}, which is no date: JSON has null for it; all others are {}",
                absent(others),
                evidence
            ));
        }
    } else if texts.values > 0 && texts.numbers.are_all() {
        let all = if others > 0 { format!("{}; all others", absent(others)) } else { "all of them".to_owned() };
        let how = if texts.numbers.under(0).is_some() { "" } else { ", in another notation than JSON's" };
        doubts.push(format!("{all} are numbers in quotes{how}"));
    }
    doubts.extend(strays::of_times(texts, settings.candidates, names_a_date(place.name)));
    if values >= ENUM_ROWS_MIN && !settings.is_permissive {
        doubts.extend(enumeration(texts, &std::collections::BTreeSet::new(), settings.encoding));
    }
    let length = length(texts, settings.encoding);
    let unique = uniqueness(&texts.unique, values, others == 0 && values == place.of);
    Seen { shape: Shape::Scalar(Kind::Text), evidence: format!("text of {length}{unique}"), doubts }
}

/// Texts that say that there is nothing.
fn absent(texts: u64) -> String {
    let (are, stand) = if texts == 1 { ("is", "stands") } else { ("are", "stand") };
    format!("{} {are} empty or {stand} for a missing value", grouped(texts))
}

fn see_numbers(node: &Node, numbers: &Numbers, settings: Settings<'_>) -> Seen {
    let (kind, mut evidence) = numbers.kind(settings.is_permissive);
    let mut doubts = Vec::new();
    if let Some(unique) = &node.unique {
        evidence.push_str(&uniqueness(unique, numbers.values, true));
    }
    if matches!(kind, Some(Kind::Integer { is_pointed: true, .. })) {
        doubts.push(POINTED_DOUBT.to_owned());
    } else if numbers.are_whole_with_fractions() {
        doubts.push(
            "all of them are whole: with integralFractions: true on the server they can be an integer".to_owned(),
        );
    }
    match kind {
        Some(kind) => Seen { shape: Shape::Scalar(kind), evidence, doubts },
        None => Seen::json(format!("{evidence}, kept as JSON text")),
    }
}

fn see_objects(node: &Node, place: Place<'_>, settings: Settings<'_>) -> Seen {
    let kept = |why: &str| Seen::json(format!("objects, kept as JSON text: {why}"));
    let Some(members) = &node.members else { return kept(TOO_DEEP) };
    let keys = members.list.len();
    match members.closed {
        Some(Closed::ManyKeys) => {
            return kept(&format!("they have more than {KEYS_MAX} different keys, or the file too many"));
        }
        Some(Closed::LongKey) => return kept("their keys are longer than names"),
        Some(Closed::KeyTwice) => return kept("in one of them a key stands twice"),
        None => {}
    }
    if place.depth >= DEPTH_MAX {
        return kept(TOO_DEEP);
    }
    if keys > FEW_KEYS && members.keys.saturating_mul(4) < members.objects.saturating_mul(keys as u64) {
        return kept(&format!("of {keys} different keys most are missing in most of them"));
    }
    let properties = properties(members, place.depth + 1, settings);
    if properties.is_empty() {
        return kept("they have no keys");
    }
    if settings.is_permissive {
        return kept(&format!("they have {}, others may come", counted(keys as u64, "key")));
    }
    Seen::of(Shape::Object(properties), "objects")
}

fn see_lists(node: &Node, place: Place<'_>, settings: Settings<'_>) -> Seen {
    let kept = |why: &str| Seen::of(Shape::Json { is_list: true }, format!("lists, kept as JSON text: {why}"));
    let Some(items) = &node.items else {
        return kept(if place.depth < DEPTH_MAX { "they have no items" } else { TOO_DEEP });
    };
    let count = items.values() + items.nulls;
    let within = Place { name: "", of: count, noun: "items", depth: place.depth + 1 };
    if settings.is_permissive {
        return kept("items of other kinds may come");
    }
    let item = property(items, within, settings);
    if matches!(item.shape, Shape::Json { .. }) {
        return kept(&format!("of their items, {}", item.comments.join("; ")));
    }
    Seen::of(Shape::List(Box::new(item)), format!("lists, of {} in all", counted(count, "item")))
}
