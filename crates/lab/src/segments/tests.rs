//! What the pieces of large packets are.
