//! The few requests of the `man` macros that pages need, and the escaping of text (groff_man(7)).

/// A page under way.
pub struct Roff {
    text: String,
}

/// Characters that look like others on paper, and how to have them as typed.
const AS_TYPED: &[(char, &str)] = &[
    ('\\', "\\(rs"),
    ('-', "\\-"),
    ('\'', "\\(aq"),
    ('`', "\\(ga"),
    ('^', "\\(ha"),
    ('~', "\\(ti"),
    ('"', "\\(dq"),
];

/// What does not begin a line of Chinese.
const CLOSING: &str = "，。、；：？！）》」』…—";
/// What does not end one.
const OPENING: &str = "（《「『";

impl Roff {
    /// A page with its title, in section 1.
    pub fn new(title: &str) -> Roff {
        let version = escape(concat!("askway ", env!("CARGO_PKG_VERSION")));
        let title = escape(&title.to_uppercase());
        // Ragged and without hyphens, so that an option or address is found by searching.
        Roff { text: format!(".TH \"{title}\" 1 \"\" \"{version}\" \"askway\"\n.nh\n.ad l\n") }
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }

    /// A section.
    pub fn section(&mut self, title: &str) {
        self.request(&format!("SH \"{}\"", escape(title)));
    }

    /// A part of a section.
    pub fn part(&mut self, title: &str) {
        self.request(&format!("SS \"{}\"", escape(title)));
    }

    /// The next paragraph hangs below a term.
    pub fn term(&mut self) {
        self.request("TP");
    }

    /// A new paragraph, if a section has one already.
    pub fn paragraph(&mut self) {
        if !self.begins_section() {
            self.request("PP");
        }
    }

    /// A line as it is typed.
    pub fn example(&mut self, line: &str) {
        self.request("RS 4");
        self.request("EX");
        self.line(&[Piece::Bold(line)]);
        self.request("EE");
        self.request("RE");
    }

    /// A new line, if a section has one already.
    pub fn break_line(&mut self) {
        if !self.begins_section() {
            self.request("br");
        }
    }

    /// A line of text.
    pub fn line(&mut self, pieces: &[Piece]) {
        let text: String = pieces.iter().map(Piece::roff).collect();
        // A line that begins so would be a request.
        let guard = if text.starts_with('.') { "\\&" } else { "" };
        self.text += &format!("{guard}{text}\n");
    }

    fn begins_section(&self) -> bool {
        self.text.lines().next_back().is_some_and(|line| line.starts_with(".SH"))
    }

    fn request(&mut self, request: &str) {
        self.text += &format!(".{request}\n");
    }
}

/// A piece of a line.
pub enum Piece<'a> {
    /// Plain.
    Roman(&'a str),
    /// As it is typed.
    Bold(&'a str),
    /// To be replaced.
    Italic(&'a str),
}

impl Piece<'_> {
    fn roff(&self) -> String {
        match self {
            Piece::Roman("") | Piece::Bold("") | Piece::Italic("") => String::new(),
            Piece::Roman(text) => escape(text),
            Piece::Bold(text) => format!("\\fB{}\\fR", escape(text)),
            Piece::Italic(text) => format!("\\fI{}\\fR", escape(text)),
        }
    }
}

/// Text that comes out as it is. Lines of Chinese may break between any two characters, but not
/// before a closing or behind an opening mark.
fn escape(text: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    for letter in text.chars() {
        if before.is_some_and(|before| breaks(before, letter)) {
            out += "\\:";
        }
        match AS_TYPED.iter().find(|(typed, _)| *typed == letter) {
            Some((_, escaped)) => out += escaped,
            None => out.push(if letter.is_control() { ' ' } else { letter }),
        }
        before = Some(letter);
    }
    out
}

fn breaks(before: char, after: char) -> bool {
    let is_wide = |letter: char| ('\u{2e80}'..='\u{ffef}').contains(&letter);
    (is_wide(before) || is_wide(after))
        && before != ' '
        && after != ' '
        && !CLOSING.contains(after)
        && !OPENING.contains(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_comes_out() {
        for (text, expected) in [
            ("-c 3", "\\-c 3"),
            ("it's ~^`\"", "it\\(aqs \\(ti\\(ha\\(ga\\(dq"),
            ("a\\b", "a\\(rsb"),
            ("问路。", "问\\:路。"),
            ("（a）", "（a）"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn no_text_is_a_request() {
        let mut page = Roff { text: String::new() };
        page.line(&[Piece::Roman(".so /etc/passwd")]);
        page.line(&[Piece::Roman("'br")]);
        assert_eq!(page.into_text(), "\\&.so /etc/passwd\n\\(aqbr\n");
    }
}
