//! The server named `source`: an API that files are fetched from.

use lakegate_contract::{ApiLimits, ApiSource, JsonPointer, MarkType, Pagination, SecretPlace, SecretUse, parse};

const LANDING: &str = "{server: landing, type: s3, location: 's3://*/orders/**/*.json', format: json}";

fn document(landing: &str, location: &str, properties: &[&str]) -> String {
    let property = |property: &&str| {
        let (name, value) = property.split_once(": ").unwrap();
        format!("      - {{property: {name}, vendor: lakegate, value: {value}}}\n")
    };
    let properties: String = properties.iter().map(property).collect();
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nservers:\n  - {landing}\n  - server: source\n    type: api\n    location: {location}\n    customProperties:\n{properties}schema:\n  - {{name: orders, properties: [{{name: id, logicalType: string}}]}}\n"
    )
}

fn source(properties: &[&str]) -> ApiSource {
    let properties = [&["prefix: orders/api/"], properties].concat();
    let checked = parse(&document(LANDING, "https://api.example.com/v1/orders", &properties)).unwrap();
    assert!(checked.notes.is_empty(), "{:?}", checked.notes);
    checked.contract.source.unwrap()
}

fn told(document: &str) -> Vec<String> {
    parse(document).unwrap_err().iter().map(ToString::to_string).collect()
}

fn told_of(property: &str) -> String {
    let document = document(LANDING, "https://api.example.com/v1/orders", &["prefix: orders/api/", property]);
    told(&document).join("; ")
}

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).unwrap()
}

#[test]
fn a_source_needs_an_address_and_a_prefix_and_the_rest_has_defaults() {
    let source = source(&[]);
    assert_eq!(source.url, "https://api.example.com/v1/orders");
    assert_eq!((source.prefix.as_str(), source.suffix), ("orders/api/", ".json"));
    assert_eq!(source.records, JsonPointer::default());
    assert_eq!((source.pagination, source.incremental, source.secret), (Pagination::None, None, None));
    assert_eq!(source.limits, ApiLimits::default());
}

#[test]
fn every_part_of_a_source_is_read() {
    let source = source(&[
        "records: /data/items",
        "parameters: {sort: updated_at, limit: 500, all: true}",
        "headers: {X-Tenant: shop}",
        "pagination: {type: cursor, parameter: cursor, next: /meta/next}",
        "incremental: {field: /updated_at, type: timestamp, parameter: since, initial: '2025-01-01T00:00:00Z'}",
        "secret: {name: lakegate/shop, key: token, header: Authorization, before: 'Bearer '}",
        "requestsPerMinute: 30",
        "retries: 2",
        "timeoutSeconds: 10",
        "maxSeconds: 60",
        "maxBytes: 1000000",
        "maxPages: 50",
    ]);
    let owned = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(source.records, pointer("/data/items"));
    assert_eq!(source.parameters, [owned("all", "true"), owned("limit", "500"), owned("sort", "updated_at")]);
    assert_eq!(source.headers, [owned("X-Tenant", "shop")]);
    let next = pointer("/meta/next");
    assert_eq!(source.pagination, Pagination::Cursor { parameter: "cursor".to_owned(), next });
    let incremental = source.incremental.unwrap();
    assert_eq!((incremental.field, incremental.mark), (pointer("/updated_at"), MarkType::Timestamp));
    assert_eq!(incremental.parameter, "since");
    assert_eq!(incremental.initial.as_deref(), Some("2025-01-01T00:00:00Z"));
    let place = SecretPlace::Header("Authorization".to_owned());
    let (name, key, before) = ("lakegate/shop".to_owned(), Some("token".to_owned()), "Bearer ".to_owned());
    assert_eq!(source.secret, Some(SecretUse { name, key, place, before }));
    let (requests_per_minute, retries, timeout_secs, max_secs, max_bytes, max_pages) = (30, 2, 10, 60, 1_000_000, 50);
    let limits = ApiLimits { requests_per_minute, retries, timeout_secs, max_secs, max_bytes, max_pages };
    assert_eq!(source.limits, limits);
}

#[test]
fn every_pagination_is_read() {
    let pagination = |text: &str| source(&[&format!("pagination: {text}")]).pagination;
    let parameter = || "p".to_owned();
    assert_eq!(pagination("{type: none}"), Pagination::None);
    assert_eq!(pagination("{type: link}"), Pagination::Link);
    assert_eq!(pagination("{type: page, parameter: p}"), Pagination::Page { parameter: parameter(), first: 1 });
    assert_eq!(
        pagination("{type: page, parameter: p, first: 0}"),
        Pagination::Page { parameter: parameter(), first: 0 }
    );
    assert_eq!(pagination("{type: offset, parameter: p}"), Pagination::Offset { parameter: parameter() });
    assert_eq!(pagination("{type: url, next: /links/next}"), Pagination::Url { next: pointer("/links/next") });
}

#[test]
fn files_go_where_the_contract_expects_them() {
    let suffix = |location: &str| {
        let landing = format!("{{server: landing, type: s3, location: '{location}', format: json}}");
        let checked = parse(&document(&landing, "https://a.example/", &["prefix: orders/api/"]));
        checked.map(|checked| checked.contract.source.unwrap().suffix).map_err(|problems| problems[0].to_string())
    };
    assert_eq!(suffix("s3://*/orders/**"), Ok(".json"));
    assert_eq!(suffix("s3://drop-zone/orders/**/*.ndjson"), Ok(".ndjson"));
    assert_eq!(suffix("s3://*/orders/api/*.jsonl"), Ok(".jsonl"));
    assert_eq!(
        suffix("s3://*/customers/**").unwrap_err(),
        "servers[source].customProperties[prefix].value: found \"orders/api/\", expected a prefix under which *.json, *.ndjson or *.jsonl is covered by the landing location, s3://*/customers/**"
    );
    assert!(suffix("s3://*/orders/*.json").is_err(), "one level too high");
}

#[test]
fn fetched_files_are_lines_of_json_in_utf_8() {
    for landing in [
        "{server: landing, type: s3, location: 's3://*/orders/**', format: csv}",
        "{server: landing, type: s3, location: 's3://*/orders/**', format: json, delimiter: array}",
        "{server: landing, type: s3, location: 's3://*/orders/**', format: json, encoding: UTF-16}",
    ] {
        let told = told(&document(landing, "https://a.example/", &["prefix: orders/api/"]));
        assert!(told.len() == 1 && told[0].contains("expected a landing of format: json"), "{told:?}");
    }
}

#[test]
fn addresses_that_would_be_read_on_the_way_or_hold_secrets_are_refused() {
    let told = |location: &str| told(&document(LANDING, location, &["prefix: orders/api/"])).join("; ");
    assert!(told("http://api.example.com/v1").contains("expected https: without it"), "plain HTTP");
    assert!(told("http://127.0.0.1.example.com/").contains("expected https: without it"), "no loopback address");
    assert!(told("http://10.0.0.1/").contains("expected https"));
    assert!(told("ftp://a.example/").contains("expected https://<host>/<path>"));
    assert!(told("https://a.example/?key=1").contains("the property parameters"));
    let with_password = told("https://user:hunter2@a.example/");
    assert!(with_password.contains("the property secret") && !with_password.contains("hunter2"), "{with_password}");
    assert!(told("'https://a.example/{id}'").contains("without spaces"));
    assert!(told("https:///x").contains("without spaces"));
    for good in ["http://127.0.0.1:8080/v1", "http://localhost/x", "'http://[::1]:80/x'", "https://a.example:8443"] {
        assert!(parse(&document(LANDING, good, &["prefix: orders/api/"])).is_ok(), "{good}");
    }
}

#[test]
fn mistakes_in_properties_are_told_by_their_path() {
    for (property, said) in [
        ("prefixes: a/", "the unknown property prefixes"),
        ("records: data.items", "[records].value: found \"data.items\", expected a JSON pointer such as /data/items"),
        ("maxBytes: 1000000000", "expected a number of bytes from 1 to 134217728"),
        ("maxSeconds: 900", "expected a number of seconds from 1 to 780"),
        ("requestsPerMinute: 0", "expected a number of requests from 1 to 6000"),
        ("retries: -1", "expected a number of repetitions from 0 to 10"),
        ("pagination: page", "[pagination].value: found \"page\", expected an object with a type"),
        ("pagination: {parameter: p}", "expected none, page, offset, cursor, url or link"),
        ("pagination: {type: pages}", "expected none, page, offset, cursor, url or link"),
        ("pagination: {type: cursor, parameter: c}", "value.next: found nothing, expected a JSON pointer"),
        ("pagination: {type: url, next: ''}", "expected a JSON pointer to a part"),
        ("pagination: {type: link, next: /x}", "value.next: found an unknown key"),
        ("pagination: {type: page, parameter: p, first: 2}", "expected 0 or 1"),
        ("incremental: {field: /a, parameter: since}", "value.type: found nothing, expected timestamp, number or text"),
        ("incremental: {field: a, type: text, parameter: since}", "expected a JSON pointer"),
        ("headers: {Authorization: Bearer x}", "found a header for credentials"),
        ("headers: {Host: x}", "found a header that cannot be set"),
        ("headers: {'a b': x}", "found a header that cannot be set"),
        ("headers: {a: \"x\\ny\"}", "expected printable ASCII"),
        ("parameters: [a]", "expected an object: parameters and their values"),
        ("parameters: {a: 1.5}", "expected text, in quotes"),
        ("secret: {name: a}", "neither header nor parameter"),
        ("secret: {name: a, header: b, parameter: c}", "both header and parameter"),
        ("secret: {header: b}", "value.name: found nothing"),
        ("secret: {name: a, header: 'b c'}", "found a header that cannot be set"),
    ] {
        let told = told_of(property);
        assert!(told.contains(said), "{property}: {told}");
    }
}

#[test]
fn a_parameter_or_header_is_sent_once() {
    let told = |properties: &[&str]| {
        let properties = [&["prefix: orders/api/"], properties].concat();
        told(&document(LANDING, "https://a.example/", &properties)).join("; ")
    };
    let page = "pagination: {type: page, parameter: page}";
    assert!(told(&["parameters: {page: 1}", page]).contains("found the parameter page a second time"));
    let since = "incremental: {field: /a, type: text, parameter: page}";
    assert!(told(&[page, since]).contains("found the parameter page a second time"));
    let secret = "secret: {name: a, header: x-tenant}";
    assert!(told(&["headers: {X-Tenant: 1}", secret]).contains("found the header x-tenant a second time"));
}

#[test]
fn prefixes_that_are_no_beginnings_of_keys_are_refused() {
    for prefix in ["orders", "/orders/", "orders//", "orders/../x/", "orders/./", "/", "''", "orders/a b/", "orders/é/"]
    {
        let told = told(&document(LANDING, "https://a.example/", &[&format!("prefix: {prefix}")]));
        assert!(told.len() == 1 && told[0].contains("with / at the end"), "{prefix}: {told:?}");
    }
    let none = told(&document(LANDING, "https://a.example/", &["records: /a"]));
    assert!(none[0].contains("found no prefix, expected the property prefix"), "{none:?}");
}

#[test]
fn other_servers_of_that_name_stay_unread() {
    let other = document(LANDING, "https://a.example/?x", &["prefix: 1"]).replace("type: api", "type: custom");
    let checked = parse(&other).unwrap();
    assert_eq!(checked.contract.source, None);
    assert_eq!(
        checked.notes[0].to_string(),
        "servers[source]: not read: files are fetched from a server named source of type: api"
    );
    assert!(checked.notes[0].line.is_some());
}

#[test]
fn the_example_of_the_documentation_can_be_used() {
    let page = include_str!("../../../../docs/fetch.md");
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let checked = parse(example).unwrap();
    assert!(checked.notes.is_empty() && checked.contract.source.is_some(), "{:?}", checked.notes);
    let ApiLimits { requests_per_minute, retries, timeout_secs, max_secs, max_bytes, max_pages } = ApiLimits::default();
    for row in [
        format!("| `requestsPerMinute` | `{requests_per_minute}` |"),
        format!("| `retries` | `{retries}` |"),
        format!("| `timeoutSeconds`, `maxSeconds` | `{timeout_secs}`, `{max_secs}` |"),
        format!("| `maxBytes`, `maxPages` | `{max_bytes}`, `{max_pages}` |"),
    ] {
        assert!(page.contains(&row), "{row}");
    }
}

/// What differs, as class and path, between a dataset's contracts with these properties of the source.
fn differs(old: Option<&[&str]>, new: Option<&[&str]>) -> Vec<String> {
    let contract = |properties: Option<&[&str]>| {
        let text =
            document(LANDING, "https://api.example.com/v1/orders", properties.unwrap_or(&["prefix: orders/api/"]));
        let mut contract = parse(&text).unwrap().contract;
        if properties.is_none() {
            contract.source = None;
        }
        contract
    };
    let changes = lakegate_contract::diff(&contract(old), &contract(new));
    let told = |change: &lakegate_contract::Change| {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("{} {}: {} -> {}", change.class, change.path, side(&change.old), side(&change.new))
    };
    changes.iter().filter(|change| change.path.starts_with("servers[source]")).map(told).collect()
}

#[test]
fn a_change_that_would_have_rows_twice_or_not_at_all_breaks() {
    const PREFIX: &str = "prefix: orders/api/";
    const MARKS: &str = "incremental: {field: /id, type: number, parameter: after}";
    let at = |name: &str| format!("servers[source].customProperties[{name}]");
    let class_of = |old: &[&str], new: &[&str]| {
        let told = differs(Some(old), Some(new));
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].split(": ").next().unwrap().to_owned()
    };
    // Everything is in one file, which would be another one.
    assert_eq!(class_of(&[PREFIX], &["prefix: orders/crm/"]), format!("breaking {}", at("prefix")));
    assert_eq!(class_of(&[PREFIX, MARKS], &["prefix: orders/crm/", MARKS]), format!("neutral {}", at("prefix")));
    assert_eq!(class_of(&[PREFIX, MARKS], &[PREFIX]), format!("breaking {}", at("incremental")));
    assert_eq!(class_of(&[PREFIX], &[PREFIX, MARKS]), format!("neutral {}", at("incremental")));
    let from_seven = "incremental: {field: /id, type: number, parameter: after, initial: 7}";
    assert_eq!(class_of(&[PREFIX], &[PREFIX, from_seven]), format!("breaking {}", at("incremental")));
    let other_field = "incremental: {field: /number, type: number, parameter: after}";
    assert_eq!(class_of(&[PREFIX, MARKS], &[PREFIX, other_field]), format!("breaking {}", at("incremental")));
}

#[test]
fn every_part_of_a_source_is_compared() {
    let old = &[
        "prefix: orders/api/",
        "records: /data",
        "parameters: {limit: 500}",
        "pagination: {type: page, parameter: page}",
        "incremental: {field: /id, type: number, parameter: after}",
        "secret: {name: lakegate/shop, header: X-Key}",
        "retries: 2",
    ];
    let new = &[
        "prefix: orders/api/",
        "records: /items",
        "parameters: {limit: 500, sort: id}",
        "headers: {X-Tenant: shop}",
        "pagination: {type: cursor, parameter: cursor, next: /meta/next}",
        "incremental: {field: /id, type: number, parameter: since}",
        "secret: {name: lakegate/shop, key: token, header: Authorization, before: 'Bearer '}",
        "maxPages: 5",
    ];
    let told = differs(Some(old), Some(new)).join("\n").replace("neutral servers[source].customProperties", "");
    let expected = r#"
[records]: "/data" -> "/items"
[parameters]: limit=500 -> limit=500, sort=id
[headers]: nothing -> X-Tenant=shop
[pagination]: page by page, from 1 -> cursor by cursor, next at /meta/next
[incremental]: number at /id, asked by after -> number at /id, asked by since
[secret]: lakegate/shop in header X-Key -> lakegate/shop, key token in header Authorization after "Bearer "
[retries]: 2 -> 4
[maxPages]: 1000 -> 5"#;
    assert_eq!(told, expected.trim_start());
    let url = "https://api.example.com/v1/orders";
    assert_eq!(differs(None, Some(old)), [format!("neutral servers[source]: nothing -> {url}")]);
    assert_eq!(differs(Some(old), None), [format!("neutral servers[source]: {url} -> nothing")]);
    assert_eq!(differs(Some(old), Some(old)), Vec::<String>::new());
}
