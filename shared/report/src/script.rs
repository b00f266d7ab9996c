//! The page's scripts: Vega, Vega-Lite, the interpreter of its expressions, and our own that draws the charts.
//! It must not know what is drawn.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

pub(crate) const VEGA: &str = include_str!("../vega/vega.min.js");
pub(crate) const VEGA_LITE: &str = include_str!("../vega/vega-lite.min.js");
pub(crate) const INTERPRETER: &str = include_str!("../vega/vega-interpreter.js");
pub(crate) const OWN: &str = include_str!("page.js");

/// What the interpreter takes from the module `vega-util`, which is a part of Vega.
pub(crate) const IMPORT: &str = "import { ascending, isString, DisallowedObjectProperties } from 'vega-util';";
/// What it gives.
pub(crate) const EXPORT: &str = "export { expression as expressionInterpreter };";

/// The licences of what the page holds of others.
pub(crate) const LICENCES: [(&str, &str); 3] = [
    ("Vega, vega-interpreter", include_str!("../vega/LICENSE-vega")),
    ("Vega-Lite", include_str!("../vega/LICENSE-vega-lite")),
    ("In Vega", include_str!("../vega/LICENSE-bundled")),
];

/// The scripts in the order in which they run.
pub(crate) fn all() -> [String; 4] {
    let map = |script: &str| {
        script.lines().filter(|line| !line.starts_with("//# sourceMappingURL=")).collect::<Vec<_>>().join("\n")
    };
    [map(VEGA), map(VEGA_LITE), interpreter(), OWN.to_owned()]
}

/// The module as a script, which a page on a disk may run: browsers load no modules from there.
fn interpreter() -> String {
    let body = INTERPRETER
        .replace(IMPORT, "const { ascending, isString, DisallowedObjectProperties } = vega;")
        .replace(EXPORT, "globalThis.expressionInterpreter = expression;")
        .replace("//# sourceMappingURL=vega-interpreter.js.map", "");
    format!("(() => {{\n{body}\n}})();")
}

/// What the page may do: run these scripts, and no others; fetch nothing; send nothing.
pub(crate) fn policy(scripts: &[String]) -> String {
    let hash = |script: &String| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())));
    let hashes: Vec<String> = scripts.iter().map(hash).collect();
    format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
        hashes.join(" ")
    )
}
