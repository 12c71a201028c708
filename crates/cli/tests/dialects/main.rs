//! The dialects beside the tools that they speak for: the same command line in the same namespace,
//! and then a comparison of everything that was printed, and of the exit code.

mod clockdiff;
mod compare;
mod fping;
mod fping_lab;
mod ping;
mod trace_lab;
mod tracepath;
mod traceroute;
