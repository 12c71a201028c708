//! What the operating system must supply; all `unsafe` stands below.
#![allow(unsafe_code)]

pub(crate) mod local_time;
pub(crate) mod names;
