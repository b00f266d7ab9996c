//! The statements that the function makes, for tests that run them elsewhere: requests as lines of JSON in, lists of statements out.
//! It must not know what becomes of them.
#![allow(dead_code, reason = "the function's own modules, of which this uses some")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "only tests run it")]

#[path = "../src/load.rs"]
mod load;
#[path = "../src/shape.rs"]
mod shape;
#[path = "../src/sql.rs"]
mod sql;

use std::io::{BufRead, Write};

use lakegate_lake::catalog::{CatalogColumn, TableColumns};
use serde::Deserialize;

use crate::load::Wanted;
use crate::shape::Shape;

/// Columns are names and types of the catalog.
#[derive(Deserialize)]
struct Request {
    table: String,
    columns: Vec<(String, String)>,
    partition_keys: Vec<(String, String)>,
    /// `create`, `add` (the last column), `load` or `load_all`.
    what: String,
    #[serde(default)]
    files: Vec<Wanted>,
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line.unwrap()).unwrap();
        let columns = |columns: &[(String, String)]| {
            let column = |(name, type_name): &(String, String)| CatalogColumn {
                name: name.clone(),
                type_name: type_name.clone(),
                comment: None,
            };
            columns.iter().map(column).collect()
        };
        let (columns, partition_keys) = (columns(&request.columns), columns(&request.partition_keys));
        let shape = Shape::of(&TableColumns { name: request.table, columns, partition_keys }).unwrap();
        let statements = match request.what.as_str() {
            "create" => sql::create(&shape),
            "add" => {
                let last = shape.columns.get(request.columns.len() - 1).cloned();
                sql::add_columns(&shape, &last.into_iter().collect::<Vec<_>>())
            }
            "load" => sql::load(&shape, &request.files),
            _ => sql::load_all(&shape, &request.files),
        };
        println!("{}", serde_json::to_string(&statements).unwrap());
        std::io::stdout().flush().unwrap();
    }
}
