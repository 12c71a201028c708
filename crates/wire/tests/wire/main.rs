//! What the wire crate reads, held against packets of real kernels, another parser, and chance.

mod allocation;
mod checks;
mod corpus;
mod golden;
mod mutation;
mod pcapng;
mod second_opinion;
mod seeded;
