//! `askway mtu` over real kernels.

mod kernel;
