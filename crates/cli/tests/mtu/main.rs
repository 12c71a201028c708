//! `askway mtu` over real kernels, and its JSON against its schema.

mod kernel;
