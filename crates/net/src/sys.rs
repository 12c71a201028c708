//! What a platform must supply: sockets with their options, the loop's sleep, clocks, signals,
//! privileges, names of interfaces and hosts, local time. All `unsafe` stands below.
#![allow(unsafe_code)]

pub(crate) mod local_time;
pub(crate) mod names;

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(target_os = "linux")]
pub use linux::{Memory, Signals};

#[cfg(not(target_os = "linux"))]
compile_error!("this crate has no sockets for this platform yet");
