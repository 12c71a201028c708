//! `askway clock` over real kernels and servers.

mod kernel;
