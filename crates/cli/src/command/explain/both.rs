//! Texts in both languages.

/// What is said, in English and in Chinese.
pub type Pair = (&'static str, &'static str);

/// A text that was put together, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Both {
    /// Of two texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Both {
        Both { en: en.into(), zh: zh.into() }
    }

    /// Of a pair.
    pub fn of((en, zh): Pair) -> Both {
        Both::new(en, zh)
    }
}
