//! Names for the catalog, made of headers and file names.
//! It does not know columns' values.

use std::collections::BTreeMap;

/// Longer names are cut: they are read in queries.
const NAME_CHARS_MAX: usize = 60;

/// A name of lower-case letters, digits and `_` that begins with a letter; `None` where nothing is left.
pub(super) fn catalog_name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut former = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letter.is_uppercase()
            && (former.is_some_and(|former: char| former.is_lowercase() || former.is_ascii_digit())
                || former.is_some_and(char::is_uppercase) && letters.peek().is_some_and(|next| next.is_lowercase()));
        former = Some(letter);
        let plain: String = letter.to_lowercase().map(plain_letter).collect();
        if begins_word || plain.is_empty() {
            separate(&mut name);
        }
        name.push_str(&plain);
    }
    let name = name.trim_end_matches('_');
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_end_matches('_').to_owned();
    match name.chars().next() {
        None => None,
        Some(first) if first.is_ascii_digit() => Some(format!("c_{name}")),
        Some(_) => Some(name),
    }
}

fn separate(name: &mut String) {
    if !name.is_empty() && !name.ends_with('_') {
        name.push('_');
    }
}

/// The letter without its accent; empty for what is no letter or digit.
fn plain_letter(letter: char) -> &'static str {
    const ASCII: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    if let Some(place) = ASCII.find(letter) {
        return ASCII.get(place..=place).unwrap_or_default();
    }
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ő' => "o",
        'ö' | 'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

/// One catalog name per header, none of them twice; `column_3` where the third header makes none.
pub(super) fn physical_names(headers: &[String]) -> Vec<String> {
    let mut taken = BTreeMap::new();
    let mut names = Vec::with_capacity(headers.len());
    for (header, number) in headers.iter().zip(1..) {
        let wanted = catalog_name(header).unwrap_or_else(|| format!("column_{number}"));
        names.push(free_name(&wanted, &mut taken));
    }
    names
}

/// The name itself, or the first of `name_2`, `name_3`, … that is free.
/// `taken` has, for each name, the number to try next.
pub(super) fn free_name(wanted: &str, taken: &mut BTreeMap<String, u64>) -> String {
    let Some(next) = taken.get(wanted) else {
        taken.insert(wanted.to_owned(), 2);
        return wanted.to_owned();
    };
    let mut number = *next;
    let mut name = format!("{wanted}_{number}");
    while taken.contains_key(&name) {
        number += 1;
        name = format!("{wanted}_{number}");
    }
    taken.insert(wanted.to_owned(), number + 1);
    taken.insert(name.clone(), 2);
    name
}

#[cfg(test)]
mod tests {
    use super::{catalog_name, physical_names};

    #[test]
    fn headers_become_names_that_the_catalog_takes() {
        for (header, name) in [
            ("order_id", "order_id"),
            ("InvoiceNo", "invoice_no"),
            ("CustomerID", "customer_id"),
            ("HTTPStatus", "http_status"),
            ("Cost Total $", "cost_total"),
            ("Größe (m²)", "groesse_m"),
            ("2011", "c_2011"),
            ("_x__y_", "x_y"),
            ("a-b.c/d", "a_b_c_d"),
        ] {
            assert_eq!(catalog_name(header).as_deref(), Some(name), "{header}");
        }
        assert_eq!(catalog_name("中国"), None);
        assert_eq!(catalog_name(&"x".repeat(300)).map(|name| name.len()), Some(60));
    }

    #[test]
    fn many_equal_headers_are_named_in_no_time() {
        let headers = vec!["id".to_owned(); 50_000];
        assert_eq!(physical_names(&headers).last().map(String::as_str), Some("id_50000"));
    }

    #[test]
    fn no_name_comes_twice() {
        let headers = ["id", "ID", "id 2", "", "中", "column_4"].map(str::to_owned);
        assert_eq!(physical_names(&headers), ["id", "id_2", "id_2_2", "column_4", "column_5", "column_4_2"]);
    }
}
