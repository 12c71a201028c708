//! The lab beside the kernel. The tracker: the same packets through a namespace that masquerades
//! with nftables and through ours; what leaves and what `conntrack -L` lists must be the same.
//! Sockets: what they hear of ICMP errors. Hosts and routers: scripts that both must follow.

mod child;
mod errors;
mod judge;
mod scripts;
mod worlds;

/// Not a test of its own: what sends and hears in a namespace.
#[test]
fn child() {
    if let Ok(path) = std::env::var(child::VARIABLE) {
        child::run(&path);
    }
}

/// Likewise: whose socket hears of errors in a namespace.
#[test]
fn listener() {
    if let Ok(path) = std::env::var(errors::VARIABLE) {
        errors::listen(&path);
    }
}
