//! Tests.
//! To be written.
