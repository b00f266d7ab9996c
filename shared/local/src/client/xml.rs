//! As much XML as S3 and CloudFormation answer with: elements without attributes, found by name. Not a parser for anything else.

/// The contents of every element of that name, in order, as raw XML.
pub(crate) fn elements<'xml>(xml: &'xml str, name: &str) -> Vec<&'xml str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let Some((inside, next)) = after.split_once(&close) else {
            break;
        };
        found.push(inside);
        rest = next;
    }
    found
}

/// The text of the first element of that name.
pub(crate) fn text(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).first().map(|raw| unescaped(raw))
}

fn unescaped(raw: &str) -> String {
    raw.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name_and_unescaped() {
        let xml = "<List><Item><Key>a&amp;b</Key></Item><Item><Key>c</Key></Item></List>";
        assert_eq!(elements(xml, "Item").len(), 2);
        assert_eq!(text(xml, "Key").as_deref(), Some("a&b"));
        assert_eq!(text(xml, "Size"), None);
    }
}
