//! JSON lines: an object built field by field, in the order in which the fields are added.

/// An object that is being written.
pub struct Object(String);

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object("{".to_owned())
    }

    /// Adds a string.
    pub fn text(self, key: &str, value: &str) -> Object {
        let quoted = serde_json::Value::from(value).to_string();
        self.raw(key, &quoted)
    }

    /// Adds a whole number.
    pub fn number(self, key: &str, value: u64) -> Object {
        self.raw(key, &value.to_string())
    }

    /// Adds an object.
    pub fn object(self, key: &str, value: Object) -> Object {
        let value = format!("{}}}", value.0);
        self.raw(key, &value)
    }

    /// Adds a list of strings.
    pub fn texts(self, key: &str, values: &[String]) -> Object {
        let quoted = serde_json::Value::from(values).to_string();
        self.raw(key, &quoted)
    }

    /// Adds a value that is JSON already.
    pub fn raw(mut self, key: &str, value: &str) -> Object {
        if self.0.len() > 1 {
            self.0.push_str(", ");
        }
        self.0.push_str(&format!("\"{key}\": {value}"));
        self
    }

    /// The object and a line's end.
    pub fn line(self) -> String {
        format!("{}}}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let line = Object::new()
            .text("host", "a\"b\\\u{1b}\n")
            .number("seq", 1)
            .object("rtt", Object::new().text("min", "0.1"))
            .object("none", Object::new())
            .line();
        let value: serde_json::Value = serde_json::from_str(&line).expect("valid");
        assert_eq!(value["host"], "a\"b\\\u{1b}\n");
        assert_eq!(value["rtt"]["min"], "0.1");
        assert!(line.starts_with("{\"host\": ") && line.ends_with("}\n"));
    }
}
