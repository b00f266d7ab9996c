//! An object's key, decoded once.
//! It must not know which message it came from, only how that message writes keys.

use std::fmt;

use percent_encoding::percent_decode_str;

/// An object's key as S3 knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    text: String,
    may_be_encoded: bool,
}

/// A key of an S3 notification whose escapes are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key {encoded} does not decode to UTF-8")]
pub struct KeyNotUtf8 {
    /// The key as the message wrote it.
    pub encoded: String,
}

impl ObjectKey {
    /// Decodes a key of an S3 notification, which is form-encoded: `+` is a space, `%2B` a plus, the rest UTF-8
    /// (S3 User Guide, "Event message structure").
    ///
    /// # Errors
    ///
    /// A key whose escapes are not UTF-8.
    pub fn from_notification(encoded: &str) -> Result<Self, KeyNotUtf8> {
        let text = decode_form(encoded).ok_or_else(|| KeyNotUtf8 { encoded: encoded.to_owned() })?;
        Ok(Self { text, may_be_encoded: false })
    }

    /// Takes a key as it stands. Sources disagree on whether EventBridge encodes keys: see
    /// [`ObjectKey::decoded_form`].
    #[must_use]
    pub fn as_given(key: &str) -> Self {
        Self { text: key.to_owned(), may_be_encoded: true }
    }

    /// The key to try when no object has the key as given: its form-decoded spelling, if that differs.
    #[must_use]
    pub fn decoded_form(&self) -> Option<Self> {
        if !self.may_be_encoded {
            return None;
        }
        let text = decode_form(&self.text)?;
        (text != self.text).then_some(Self { text, may_be_encoded: false })
    }

    /// The decoded key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn decode_form(encoded: &str) -> Option<String> {
    let spaced = encoded.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_key_is_form_decoded() {
        let decoded = |key: &str| ObjectKey::from_notification(key).unwrap().to_string();
        assert_eq!(decoded("orders/red+flower.csv"), "orders/red flower.csv");
        assert_eq!(decoded("a%2Bb%20c.csv"), "a+b c.csv");
        assert_eq!(decoded("S%C3%A3o+Paulo/100%25.csv"), "São Paulo/100%.csv");
        assert_eq!(decoded("half%zz.csv"), "half%zz.csv");
    }

    #[test]
    fn a_key_that_is_not_utf8_is_an_error() {
        let error = ObjectKey::from_notification("a%FF.csv").unwrap_err();
        insta::assert_snapshot!(error, @"the key a%FF.csv does not decode to UTF-8");
    }

    #[test]
    fn only_a_key_as_given_has_another_spelling_to_try() {
        assert_eq!(ObjectKey::as_given("plain.csv").decoded_form(), None);
        assert_eq!(ObjectKey::as_given("a+b.csv").decoded_form().unwrap().as_str(), "a b.csv");
        assert_eq!(ObjectKey::from_notification("a%2Bb.csv").unwrap().decoded_form(), None);
    }
}
