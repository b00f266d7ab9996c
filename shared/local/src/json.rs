//! Reading JSON answers by pointer (RFC 6901). What is absent, or of another type, reads as empty or zero.

use serde_json::Value;

/// A text, or "".
#[must_use]
pub fn text<'json>(value: &'json Value, pointer: &str) -> &'json str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number, or 0.
#[must_use]
pub fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The items of an array, or none.
#[must_use]
pub fn list<'json>(value: &'json Value, pointer: &str) -> &'json [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
