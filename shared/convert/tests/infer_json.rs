//! Contracts drafted from JSON: what is made of its keys, and what is said where nothing can be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod drafting;

use drafting::{accepted, convert, infer, infer_for, naming};
use lakegate_convert::{InferError, Naming};
use proptest::prelude::*;

#[test]
fn a_json_record_beyond_the_usual_size_is_let_in_by_the_draft() {
    let items: Vec<String> = (0..60_000).map(|number| format!("{{\"id\":{number},\"name\":\"n\"}}")).collect();
    let input = format!("{{\"items\":[{}]}}", items.join(","));
    let draft = infer(input.as_bytes(), usize::MAX).unwrap();
    assert!(draft.yaml.contains("{property: maxRecordBytes, value: 67108864, vendor: lakegate}"), "{}", draft.yaml);
    assert_eq!(infer(input.as_bytes(), 100_000).unwrap(), draft);
    assert_eq!(accepted("large", input.as_bytes()).counts.accepted, 1);
}

#[test]
fn records_that_grow_beyond_the_usual_size_in_utf_8_are_let_in_by_the_draft() {
    let long = vec![0xE9; 600_000];
    for (before, after) in [("id,text\n1,", "\n2,\n"), ("{\"id\":1,\"text\":\"", "\"}\n{\"id\":2}\n")] {
        let input = [before.as_bytes(), &long, after.as_bytes()].concat();
        assert_eq!(accepted("long", &input).counts.accepted, 2);
    }
}

#[test]
fn the_end_of_a_broken_record_is_looked_for_as_far_as_it_was_when_the_draft_was_made() {
    let input = format!("{{\"a\":1}}\n{{\"a\":[\n{}%\n{{\"a\":3}}\n", "{\"a\":1},\n".repeat(120_000));
    let judgement = accepted("broken", input.as_bytes());
    assert!(judgement.counts.rejected > 120_000, "{:?}", judgement.counts);
}

#[test]
fn more_nested_keys_than_are_told_apart_are_kept_as_text() {
    let object = |prefix: &str, value: &str| {
        let members: Vec<String> = (0..60).map(|number| format!("\"{prefix}{number}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let input = object("a", &object("b", &object("c", "1")));
    let draft = infer(input.as_bytes(), usize::MAX).unwrap();
    assert!(draft.yaml.contains("or the file too many"));
    assert_eq!(accepted("many keys", input.as_bytes()).counts.accepted, 1);
}

#[test]
fn cells_that_look_like_arrays_are_no_json() {
    let draft = infer(b"[1],[2]\n[3],[4]\n", usize::MAX).unwrap();
    assert!(draft.yaml.contains("format: csv"), "{}", draft.yaml);
}

#[test]
fn a_permissive_draft_of_json_takes_what_was_not_seen_yet() {
    let naming = Naming { is_permissive: true, ..naming("json") };
    let first = br#"{"id":1,"at":{"x":1},"tags":["a"],"later":null}"#;
    let draft = infer_for(&naming, first, usize::MAX).unwrap();
    let second = br#"{"id":5000000000,"at":{"y":"z"},"tags":[1],"later":{"a":1},"new":[true]} {"tags":null}"#;
    for input in [first.as_slice(), second, b"[{\"id\":null}]", b"{\n\"id\":3\n}"] {
        let judgement = convert(&draft.yaml, input);
        assert_eq!(judgement.counts.rejected, 0, "{:?}\n{}", judgement.first_rejects, draft.yaml);
        assert!(judgement.file_error.is_none(), "{:?}", judgement.file_error);
    }
}

#[test]
fn a_file_that_wraps_its_rows_says_so() {
    let note = "# the file is one object: if its rows are the items of this list, write the list alone, or its items one after another";
    let permissive = Naming { is_permissive: true, ..naming("json") };
    for input in [r#"{"data":[{"a":1},{"a":2}]}"#, "{\"data\": [\n{\"a\":1}\n]}\n", r#"{"data":[]}"#] {
        let message = infer_for(&permissive, input.as_bytes(), 1).unwrap_err().to_string();
        assert!(message.contains("write the list alone"), "{message}");
        assert!(infer(input.as_bytes(), 1).unwrap().yaml.contains(note), "{input}");
        accepted(input, input.as_bytes());
    }
    let with_more = r#"{"count":2,"tags":["x"],"data":[{"a":1},{"a":2}],"next":null}"#;
    for naming in [&permissive, &naming("json")] {
        let draft = infer_for(naming, with_more.as_bytes(), usize::MAX).unwrap();
        assert_eq!(draft.yaml.matches(note).count(), 1, "{}", draft.yaml);
        let behind = draft.yaml.split(note).nth(1).unwrap();
        assert!(behind.trim_start().starts_with("- name: data"), "{}", draft.yaml);
    }
    for rows in [
        r#"{"tags":["a"]}"#,
        r#"{"data":[{"a":1}]} {"data":[]}"#,
        r#"[{"data":[{"a":1}]}]"#,
        r#"{"one":[{"a":1}],"other":[{"a":1}]}"#,
        r#"{"data":[{"a":1}, null]}"#,
    ] {
        let draft = infer_for(&permissive, rows.as_bytes(), usize::MAX).unwrap();
        assert!(!draft.yaml.contains(note), "{}", draft.yaml);
    }
}

#[test]
fn json_in_one_piece_that_is_too_long_for_a_record_says_so() {
    let mut input = r#"{"data":["#.to_owned();
    input.push_str(&r#"{"a":"0123456789"},"#.repeat(65 * 1024 * 1024 / 18));
    input.push_str("{}]}");
    let message = infer(input.as_bytes(), 1 << 20).unwrap_err().to_string();
    assert_eq!(
        message,
        "the file has no JSON object of at most 64 MiB: write its rows as objects one after another, or as one array of them"
    );
}

#[test]
fn a_type_whose_name_is_too_long_for_the_catalog_is_kept_as_text() {
    // 62 objects of 60 properties with names of `bytes` bytes.
    let file = |bytes: usize| {
        let name = |number: usize| format!("{number:03}{}", "n".repeat(bytes - 4));
        let object: Vec<String> = (0..60).map(|number| format!("\"p{}\":1", name(number))).collect();
        let objects: Vec<String> = (0..62).map(|number| format!("\"o{number}\":{{{}}}", object.join(","))).collect();
        format!("{{\"id\":1,\"fits\":{{\"a\":1}},\"wide\":{{{}}}}}", objects.join(","))
    };
    // Every property is `name:int,`; every object has 12 bytes around them at most.
    for (bytes, is_text) in [(30, false), (31, true)] {
        let input = file(bytes);
        let draft = infer(input.as_bytes(), usize::MAX).unwrap();
        assert_eq!(draft.yaml.contains("kept as JSON text: the name of their type would have 1"), is_text, "{bytes}");
        assert_eq!(draft.yaml.contains("and a catalog takes 131,072"), is_text);
        assert!(draft.yaml.contains("- name: a"), "{}", draft.yaml);
        assert_eq!(accepted("wide", input.as_bytes()).counts.accepted, 1);
    }
}

#[test]
fn json_that_shows_no_columns_says_so() {
    let many: Vec<String> = (0..1001).map(|number| format!("\"k{number}\":{number}")).collect();
    let many = format!("{{{}}}", many.join(","));
    for (input, message) in [
        ("[]", "the file has no records"),
        ("[1, 2, 3]", "the file is JSON without a single object that has keys"),
        ("[[\"a\"], [1]]", "the file is JSON without a single object that has keys"),
        ("{}\n{}\n", "the file is JSON without a single object that has keys"),
        (
            &many,
            "its JSON objects have more than 1000 different keys, or longer ones than any name: they seem to be data themselves",
        ),
        ("[{\"a\":1},", "the file ends inside its array: it was cut off"),
    ] {
        for chunk_bytes in [1, usize::MAX] {
            assert_eq!(infer(input.as_bytes(), chunk_bytes).unwrap_err().to_string(), message);
        }
    }
}

#[test]
fn a_key_that_another_encoding_would_have_once_is_counted_as_the_draft_reads_it() {
    let permissive = Naming { is_permissive: true, ..naming("json") };
    // In UTF-8 the last object has a key twice; in Windows-1252, which the others look like, it would have two keys.
    let input = [&b"{\"a\":\"\xE9\"}\n{\"a\":\"\xE8\"}\n"[..], "{\"é\":1,\"\\u00e9\":2}\n".as_bytes()].concat();
    for naming in [permissive, naming("json")] {
        let draft = infer_for(&naming, &input, usize::MAX).unwrap();
        let counts = convert(&draft.yaml, &input).counts;
        assert_eq!((counts.read, counts.rejected), (draft.rows, draft.unreadable_rows), "{}", draft.yaml);
    }
}

/// The text of a JSON value, with all the ways to write one that matter.
fn json_value() -> impl Strategy<Value = String> {
    let leaf = "null|true|false|-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?|\"(|NA|é|\\\\u00e9|[a-z0-9]{1,4}|20[0-9]{2}-0[1-9]-[0-2][1-8](T10:00:00Z)?)\"";
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((json_key(), inner), 0..4).prop_map(|members| json_object(&members)),
        ]
    })
}

fn json_key() -> impl Strategy<Value = String> {
    "[abcA]|é|\\\\u00e9|| "
}

fn json_object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_json_nothing_panics_and_the_draft_reads_what_it_says(
        records in prop::collection::vec(
            prop_oneof![
                8 => prop::collection::vec((json_key(), json_value()), 0..5).prop_map(|members| json_object(&members)),
                1 => json_value(),
                1 => "\\{\"a\":\\[1\\},|\\{\"a\":1,\\}|[\\]x,]",
            ],
            1..12,
        ),
        framing in prop::sample::select(vec![("", "\n", "\n"), ("", "", ""), ("[", ",", "]"), ("[\n  ", ",\n  ", "\n]\n"), ("\u{FEFF}", " \n\n", "")]),
        broken_at in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        chunk_bytes in 1_usize..20,
    ) {
        let mut input = format!("{}{}{}", framing.0, records.join(framing.1), framing.2).into_bytes();
        if let Some(index) = broken_at {
            let at = index.index(input.len());
            input[at] = 0xE9;
        }
        let whole = infer(&input, usize::MAX);
        prop_assert_eq!(infer(&input, chunk_bytes), whole.clone());
        if whole.is_ok() {
            accepted("generated", &input);
            let permissive = Naming { is_permissive: true, ..naming("json") };
            match infer_for(&permissive, &input, usize::MAX) {
                Ok(draft) => {
                    let judgement = convert(&draft.yaml, &input);
                    prop_assert_eq!(judgement.counts.read, draft.rows, "{}", draft.yaml);
                    prop_assert_eq!(judgement.counts.rejected, draft.unreadable_rows, "{}", draft.yaml);
                }
                Err(error) => prop_assert_eq!(error, InferError::Wrapped),
            }
        }
    }
}
