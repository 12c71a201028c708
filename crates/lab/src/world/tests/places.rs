//! What an outsider is told of the node whose place it takes.

use super::{NodeId, World, load};
use crate::address::{Prefix, on_link, parse_prefix};
use std::net::IpAddr;
use wire::Family;

const TWO_WAYS: &str = r#"
[host]
srv = { routes = [
    { to = "203.0.113.0/24", via = "r2" },
    { to = "c", via = "r2" },
    { to = "198.51.100.0/24", reject = "host" },
] }
b = {}
c = {}
far = {}
[router]
r1 = {}
r2 = {}
[[link]]
ends = ["srv", "r1"]
[[link]]
ends = ["srv", "r2"]
[[link]]
ends = ["r1", "c"]
[[link]]
ends = ["r2", "b"]
[[link]]
ends = ["r1", "far"]
"#;

fn attach(world: &mut World, name: &str) -> crate::Place {
    let node: NodeId = world.node(name).expect("a node");
    world.attach(node)
}

#[test]
fn sources_are_those_that_the_node_chooses_itself() {
    let mut world = load(TWO_WAYS);
    let place = attach(&mut world, "srv");
    let srv = world.node("srv").expect("a node");
    for other in ["b", "c", "far", "r1", "r2"] {
        let other = world.node(other).expect("a node");
        for to in Family::ALL.into_iter().flat_map(|family| world.addresses(other, family)) {
            let chosen = world.source_towards(srv, to);
            assert_eq!(place.source_towards(Prefix::of_one(to)), chosen, "{to}");
        }
    }
    let stated = parse_prefix("203.0.113.0/24").expect("a prefix");
    let second = world.addresses(srv, Family::of(stated.first()))[1];
    assert!(place.sources.contains(&(stated, second)), "{place:?}");
    // What is refused, and what is not known, is told to the lab all the same.
    for family in Family::ALL {
        let first = world.addresses(srv, family)[0];
        assert!(place.sources.contains(&(Prefix::of(first, 0), first)), "{place:?}");
    }
    let mut networks: Vec<Prefix> = place.sources.iter().map(|(to, _)| *to).collect();
    networks.dedup();
    assert_eq!(networks.len(), place.sources.len());
}

#[test]
fn where_there_is_no_choice_there_is_one_source() {
    let mut world = load(TWO_WAYS);
    let place = attach(&mut world, "b");
    let own =
        Family::ALL.map(|family| world.addresses(world.node("b").expect("a node"), family)[0]);
    assert_eq!(place.sources, own.map(|own| (Prefix::of(own, 0), own)));
}

#[test]
fn addresses_of_the_link_are_told_once() {
    let mut world = load(TWO_WAYS);
    let srv = world.node("srv").expect("a node");
    let place = attach(&mut world, "srv");
    // Both of its links give it the same.
    let [one, other] = world.addresses(srv, Family::ALL[1])[..] else { panic!("two links") };
    assert_eq!(on_link(one), on_link(other));
    let of_link = |(address, bits): &&(IpAddr, u8)| (*address, *bits) == (on_link(one), 64);
    assert_eq!(place.addresses.iter().filter(of_link).count(), 1, "{place:?}");
    assert_eq!(place.addresses.len(), 5, "{place:?}");
}
