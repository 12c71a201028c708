//! Better first hops: who tells of them, in which words and how often, and who believes.

use super::neighbours::{ask, watch};
use super::*;
use wire::icmp::Error;
use wire::icmp::neighbour::{Discovery, Options};

/// `a` asks `r1` for everything, though `r2` on the same link leads to `b`.
const DETOUR: &str = r#"
[host]
a = { routing = "static", routes = [{ to = "default", via = "r1" }], HABITS }
b = {}
c = {}
[router]
r1 = {}
r2 = {}
r3 = {}
[[link]]
ends = ["a", "r1", "r2", "c"]
networks = ["192.0.2.0/24", "2001:db8:1::/64"]
[[link]]
ends = ["r2", "b"]
[[link]]
ends = ["r1", "r3"]
"#;

fn detour(habits: &str) -> World {
    load(&DETOUR.replace(", HABITS", habits))
}

/// What an instrument at `a` has heard that is a redirect.
fn heard(world: &mut World) -> Vec<Vec<u8>> {
    let is_redirect = |bytes: &Vec<u8>| {
        let datagram = Datagram::parse(bytes).expect("whole");
        let parsed = Message::parse(datagram.family(), datagram.payload);
        matches!(parsed, Ok(Message::Error(error)) if error.gateway().is_some())
    };
    world.inbox.drain(..).filter(is_redirect).collect()
}

fn listen(world: &mut World) {
    world.watched = Some(Watch { node: world.named("a"), carrier: Carrier::Icmp });
}

/// The address of a router as its neighbours know it.
fn on_link(world: &World, name: &str, family: Family) -> IpAddr {
    crate::address::on_link(world.address(name, family))
}

#[test]
fn a_router_tells_of_the_better_hop_and_the_host_goes_there() {
    for family in Family::ALL {
        let mut world = detour("");
        listen(&mut world);
        let b = world.address("b", family);
        let [r1, r2] = ["r1", "r2"].map(|name| on_link(&world, name, family));
        ask(&mut world, "a", b);
        world.advance(Time(100_000_000));
        let told = heard(&mut world);
        let [redirect] = told.as_slice() else { panic!("{told:?}") };
        let datagram = Datagram::parse(redirect).expect("whole");
        assert_eq!(datagram.source, r1);
        // As Linux's: 112 bytes of an echo request of 84, in IPv6 192 of one of 104; 8 more where
        // it knows the better hop's link-layer address.
        let is_v4 = family == Family::V4;
        assert_eq!(datagram.total_bytes, if is_v4 { 112 } else { 192 });
        assert_eq!(datagram.hop_limit, if is_v4 { 64 } else { 255 });
        let Ok(Message::Error(error)) = Message::parse(family, datagram.payload) else { panic!() };
        assert_eq!(error.meaning, Meaning::RedirectHost);
        assert_eq!((error.gateway(), error.redirected()), (Some(r2), Some(b)));
        assert_eq!(world.redirects(world.named("a")), [(b, r2)]);
        assert!(world.inbox.is_empty(), "the filter took all");
        // The request itself went on; the next one goes straight to r2.
        let before = world.sent_by("r1");
        ask(&mut world, "a", b);
        world.advance(Time(200_000_000));
        assert_eq!(world.sent_by("r1"), before);
        assert_eq!(heard(&mut world).len(), 0);
        watch(&mut world);
        world.advance(Time(300_200_000_000));
        assert!(world.redirects(world.named("a")).is_empty(), "not for ever");
        check_counts(&world);
    }
}

#[test]
fn the_better_hops_link_layer_address_comes_along_where_it_is_known() {
    let mut world = detour(", accepts_redirects = false");
    listen(&mut world);
    let b = world.address("b", Family::V6);
    ask(&mut world, "a", b);
    world.advance(Time(100_000_000));
    heard(&mut world);
    ask(&mut world, "a", b);
    world.advance(Time(200_000_000));
    let told = heard(&mut world);
    let datagram = Datagram::parse(&told[0]).expect("whole");
    assert_eq!(datagram.total_bytes, 200);
    let r2 = world.map.interface(world.named("r2"), 0).link_address();
    let mut options = Options::new(&datagram.payload[40..]);
    assert_eq!(options.next(), Some(Ok(Discovery::TargetLink(&r2))));
    assert!(world.redirects(world.named("a")).is_empty(), "it does not believe");
}

/// When `a` was told, milliseconds, if it asks every 10 ms for that many seconds and believes
/// nothing.
fn told(family: Family, seconds: u64) -> Vec<u64> {
    let mut world = detour(", accepts_redirects = false");
    listen(&mut world);
    let b = world.address("b", family);
    let mut times = Vec::new();
    for tick in 0..seconds * 100 {
        world.advance(Time(tick * 10_000_000));
        ask(&mut world, "a", b);
        world.advance(Time(tick * 10_000_000 + 9_000_000));
        let count = heard(&mut world).len();
        times.extend((0..count).map(|_| tick * 10));
    }
    times
}

#[test]
fn who_does_not_obey_is_told_less_and_less() {
    // Linux: pauses of 20 ms times two to the number told, nine at most, and then silence.
    let times = told(Family::V4, 25);
    assert_eq!(times.len(), 9, "{times:?}");
    for (number, pair) in times.windows(2).enumerate() {
        let pause = 20 << (number + 1);
        assert!((pause..=pause + 10).contains(&(pair[1] - pair[0])), "{times:?}");
    }
    // In IPv6 six at once, then one a second.
    let times = told(Family::V6, 5);
    assert_eq!(times, [0, 10, 20, 30, 40, 50, 1_010, 2_010, 3_010, 4_010]);
}

#[test]
fn who_does_not_obey_for_a_while_is_told_anew() {
    let mut redirects = crate::redirect::Redirects::default();
    let to: IpAddr = [192, 0, 2, 1].into();
    let mut count = |from_ms: u64, to_ms: u64| {
        let times = (from_ms..to_ms).step_by(10).map(|ms| Time(ms * 1_000_000));
        times.filter(|now| redirects.allows(*now, to)).count()
    };
    assert_eq!(count(0, 20_000), 9);
    assert_eq!(count(20_000, 40_000), 0, "it goes on asking, and is told nothing");
    assert_eq!(count(61_000, 61_010), 1, "it was quiet for 20.48 s");
}

#[test]
fn no_redirect_where_none_may_be() {
    for family in Family::ALL {
        let silence = |text: String, header: Header, why: &str| {
            let mut world = load(&text);
            listen(&mut world);
            let to = Recipient::Node(world.named("r1"));
            let bytes = emit(&header, &message(&header, &ECHO));
            let back = world.exchange(bytes, to);
            world.inbox = back.into();
            assert!(heard(&mut world).is_empty(), "{family}: {why}");
        };
        let text = DETOUR.replace(", HABITS", "");
        let world = load(&text);
        let icmp = rules::of(family).icmp;
        let header = world.header("b", family, icmp);
        let r3 = world.header("r3", family, icmp);
        silence(text.clone(), r3, "it goes out elsewhere");
        let quiet = text.replace("r1 = {}", "r1 = { sends_redirects = false }");
        silence(quiet, header.clone(), "it is told not to");
        let source = world.address("r3", family);
        silence(text.clone(), Header { source, ..header.clone() }, "from elsewhere");
        let source = world.address("r2", family);
        silence(text.clone(), Header { source, ..header.clone() }, "back to where it came from");
        if let IpAddr::V4(b) = world.address("b", family) {
            let options = options::loose_source_route(&[b]).expect("fits");
            silence(text.clone(), Header { options, ..header.clone() }, "source-routed");
        }
        // An error is not answered by an error, which a redirect of IPv6 is not.
        let mut world = load(&text);
        listen(&mut world);
        let about = udp(&world.header("b", family, protocol::UDP), b"quoted");
        let meaning = Meaning::PortUnreachable;
        let (kind, code) = meaning.numbers(family).expect("both say it");
        let error = Message::Error(Error { meaning, kind, code, word: 0, body: &about });
        let bytes = emit(&header, &message(&header, &error));
        let to = Recipient::Node(world.named("r1"));
        world.inbox = world.exchange(bytes, to).into();
        assert_eq!(heard(&mut world).is_empty(), family == Family::V4, "about an error");
    }
}

/// A redirect as somebody may make it up.
struct Forged {
    from: IpAddr,
    gateway: IpAddr,
    destination: IpAddr,
    /// Whose packet it quotes.
    sender: IpAddr,
    hop_limit: u8,
}

impl Forged {
    fn bytes(&self, to: IpAddr) -> Vec<u8> {
        let family = Family::of(to);
        let quoted = Header::new(self.sender, self.destination, rules::of(family).icmp);
        let quote = emit(&quoted, &message(&quoted, &ECHO));
        let (kind, code) = Meaning::RedirectHost.numbers(family).expect("both say it");
        let (word, body) = match (self.gateway, self.destination) {
            (IpAddr::V4(gateway), _) => (gateway.to_bits(), quote),
            (IpAddr::V6(gateway), IpAddr::V6(destination)) => {
                let mut body = [gateway.octets(), destination.octets()].concat();
                Discovery::Redirected(&quote).emit(&mut body).expect("fits");
                (0, body)
            }
            other => panic!("{other:?}"),
        };
        let error = Error { meaning: Meaning::RedirectHost, kind, code, word, body: &body };
        let header = Header::new(self.from, to, rules::of(family).icmp);
        let header = Header { hop_limit: self.hop_limit, ..header };
        emit(&header, &message(&header, &Message::Error(error)))
    }
}

#[test]
fn hosts_believe_only_the_router_that_they_ask() {
    for family in Family::ALL {
        let believed = |change: &dyn Fn(&World, &mut Forged)| {
            let mut world = detour("");
            let a = world.named("a");
            let mut forged = Forged {
                from: on_link(&world, "r1", family),
                gateway: on_link(&world, "r2", family),
                destination: world.address("b", family),
                sender: world.address("a", family),
                hop_limit: 255,
            };
            change(&world, &mut forged);
            let bytes = forged.bytes(world.address("a", family));
            let (r1, to) = (world.named("r1"), Recipient::Node(a));
            world.turn(r1, |_, turn| {
                turn.actions.push(Action::Send { interface: 0, to, bytes });
            });
            watch(&mut world);
            world.redirects(a).len()
        };
        assert_eq!(believed(&|_, _| ()), 1, "{family}");
        let is_v4 = family == Family::V4;
        let other = |world: &World| on_link(world, "r2", family);
        assert_eq!(believed(&|world, it| it.from = other(world)), 0, "from another router");
        assert_eq!(believed(&|world, it| it.from = world.address("c", family)), 0);
        let far = |world: &World| world.address("b", family);
        assert_eq!(believed(&|world, it| it.gateway = world.address("r3", family)), 0, "far away");
        assert_eq!(believed(&|world, it| it.gateway = on_link(world, "a", family)), 0, "itself");
        let global = usize::from(is_v4);
        assert_eq!(believed(&|world, it| it.gateway = world.address("c", family)), global);
        assert_eq!(believed(&|world, it| it.sender = world.address("c", family)), 0, "not its own");
        assert_eq!(believed(&|_, it| it.hop_limit = 254), global, "passed on by a router");
        let from_global = believed(&|world, it| it.from = world.address("r1", family));
        assert_eq!(from_global, global, "RFC 4861 §8.1: from a link-local address");
        let itself = usize::from(!is_v4);
        assert_eq!(believed(&|world, it| it.gateway = far(world)), itself, "it is a neighbour");
        let many: [IpAddr; 2] = ["224.0.0.5", "ff02::5"].map(|it| it.parse().expect("one"));
        assert_eq!(believed(&|_, it| it.destination = many[usize::from(!is_v4)]), 0);
        let many: [IpAddr; 2] = ["192.0.2.255", "ff02::5"].map(|it| it.parse().expect("one"));
        assert_eq!(believed(&|_, it| it.gateway = many[usize::from(!is_v4)]), 0);
    }
}

#[test]
fn a_better_hop_that_is_not_there_is_forgotten() {
    for family in Family::ALL {
        let mut world = detour("");
        let a = world.named("a");
        let gateway: [IpAddr; 2] = ["192.0.2.99", "fe80::99"].map(|it| it.parse().expect("one"));
        let forged = Forged {
            from: on_link(&world, "r1", family),
            gateway: gateway[usize::from(family == Family::V6)],
            destination: world.address("b", family),
            sender: world.address("a", family),
            hop_limit: 255,
        };
        let bytes = forged.bytes(world.address("a", family));
        let (r1, to) = (world.named("r1"), Recipient::Node(a));
        world.turn(r1, |_, turn| turn.actions.push(Action::Send { interface: 0, to, bytes }));
        world.advance(Time(1_000_000));
        assert_eq!(world.redirects(a).len(), 1);
        let b = world.address("b", family);
        ask(&mut world, "a", b);
        watch(&mut world);
        assert!(world.redirects(a).is_empty());
    }
}
