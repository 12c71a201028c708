//! Each rule against tables made for it.
