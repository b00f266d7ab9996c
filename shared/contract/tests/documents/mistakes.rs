//! Where an error is said to stand, and what to write instead.

use lakegate_contract::parse;

use super::{ORDERS, document, problems};

/// The lines and paths of what is wrong with a document.
fn places(document: &str) -> Vec<(Option<u64>, String)> {
    parse(document).unwrap_err().into_iter().map(|problem| (problem.line, problem.path)).collect()
}

#[test]
fn an_error_names_the_line_on_which_it_stands() {
    let line = |text: &str| ORDERS.lines().position(|line| line.contains(text)).map(|line| line as u64 + 1);
    for (from, to, text, path) in [
        ("name: quantity, logicalType: integer", "name: quantity, logicalType: int", "name: quantity", "logicalType"),
        ("transformLogic: quantity * price", "transformLogic: quantity * prize", "name: revenue", "transformLogic"),
        ("name: region, logicalType: string", "name: region, logicaltype: string", "name: region", "logicaltype"),
        ("value: 2.5", "value: 250", "maxRejectPercent", "customProperties[maxRejectPercent].value"),
        // What is missing is missing where the rest of it stands.
        ("{name: region,", "{physicalName: region,", "enum: [{value: EMEA}", "properties[4].name"),
        // Of two columns of one name the second.
        ("name: price,", "name: quantity,", "name: price", "properties[3].name"),
    ] {
        let found = places(&ORDERS.replace(from, to));
        assert!(
            found.iter().any(|(found, at)| *found == line(text) && at.ends_with(path)),
            "{to}: {found:?} on line {:?}",
            line(text)
        );
    }
    assert_eq!(places(&ORDERS.replace("version:", "Version:"))[1], (None, "version".to_owned()));
    assert_eq!(places("id: a\nid: b"), [(Some(2), String::new())]);
    assert_eq!(places("{\n\"id\": }"), [(Some(2), String::new())]);
    let json = "{\"apiVersion\": \"v3.2.0\",\n\"kind\":\n\"Contract\"}";
    assert_eq!(places(json)[0], (Some(3), "kind".to_owned()));
    // A name may hold what separates the others.
    let columns =
        ["{name: a.b, physicalName: a, logicalType: string}", "{name: 'a.b].c', physicalName: b, logicalType: text}"];
    assert_eq!(places(&document("format: csv", &columns, ""))[0].0, Some(15));
}

#[test]
fn a_mistake_that_is_often_made_is_told_by_what_to_write_instead() {
    let of_column = |column: &str| problems(&document("format: csv", &[column], ""));
    for (column, told) in [
        ("{name: a, logicalType: string, enum: [x]}", "enum[0]: found \"x\", expected {value: \"x\"}"),
        (
            "{name: a, logicalType: string, maxLength: 3}",
            "maxLength: found a key in the wrong place, expected it in logicalTypeOptions",
        ),
        (
            "{name: a, logicalType: number, physicalType: 'DECIMAL(3'}",
            "physicalType: found \"DECIMAL(3\", expected DOUBLE or DECIMAL(p,s) with s <= p <= 38 (in quotes, where it stands between { and })",
        ),
    ] {
        assert_eq!(of_column(column), [format!("schema[t].properties[a].{told}")]);
    }
    assert_eq!(
        problems(&ORDERS.replace("property: unknownColumns", "property: unknownColums")),
        [
            "schema[Orders].customProperties[unknownColums]: found the unknown property unknownColums, expected one that there is (did you mean unknownColumns?)"
        ]
    );
    assert_eq!(
        problems(&document("format: csv", &["{name: a, logicalType: string}"], "").replace("1.0.0", "1.0")),
        ["version: found 1.0, expected the contract's version (as text, in quotes)"]
    );
}
