//! How often a dataset's files come, as `slaProperties` promise it.
//! It does not know who looks whether they do.

use super::node::{Findings, Node};
use crate::problem::nearest;

/// Seconds of a unit, under all its names (ODCS writes `d`, `day`, `days`; `y`, `yr`, `years`).
const UNITS: [(&[&str], u64); 6] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hr", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
    (&["w", "week", "weeks"], 604_800),
    (&["y", "yr", "year", "years"], 31_536_000),
];

/// What a property promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// The youngest file is no older.
    Freshness,
    /// The next file comes no later than that after one.
    Frequency,
    /// A file may be that late.
    Latency,
}

/// The properties that are taken, by name and by ODCS's abbreviation.
const PROMISES: [(&str, Promise); 5] = [
    ("freshness", Promise::Freshness),
    ("frequency", Promise::Frequency),
    ("fy", Promise::Frequency),
    ("latency", Promise::Latency),
    ("ly", Promise::Latency),
];

/// Longest time between two files of the dataset, in seconds: `freshness`, else `frequency` and `latency` together; `None` where nothing
/// of it is promised. Other properties are noted as not enforced, unless their names look like these.
pub(super) fn freshness_secs(root: &Node<'_>, findings: &mut Findings) -> Option<u64> {
    let properties = root.field("slaProperties")?;
    let (mut freshness, mut frequency, mut latency) = (None, None::<u64>, None);
    for item in properties.items("a list of properties", findings)? {
        let name = item.value.get("property").and_then(serde_json::Value::as_str).unwrap_or_default();
        let Some((_, promise)) = PROMISES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            match nearest(name, PROMISES.iter().map(|(known, _)| *known).filter(|known| known.len() > 2)) {
                Some(near) => {
                    let expected = format!("one that there is (did you mean {near}?)");
                    findings.problem(&item.path, format!("the unknown property {name}"), expected);
                }
                None => item.note("not enforced: a promise between people", findings),
            }
            continue;
        };
        let Some(secs) = seconds(&item, findings) else { continue };
        if item.value.get("element").and_then(serde_json::Value::as_str).is_some_and(|element| element.contains('.')) {
            item.note("measured by the times at which files are taken in, not by a column", findings);
        }
        match promise {
            Promise::Freshness => freshness = Some(secs),
            Promise::Frequency => frequency = Some(secs),
            Promise::Latency => latency = Some(secs),
        }
    }
    if freshness.or(frequency).is_none() && latency.is_some() {
        properties.note("not enforced: a latency without a frequency does not say when a file is due", findings);
    }
    let secs = freshness.or_else(|| Some(frequency?.saturating_add(latency.unwrap_or_default())))?;
    properties.note(format!("the dataset counts as late when no file was taken in for {}", in_words(secs)), findings);
    Some(secs)
}

/// A property's value by its unit, rounded to seconds; anything else is refused.
fn seconds(item: &Node<'_>, findings: &mut Findings) -> Option<u64> {
    let unit = item.value.get("unit").and_then(serde_json::Value::as_str).unwrap_or_default();
    // Elsewhere an M is a month.
    let is_known = |name: &&str| name.eq_ignore_ascii_case(unit) && unit != "M";
    let Some((_, of_unit)) = UNITS.iter().find(|(names, _)| names.iter().any(is_known)) else {
        let names: Vec<&str> = UNITS.iter().filter_map(|(names, _)| names.first().copied()).collect();
        findings.problem(&item.path, found("unit", item), format!("a unit: {}", names.join(", ")));
        return None;
    };
    let value = item.value.get("value");
    let number = value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
    let secs = number.map(|number| (number * seconds_of(*of_unit)).round()).filter(|secs| (1.0..=1e11).contains(secs));
    let Some(secs) = secs else {
        findings.problem(&item.path, found("value", item), "a number above 0, of a second at least");
        return None;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and between 1 and 1e11")]
    Some(secs as u64)
}

/// What stands under a key of a property, for its error.
fn found(key: &str, item: &Node<'_>) -> String {
    item.value.get(key).map_or_else(|| format!("no {key}"), |value| format!("{key}: {value}"))
}

#[expect(clippy::cast_precision_loss, reason = "a year has fewer seconds than a double has digits")]
fn seconds_of(unit: u64) -> f64 {
    unit as f64
}

/// `26 h`, `1 d`, `90 s`: in the largest unit that it is a whole number of.
fn in_words(secs: u64) -> String {
    let whole = [(86_400, "d"), (3_600, "h"), (60, "min")].into_iter().find(|(unit, _)| secs.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "s"));
    format!("{} {name}", secs / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(properties: &Value) -> (Option<u64>, Vec<String>) {
        let (document, mut findings) = (json!({ "slaProperties": properties }), Findings::default());
        let secs = freshness_secs(&Node::root(&document), &mut findings);
        assert!(findings.problems.is_empty());
        (secs, findings.notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_is_due_after_the_frequency_and_the_latency() {
        let (secs, notes) = read(&json!([
            {"property": "frequency", "value": 1, "unit": "d"},
            {"property": "latency", "value": "2", "unit": "hours", "element": "orders"},
        ]));
        assert_eq!(secs, Some(26 * 3600));
        assert_eq!(notes, ["slaProperties: the dataset counts as late when no file was taken in for 26 h"]);
    }

    #[test]
    fn freshness_says_it_all() {
        let (secs, notes) = read(&json!([
            {"property": "frequency", "value": 1, "unit": "d"},
            {"property": "freshness", "value": 1.5, "unit": "min", "element": "orders.ordered_at"},
        ]));
        assert_eq!(secs, Some(90));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].ends_with("measured by the times at which files are taken in, not by a column"), "{notes:?}");
        assert!(notes[1].ends_with("for 90 s"), "{notes:?}");
    }

    #[test]
    fn promises_between_people_are_noted() {
        for property in [
            json!({"property": "retention", "value": 3, "unit": "y"}),
            json!({"property": "timeOfAvailability", "value": "09:00-08:00"}),
            json!({"property": "latency", "value": 2, "unit": "h"}),
            json!({}),
            json!("frequency"),
        ] {
            let (secs, notes) = read(&json!([property]));
            assert_eq!((secs, notes.len()), (None, 1), "{property}: {notes:?}");
            assert!(notes[0].contains("not enforced"), "{notes:?}");
        }
    }

    #[test]
    fn what_is_meant_to_be_measured_and_cannot_be_is_refused() {
        for property in [
            json!({"property": "frequenzy", "value": 1, "unit": "d"}),
            json!({"property": "frequency", "value": 1, "unit": "fortnight"}),
            json!({"property": "frequency", "value": 1, "unit": "M"}),
            json!({"property": "frequency", "value": "one", "unit": "d"}),
            json!({"property": "frequency", "value": 0, "unit": "d"}),
            json!({"property": "frequency", "value": -1, "unit": "d"}),
            json!({"property": "frequency", "value": 1e300, "unit": "d"}),
            json!({"property": "frequency", "unit": "d"}),
        ] {
            let (document, mut findings) = (json!({ "slaProperties": [property] }), Findings::default());
            assert_eq!(freshness_secs(&Node::root(&document), &mut findings), None);
            assert_eq!((findings.problems.len(), findings.notes.len()), (1, 0), "{property}");
        }
        let (document, mut findings) =
            (json!({ "slaProperties": [{"property": "frequenzy", "value": 1, "unit": "d"}] }), Findings::default());
        let _ = freshness_secs(&Node::root(&document), &mut findings);
        let said = "slaProperties[frequenzy]: found the unknown property frequenzy, expected one that there is (did you mean frequency?)";
        assert_eq!(findings.problems[0].to_string(), said);
    }
}
