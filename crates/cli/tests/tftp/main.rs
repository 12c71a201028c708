//! `askway tftp` over real kernels and against a real server, and what it does with files.

mod files;
mod kernel;
