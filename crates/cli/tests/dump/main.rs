//! `askway dump` beside tcpdump, over captures of real kernels and live.

mod captures;
mod filters;
mod ladders;
mod lines;
mod live;
