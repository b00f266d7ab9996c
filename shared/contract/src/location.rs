//! Which objects belong to a dataset: an `s3://` location with wildcards.
//! It does not know S3.

mod covers;

use globset::{Glob, GlobBuilder, GlobMatcher};

/// An `s3://bucket/key` pattern: `*` and `?` stay within one path segment, `**` spans any number of them, also none.
#[derive(Debug, Clone)]
pub struct Location {
    text: String,
    bucket: GlobMatcher,
    key: GlobMatcher,
}

impl Location {
    /// Reads a pattern such as `s3://*/orders/**/*.csv`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((bucket, key)) = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else {
            return Err("s3://<bucket or *>/<key pattern>".to_owned());
        };
        if bucket.is_empty() || key.is_empty() {
            return Err("a bucket (or *) and a key pattern in s3://<bucket>/<key>".to_owned());
        }
        if text.contains(['{', '}']) {
            return Err("a location without {placeholders}; * and ** are wildcards".to_owned());
        }
        Ok(Self { text: text.to_owned(), bucket: matcher(bucket)?, key: matcher(key)? })
    }

    /// Whether the object belongs to the dataset. `key` is decoded, not as an S3 notification writes it.
    #[must_use]
    pub fn matches(&self, bucket: &str, key: &str) -> bool {
        self.bucket.is_match(bucket) && self.key.is_match(key)
    }

    /// Whether every object that belongs to the other location belongs to this one. False where that cannot be told: patterns with
    /// classes of characters (`[ab]`) cover themselves only.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.text == other.text || covers::covers(&self.text, &other.text)
    }

    /// The pattern as the contract has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(false)
        .build()
        .as_ref()
        .map(Glob::compile_matcher)
        .map_err(|error| format!("a valid pattern ({})", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn wildcards_keep_to_their_segment_and_double_stars_span_segments() {
        let location = Location::parse("s3://*/orders/**/*.csv").unwrap();
        for key in ["orders/a.csv", "orders/2025/09/a b+ü.csv"] {
            assert!(location.matches("any-bucket", key), "{key}");
        }
        for key in ["order/a.csv", "orders/a.csv.gz", "x/orders/a.csv", "orders"] {
            assert!(!location.matches("any-bucket", key), "{key}");
        }
        let narrow = Location::parse("s3://raw/a/*.csv").unwrap();
        assert!(
            narrow.matches("raw", "a/b.csv")
                && !narrow.matches("raw", "a/b/c.csv")
                && !narrow.matches("raws", "a/b.csv")
        );
    }

    #[test]
    fn a_location_covers_what_can_only_match_where_it_matches() {
        let covers = |one: &str, other: &str| {
            let location = |text: &str| Location::parse(&format!("s3://{text}")).unwrap();
            location(one).covers(&location(other))
        };
        for (one, other) in [
            ("*/orders/**/*.csv", "raw/orders/*.csv"),
            ("*/orders/**/*.csv", "raw/orders/a/**/b/x*.csv"),
            ("*/a/**", "*/a/**/*"),
            ("*/a/**/*", "*/a/**"),
            ("*/a/**", "*/a/b"),
            ("*/a/*", "*/a/?b*"),
            ("*/a/?.csv", "*/a/b.csv"),
            ("b/[ab].csv", "b/[ab].csv"),
        ] {
            assert!(covers(one, other), "{one} covers {other}");
        }
        for (one, other) in [
            ("raw/orders/*.csv", "*/orders/*.csv"),
            ("*/orders/*.csv", "*/orders/**/*.csv"),
            ("*/orders/*.csv", "*/orders/*.json"),
            ("*/a/**", "*/a"),
            ("*/a/?", "*/a/*"),
            ("*/a/b?", "*/a/b"),
            ("b/[ab].csv", "b/a.csv"),
            ("b/*.csv", "b/[ab].csv"),
        ] {
            assert!(!covers(one, other), "{one} does not cover {other}");
        }
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in ["orders/*.csv", "s3://bucket", "s3:///key", "s3://b/{model}/*.csv", "s3://b/[a"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }
}
