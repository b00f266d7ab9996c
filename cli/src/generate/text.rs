//! Values as the files write them.
//! It must not know whose values they are.

/// Euros and cents: `12.90`.
pub(super) fn cents(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A field of a CSV file, in quotes where RFC 4180 asks for them.
pub(super) fn csv(text: &str, delimiter: char) -> String {
    if text.contains([delimiter, '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A JSON string.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_digits_behind_the_point() {
        assert_eq!([cents(5), cents(1_290), cents(100_000)], ["0.05", "12.90", "1000.00"]);
    }

    #[test]
    fn quotes_stand_where_they_must() {
        assert_eq!(
            [csv("a b", ','), csv("a,b", ','), csv("a,b", ';'), csv("\"", ',')],
            ["a b", "\"a,b\"", "a,b", "\"\"\"\""]
        );
        assert_eq!(json("Marie \"Mimi\"\n"), r#""Marie \"Mimi\"\n""#);
    }
}
