use lakegate_contract::JsonFraming;
use proptest::prelude::*;
use serde_json::Value;

use super::tests::read;

fn json_string() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-c\"\\\\/\u{8}\n\r\t\u{1f}é€😀 {}\\[\\],:]{0,12}").unwrap()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15_f64).prop_map(Value::from),
        json_string().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(json_string(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Objects with some of the contract's columns, and keys that it does not know.
fn json_object() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(prop_oneof!["a", "b", "n", "[x-z]{1,3}"], json_value(), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

#[derive(Debug, Clone, Copy)]
enum Layout {
    Lines,
    Joined,
    Pretty,
    Array,
    PrettyArray,
    ArrayOfLines,
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout::Lines),
        Just(Layout::Joined),
        Just(Layout::Pretty),
        Just(Layout::Array),
        Just(Layout::PrettyArray),
        Just(Layout::ArrayOfLines),
    ]
}

/// The file, and where each record stands in it.
fn write(objects: &[Value], layout: Layout) -> (String, Vec<std::ops::Range<usize>>) {
    let (before, between, after) = match layout {
        Layout::Lines | Layout::Pretty => ("", "\n", "\n"),
        Layout::Joined => ("", "", ""),
        Layout::Array => ("[", ",", "]"),
        Layout::PrettyArray => ("[\n  ", ",\n  ", "\n]\n"),
        Layout::ArrayOfLines => ("[", ", \n ", "]"),
    };
    let (mut text, mut places) = (before.to_owned(), Vec::new());
    for object in objects {
        let written = match layout {
            Layout::Pretty => serde_json::to_string_pretty(object).unwrap(),
            Layout::PrettyArray => serde_json::to_string_pretty(object).unwrap().replace('\n', "\n  "),
            Layout::Lines | Layout::Joined | Layout::Array | Layout::ArrayOfLines => object.to_string(),
        };
        if !places.is_empty() {
            text.push_str(between);
        }
        places.push(text.len()..text.len() + written.len());
        text.push_str(&written);
    }
    text.push_str(after);
    (text, places)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back(
        objects in proptest::collection::vec(json_object(), 0..8), layout in layout(), chunk_bytes in 1_usize..40,
    ) {
        let (text, places) = write(&objects, layout);
        let outcome = read(JsonFraming::ByContent, 100_000, text.as_bytes(), chunk_bytes);
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.seen.len(), objects.len());
        for ((seen, object), place) in outcome.seen.iter().zip(&objects).zip(places) {
            prop_assert_eq!(&seen.raw, &text[place.clone()]);
            prop_assert_eq!(seen.offset, place.start as u64);
            prop_assert_eq!(seen.line, text[..place.start].matches('\n').count() as u64 + 1);
            let values = seen.values.clone().unwrap();
            for (column, value) in ["a", "b", "n"].iter().zip(values) {
                // Both through serde_json, which does not read every double exactly.
                let value: Value = serde_json::from_str(&value).unwrap();
                let written = object.get(column).unwrap_or(&Value::Null).to_string();
                prop_assert_eq!(value, serde_json::from_str::<Value>(&written).unwrap());
            }
        }
    }

    #[test]
    fn the_scanner_and_serde_json_agree_on_what_is_json(text in "[{}\\[\\],:\"a\\\\u0d8 1.eE+\\-\ntrufalsn]{0,14}") {
        let input = format!("{{\"a\":{text}}}");
        let seen = read(JsonFraming::Lines, 1000, input.as_bytes(), usize::MAX).seen;
        let is_json = serde_json::from_str::<Value>(&input).is_ok();
        // A number beyond a double's range is JSON, and serde_json cannot keep it. Keys that stand twice it lets pass.
        let is_beyond = serde_json::from_str::<Value>(&input).is_err_and(|error| error.to_string().contains("out of range"));
        let is_one = seen.len() == 1 && seen[0].values.is_ok();
        let stands_twice = is_json && !is_one && input.matches(':').count() > 1;
        prop_assert!(is_one == is_json || is_beyond || stands_twice || input.contains('\n'), "{}", input);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_and_their_cut_changes_nothing(
        parts in proptest::collection::vec(
            prop_oneof!["\\{\"a\":", "\\{", "\\}", "\\[", "\\]", ",", "\"", "1", "\n", " ", "x", ":", "\\\\", "\\{\"a\":1\\}", "\n  \\{"], 0..40),
        max_record_bytes in 4_usize..60, chunk_bytes in 1_usize..9,
    ) {
        let input = parts.concat();
        for framing in [JsonFraming::ByContent, JsonFraming::Lines, JsonFraming::Array] {
            let whole = read(framing, max_record_bytes, input.as_bytes(), usize::MAX);
            prop_assert_eq!(&read(framing, max_record_bytes, input.as_bytes(), chunk_bytes), &whole);
            // Records stand in the file as told, in order, and do not overlap.
            let mut end = 0;
            for seen in &whole.seen {
                let start = usize::try_from(seen.offset).unwrap();
                prop_assert!(start >= end, "{:?}", whole.seen);
                end = start + seen.raw.len();
                prop_assert_eq!(&input[start..end], &seen.raw);
                prop_assert_eq!(seen.line, input[..start].matches('\n').count() as u64 + 1);
            }
        }
    }

    #[test]
    fn a_wrong_byte_costs_its_record_and_at_most_a_neighbour(
        layout in prop_oneof![Just(Layout::Lines), Just(Layout::Pretty), Just(Layout::PrettyArray), Just(Layout::ArrayOfLines)],
        values in proptest::collection::vec("[a-c }\\[\\],:]{0,8}", 12), place in 0.0..1.0_f64, kind in 0..3, byte in "[\\[\\]}\":,x\n\\\\0]",
    ) {
        let object = |(row, text): (usize, &String)| serde_json::json!({"a": row, "b": text, "n": {"x": [1, {"y": text}]}});
        let objects: Vec<Value> = values.iter().enumerate().map(object).collect();
        let (text, places) = write(&objects, layout);
        // A byte inside the sixth record. No opening brace, neither here nor in the texts: at the right place it is a record that begins.
        let record = &places[5];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place of few")]
        let at = record.start + 1 + ((record.len() - 1) as f64 * place) as usize;
        let mut mutated = text.clone();
        mutated.replace_range(at..if kind == 0 { at } else { at + 1 }, if kind == 1 { "" } else { &byte });
        let outcome = read(JsonFraming::ByContent, 100_000, mutated.as_bytes(), 64);
        prop_assert_eq!(outcome.error, None);
        let good: Vec<String> = outcome.seen.iter().filter_map(|seen| Some(seen.values.as_ref().ok()?[0].clone())).collect();
        for row in (0..12).filter(|row| !(4..=6).contains(row)) {
            prop_assert!(good.contains(&row.to_string()), "{}, {:#?} of {}", row, outcome, mutated);
        }
        prop_assert!(good.len() >= 10, "{:#?} of {}", outcome, mutated);
    }
}
