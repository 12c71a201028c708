//! `askway up` as its users see it: over a lab, where every line is known beforehand, and over real
//! kernels, with files on disks that are full or not ours.

mod golden;
mod kernel;
