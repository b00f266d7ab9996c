//! The page in the user's browser, or where it is.
//! It must not know what is on the page.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the user's system opens a file with.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Asks the system to show the file, and says so, or where it is if the system cannot.
pub(crate) fn open(path: &Path) -> String {
    let mut command = Command::new(OPENER);
    // It lives as long as it likes, and what it says is for nobody.
    command.arg(absolute(path)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Both begin a browser and end; what they end with tells whether there was one.
    let is_open = command.status().is_ok_and(|status| status.success());
    if is_open {
        return format!("{} is shown in the browser", path.display());
    }
    format!("no browser could be opened here ({OPENER}); {}", told(path))
}

/// Where the page is, as a browser's address line takes it as well.
pub(crate) fn told(path: &Path) -> String {
    format!("the report is {}\n  {}", path.display(), address(path))
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// `file:///…` of a file that is there, with everything escaped that a terminal's link or an address line would stumble over.
pub(crate) fn address(path: &Path) -> String {
    let mut address = "file://".to_owned();
    for byte in absolute(path).as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_path() {
        assert_eq!(address(Path::new("/tmp/my report #1 ü.html")), "file:///tmp/my%20report%20%231%20%C3%BC.html");
    }
}
