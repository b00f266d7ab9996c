//! Texts as HTML, and JSON within HTML: data stays data.
//! It must not know what the texts are about.

use std::fmt::Write;

/// A text for an element or a quoted attribute. Characters that hide or turn others are shown by their numbers.
pub(crate) fn text(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ if is_hiding(character) => {
                let _ = write!(html, "\\u{{{:x}}}", u32::from(character));
            }
            _ => html.push(character),
        }
    }
    html
}

/// JSON for a script element: neither its end nor a comment can stand in it.
pub(crate) fn json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A text for a chart, which shows it as it is.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hiding(character) {
            let _ = write!(plain, "\\u{{{:x}}}", u32::from(character));
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Control characters, and those that turn the order of others, join them or take no room.
fn is_hiding(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(
            text("</td><script>alert(\"x\")</script>&amp; it's"),
            "&lt;/td&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;amp; it&#39;s"
        );
        assert_eq!(text("a\u{202e}gpj.exe\nb\u{0}Käufe 李"), "a\\u{202e}gpj.exe\\u{a}b\\u{0}Käufe 李");
    }

    #[test]
    fn json_ends_no_script() {
        let value = serde_json::json!({"</script><!--": "<script>\u{2028}"});
        let told = json(&value);
        assert!(!told.contains('<') && !told.contains('>'), "{told}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), value);
    }
}
