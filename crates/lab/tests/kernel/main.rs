//! The tracker beside the kernel's: the same packets through a namespace that masquerades with
//! nftables and through ours; what leaves and what `conntrack -L` lists must be the same.

mod child;
mod scripts;
mod worlds;

/// Not a test of its own: what sends and hears in a namespace.
#[test]
fn child() {
    if let Ok(path) = std::env::var(child::VARIABLE) {
        child::run(&path);
    }
}
