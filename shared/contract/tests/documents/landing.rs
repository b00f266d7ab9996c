//! The server named `landing`.

use lakegate_contract::value::NumberFormat;
use lakegate_contract::{CsvDialect, Encoding, Format, JsonDialect, JsonFraming, Landing, Packing, Quoting};

use super::{document, good, lakegate, problems};

const COLUMN: &str = "{name: a, logicalType: string}";

fn landing(server: &str) -> Landing {
    good(&document(server, &[COLUMN], "")).0.landing
}

fn told(server: &str) -> Vec<String> {
    problems(&document(server, &[COLUMN], ""))
}

fn with(format: &str, properties: &[&str]) -> String {
    format!("format: {format}\n    {}", lakegate(properties))
}

#[test]
fn every_part_of_a_csv_dialect_is_read() {
    let landing = landing(&with(
        "csv",
        &[
            "delimiter: \";\"",
            "quote: \"'\"",
            "escape: \"\\\\\"",
            "comment: \"#\"",
            "quoting: lenient",
            "header: false",
            "nullValues: [\"NULL\", \"\"]",
            "skipLines: 3",
            "trim: true",
            "maxRecordBytes: 4096",
            "decimalSeparator: \",\"",
            "thousandsSeparator: \".\"",
            "integralFractions: true",
            "compression: gzip",
        ],
    ));
    let dialect = CsvDialect {
        delimiter: b';',
        quote: b'\'',
        escape: Some(b'\\'),
        comment: Some(b'#'),
        skip_lines: 3,
        trim: true,
        quoting: Quoting::Lenient,
        header: false,
        null_values: vec!["NULL".to_owned(), String::new()],
        max_record_bytes: 4096,
    };
    assert_eq!(landing.format, Format::Csv(dialect));
    let numbers = NumberFormat { decimal_separator: b',', thousands_separator: Some(b'.'), integral_fractions: true };
    assert_eq!((landing.numbers, landing.packing), (numbers, Packing::Gzip));
}

#[test]
fn what_is_not_said_is_the_default() {
    let landing = landing("format: csv");
    assert_eq!(landing.format, Format::Csv(CsvDialect::default()));
    assert_eq!(landing.numbers, NumberFormat::default());
    assert_eq!((landing.encoding, landing.packing), (Encoding::Utf8, Packing::ByContent));
}

#[test]
fn json_files_are_framed_by_content_unless_the_delimiter_says() {
    for (server, framing) in [
        ("format: json", JsonFraming::ByContent),
        ("format: json\n    delimiter: new_line", JsonFraming::Lines),
        ("format: json\n    delimiter: array", JsonFraming::Array),
    ] {
        let dialect = JsonDialect { framing, max_record_bytes: CsvDialect::MAX_RECORD_BYTES };
        assert_eq!(landing(server).format, Format::Json(dialect), "{server}");
    }
    let landing = landing(&with("json", &["maxRecordBytes: 77", "compression: zstd", "integralFractions: true"]));
    let dialect = JsonDialect { framing: JsonFraming::ByContent, max_record_bytes: 77 };
    assert_eq!(landing.format, Format::Json(dialect));
    assert!(landing.numbers.integral_fractions && landing.packing == Packing::Zstd);
}

#[test]
fn encodings_have_their_usual_spellings() {
    for (names, encoding) in [
        (["UTF-8", "utf8", "US-ASCII"], Encoding::Utf8),
        (["UTF-16", "utf_16", "utf16"], Encoding::Utf16),
        (["UTF-16LE", "utf-16-le", "utf16le"], Encoding::Utf16Le),
        (["UTF-16BE", "utf_16_be", "Utf16BE"], Encoding::Utf16Be),
        (["Windows-1252", "cp1252", "CP-1252"], Encoding::Windows1252),
        (["ISO-8859-1", "iso8859_1", "Latin1"], Encoding::Iso8859_1),
    ] {
        for name in names {
            assert_eq!(landing(&format!("format: csv\n    encoding: {name}")).encoding, encoding, "{name}");
        }
    }
    for name in ["ISO-8859-15", "UTF-32", "EBCDIC", "8"] {
        let expected = "expected UTF-8, UTF-16, UTF-16LE, UTF-16BE, Windows-1252 or ISO-8859-1";
        let [only] = &told(&format!("format: csv\n    encoding: {name}"))[..] else { panic!("{name}") };
        assert!(only.starts_with("servers[landing].encoding: found ") && only.ends_with(expected), "{only}");
    }
}

#[test]
fn a_delimiter_is_said_where_the_format_has_it() {
    assert_eq!(
        told("format: csv\n    delimiter: \";\""),
        [
            "servers[landing].delimiter: found \";\", expected no delimiter here, where the standard has that of JSON files: a CSV file's is a custom property of vendor lakegate"
        ]
    );
    assert_eq!(
        told("format: json\n    delimiter: comma"),
        ["servers[landing].delimiter: found \"comma\", expected new_line or array"]
    );
    assert_eq!(told("encoding: UTF-8"), ["servers[landing].format: found nothing, expected csv or json"]);
}

#[test]
fn properties_of_csv_files_are_refused_on_json() {
    for property in [
        "comment: \"#\"",
        "delimiter: \";\"",
        "escape: \"\\\\\"",
        "header: true",
        "nullValues: [\"\"]",
        "quote: \"'\"",
        "quoting: strict",
        "skipLines: 1",
        "trim: true",
    ] {
        let name = property.split(':').next().unwrap();
        let message = format!(
            "servers[landing].customProperties[{name}].value: found the property {name}, which is one of CSV files, expected compression, maxRecordBytes, decimalSeparator, thousandsSeparator or integralFractions"
        );
        assert_eq!(told(&with("json", &[property])), [message]);
    }
    assert_eq!(
        told(&with("json", &["framing: lines"])),
        [
            "servers[landing].customProperties[framing]: found the unknown property framing, expected compression, maxRecordBytes, decimalSeparator, thousandsSeparator or integralFractions"
        ]
    );
    assert_eq!(
        told(&with("csv", &["seperator: x"])),
        [
            "servers[landing].customProperties[seperator]: found the unknown property seperator, expected compression, maxRecordBytes, decimalSeparator, thousandsSeparator, integralFractions, delimiter, quote, escape, comment, quoting, header, skipLines, trim or nullValues"
        ]
    );
}

#[test]
fn a_value_that_a_property_cannot_have_is_refused() {
    for (property, found, expected) in [
        ("delimiter: \"||\"", "\"||\"", "one ASCII character that is no letter, digit or line break"),
        ("delimiter: \"\\n\"", "\"\\n\"", "one ASCII character that is no letter, digit or line break"),
        ("quote: \"é\"", "\"é\"", "one ASCII character that is no letter, digit or line break"),
        ("escape: x", "\"x\"", "one ASCII character that is no letter, digit or line break"),
        ("comment: \"//\"", "\"//\"", "one ASCII character that is no letter, digit or line break"),
        ("comment: 0", "0", "one ASCII character that is no letter, digit or line break"),
        ("skipLines: -1", "-1", "a number of lines from 0 to 10000"),
        ("skipLines: 10001", "10001", "a number of lines from 0 to 10000"),
        ("skipLines: \"1\"", "\"1\"", "a number of lines from 0 to 10000"),
        ("trim: yes", "\"yes\"", "true or false"),
        ("header: 1", "1", "true or false"),
        ("decimalSeparator: \";\"", "\";\"", ". or ,"),
        ("thousandsSeparator: \";\"", "\";\"", "one of , . ' _ and a space"),
        ("thousandsSeparator: \"\"", "\"\"", "one of , . ' _ and a space"),
        ("integralFractions: maybe", "\"maybe\"", "true or false"),
        ("compression: snappy", "\"snappy\"", "auto, none, gzip or zstd"),
        ("nullValues: NA", "\"NA\"", "a list of texts that mean null"),
        ("maxRecordBytes: 0", "0", "a number of bytes from 1 to 67108864"),
        ("maxRecordBytes: 67108865", "67108865", "a number of bytes from 1 to 67108864"),
        ("quoting: loose", "\"loose\"", "strict or lenient"),
    ] {
        let name = property.split(':').next().unwrap();
        let message = format!("servers[landing].customProperties[{name}].value: found {found}, expected {expected}");
        assert_eq!(told(&with("csv", &[property])), [message]);
    }
}

#[test]
fn characters_with_two_meanings_are_refused() {
    let pair = |a: &str, b: &str, expected: &str| {
        assert_eq!(
            told(&with("csv", &[a, b])),
            [format!("servers[landing].customProperties: found the same character for {expected}")]
        );
    };
    pair("delimiter: \";\"", "quote: \";\"", "delimiter and quote, expected two different ones");
    pair("delimiter: \"#\"", "comment: \"#\"", "delimiter and comment, expected two different ones");
    pair("escape: \"\\\\\"", "comment: \"\\\\\"", "escape and comment, expected two different ones");
    pair(
        "quote: \"'\"",
        "escape: \"'\"",
        "quote and escape, expected two different ones; leave escape out where quotes are doubled",
    );
    pair(
        "decimalSeparator: \",\"",
        "thousandsSeparator: \",\"",
        "decimalSeparator and thousandsSeparator, expected two different ones",
    );
    // The default separator is a point.
    pair(
        "thousandsSeparator: \".\"",
        "trim: true",
        "decimalSeparator and thousandsSeparator, expected two different ones",
    );
}

#[test]
fn characters_of_numbers_are_no_quotes_escapes_or_comments() {
    for (properties, name) in [
        (["comment: \"-\"", "trim: true"], "comment"),
        (["escape: \".\"", "trim: true"], "escape"),
        (["quote: \"'\"", "thousandsSeparator: \"'\""], "quote"),
    ] {
        let message =
            format!("servers[landing].customProperties: found a character of numbers for {name}, expected another one");
        assert_eq!(told(&with("csv", &properties)), [message]);
    }
}

#[test]
fn separators_of_numbers_may_be_the_delimiter_because_values_can_be_quoted() {
    let (contract, notes) = good(&document(&with("csv", &["thousandsSeparator: \",\""]), &[COLUMN], ""));
    assert_eq!((contract.landing.numbers.thousands_separator, notes.len()), (Some(b','), 0));
    let (_, notes) = good(&document(&with("csv", &["decimalSeparator: \",\""]), &[COLUMN], ""));
    assert_eq!(
        notes,
        [
            "servers[landing].customProperties: decimalSeparator is the delimiter as well: numbers with a fraction must stand in quotes"
        ]
    );
    let json = with("json", &["decimalSeparator: \",\"", "thousandsSeparator: \" \""]);
    assert!(good(&document(&json, &[COLUMN], "")).1.is_empty());
}

#[test]
fn a_null_text_that_yaml_reads_as_null_says_so() {
    assert_eq!(
        told(&with("csv", &["nullValues: [NULL]"])),
        [
            "servers[landing].customProperties[nullValues].value[0]: found nothing, expected a text that means null; in quotes where YAML reads it as something else (\"null\", \"0\")"
        ]
    );
}
