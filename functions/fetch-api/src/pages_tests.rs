//! Tests: which page comes after which.
//! They must not ask anybody.

use lakegate_contract::{ApiLimits, JsonPointer, SecretUse};

use super::*;

fn source(pagination: Pagination) -> ApiSource {
    ApiSource {
        url: "https://api.example.com/v1/orders".to_owned(),
        prefix: "orders/".to_owned(),
        suffix: ".json",
        parameters: vec![("limit".to_owned(), "2".to_owned())],
        headers: Vec::new(),
        records: JsonPointer::default(),
        pagination,
        incremental: None,
        secret: None,
        limits: ApiLimits { max_pages: 4, ..ApiLimits::default() },
    }
}

/// The addresses that are asked for when these are the answers, and the error that ends it.
fn walk(source: &ApiSource, since: Option<(&str, &str)>, answers: &[(&str, &str)]) -> Vec<String> {
    let mut pages = Pages::new(source, since).unwrap();
    let mut told = Vec::new();
    for (body, link) in answers {
        let url = pages.url();
        told.push(url.as_str().trim_start_matches("https://api.example.com").to_owned());
        let answer = Answer::parse(body.as_bytes()).unwrap();
        let place = JsonPointer::parse(if body.starts_with('[') { "" } else { "/d" }).unwrap();
        let records = answer.records(&place).unwrap().len();
        let links = [(*link).to_owned()];
        let read = Read { answer: &answer, links: &links, url: &url, records, lines: body.as_bytes() };
        match pages.go_on(&read) {
            Ok(true) => {}
            Ok(false) => return told,
            Err(error) => {
                told.push(error.to_string());
                return told;
            }
        }
    }
    told.push("and so on".to_owned());
    told
}

fn cursor() -> Pagination {
    Pagination::Cursor { parameter: "cursor".to_owned(), next: JsonPointer::parse("/next").unwrap() }
}

fn address() -> Pagination {
    Pagination::Url { next: JsonPointer::parse("/next").unwrap() }
}

#[test]
fn one_page_is_all_without_a_pagination() {
    let since = Some(("since", "2026-01-01T00:00:00+01:00"));
    let told = walk(&source(Pagination::None), since, &[("[1]", "")]);
    assert_eq!(told, ["/v1/orders?limit=2&since=2026-01-01T00%3A00%3A00%2B01%3A00"]);
}

#[test]
fn pages_and_offsets_end_with_a_page_without_records() {
    let page = Pagination::Page { parameter: "page".to_owned(), first: 1 };
    // A page of fewer records than the limit is no end: the API may have a limit of its own.
    let told = walk(&source(page), None, &[("[1,2]", ""), ("[3]", ""), ("[]", "")]);
    assert_eq!(told, ["/v1/orders?limit=2&page=1", "/v1/orders?limit=2&page=2", "/v1/orders?limit=2&page=3"]);
    let offset = Pagination::Offset { parameter: "skip".to_owned() };
    let told = walk(&source(offset), None, &[("[1,2]", ""), ("[3]", ""), ("[]", "")]);
    assert_eq!(told, ["/v1/orders?limit=2&skip=0", "/v1/orders?limit=2&skip=2", "/v1/orders?limit=2&skip=3"]);
}

#[test]
fn an_api_that_does_not_read_the_parameter_is_found_out() {
    let page = Pagination::Page { parameter: "page".to_owned(), first: 1 };
    let told = walk(&source(page), None, &[("[1,2]", ""), ("[1,2]", "")]);
    assert_eq!(
        told[2],
        "page 2 of https://api.example.com/v1/orders asks for a page that was fetched already, or repeats it: there is no end"
    );
}

#[test]
fn cursors_are_followed_to_their_end() {
    let told = walk(
        &source(cursor()),
        None,
        &[(r#"{"d":[1],"next":"a b&c"}"#, ""), (r#"{"d":[],"next":7}"#, ""), (r#"{"d":[2]}"#, "")],
    );
    assert_eq!(told, ["/v1/orders?limit=2", "/v1/orders?limit=2&cursor=a+b%26c", "/v1/orders?limit=2&cursor=7"]);
}

#[test]
fn a_cursor_that_comes_again_is_no_way_on() {
    let told = walk(
        &source(cursor()),
        None,
        &[(r#"{"d":[1],"next":"a"}"#, ""), (r#"{"d":[2],"next":"b"}"#, ""), (r#"{"d":[3],"next":"a"}"#, "")],
    );
    assert!(told[3].starts_with("page 3 of https://api.example.com/v1/orders asks for a page"), "{told:?}");
    // Unless there is nothing behind it: some APIs go on from their last cursor another time.
    let told = walk(&source(cursor()), None, &[(r#"{"d":[1],"next":"a"}"#, ""), (r#"{"d":[],"next":"a"}"#, "")]);
    assert_eq!(told.len(), 2);
}

#[test]
fn addresses_in_answers_are_followed_on_their_own_host_only() {
    let first = r#"{"d":[1],"next":"/v1/orders?p=2#x"}"#;
    let told = walk(
        &source(address()),
        None,
        &[(first, ""), (r#"{"d":[2],"next":"?p=3"}"#, ""), (r#"{"d":[2],"next":null}"#, "")],
    );
    assert_eq!(told, ["/v1/orders?limit=2", "/v1/orders?p=2", "/v1/orders?p=3"]);
    for (next, host) in [
        ("https://evil.example/v1?p=2", "evil.example"),
        ("//evil.example/v1", "evil.example"),
        ("http://api.example.com/v1", "api.example.com"),
        ("https://api.example.com:8443/v1", "api.example.com"),
        ("https://user@api.example.com/v1", "api.example.com"),
        ("file:///etc/passwd", "an address without a host"),
        ("https://", "an address that is none"),
    ] {
        let told = walk(&source(address()), None, &[(&format!(r#"{{"d":[1],"next":"{next}"}}"#), "")]);
        assert_eq!(
            told[1],
            format!(
                "page 1 of https://api.example.com/v1/orders names a next page on {host}: only pages of its own host are fetched"
            )
        );
    }
}

#[test]
fn the_header_link_is_read_as_its_rfc_says() {
    let link = source(Pagination::Link);
    for header in [
        "<https://api.example.com/v1/orders?p=2>; rel=\"next\"",
        "</v1/orders?p=1>; rel=\"prev\", </v1/orders?p=2>;rel=next",
        "</v1/orders?p=9>; title=\"rel=next, not\"; rel=last, </v1/orders?p=2> ; REL=\"last next\"",
    ] {
        assert_eq!(walk(&link, None, &[("[1]", header), ("[2]", "")])[1], "/v1/orders?p=2", "{header}");
    }
    for header in ["", "</v1/orders?p=2>; rel=prev", "garbage", "<unclosed; rel=next", "<a>"] {
        assert_eq!(walk(&link, None, &[("[1]", header)]).len(), 1, "{header}");
    }
    let itself = "</v1/orders?limit=2>; rel=next";
    assert!(walk(&link, None, &[("[1]", itself)])[1].contains("there is no end"));
}

#[test]
fn there_are_only_so_many_pages() {
    let page = Pagination::Page { parameter: "page".to_owned(), first: 0 };
    let told = walk(&source(page), None, &[("[1]", ""), ("[2]", ""), ("[3]", ""), ("[4]", ""), ("[5]", "")]);
    assert_eq!(told[4], "https://api.example.com/v1/orders has more than 4 pages (maxPages)");
}

#[test]
fn a_secret_that_an_api_puts_into_its_addresses_is_sent_once() {
    let place = SecretPlace::Parameter("key".to_owned());
    let secret = Some(SecretUse { name: "a".to_owned(), key: None, place, before: String::new() });
    let source = ApiSource { secret, ..source(address()) };
    let told = walk(&source, None, &[(r#"{"d":[1],"next":"?p=2&key=hunter2"}"#, ""), (r#"{"d":[]}"#, "")]);
    assert_eq!(told[1], "/v1/orders?p=2");
}

#[test]
fn a_changed_answer_is_not_taken_for_the_last_page() {
    let next = JsonPointer::parse("/meta/next").unwrap();
    let told = walk(&source(Pagination::Url { next }), None, &[(r#"{"d":[1]}"#, "")]);
    assert_eq!(
        told[1],
        "page 1 of https://api.example.com/v1/orders has nothing at \"/meta/next\", where its next page should be"
    );
}
