//! What traceroute calls things: the usage text, ICMP errors, extensions, flags.

use probe::trace::Extension;
use std::fmt::Write as _;
use wire::Family;
use wire::ext::Interface;

/// What `-V` prints.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("Modern traceroute for Linux, version 2.1.2 (spoken by askway {version})\n")
}

/// The usage text.
pub fn usage() -> String {
    let short = "[ -46dFITnreAUDV ] [ -f first_ttl ] [ -g gate,... ] [ -i device ] [ -m max_ttl ] \
                 [ -N squeries ] [ -p port ] [ -t tos ] [ -l flow_label ] [ -w MAX,HERE,NEAR ] \
                 [ -q nqueries ] [ -s src_addr ] [ -z sendwait ] [ --fwmark=num ] host \
                 [ packetlen ]";
    format!("Usage:\n  traceroute {short}\n{OPTIONS}")
}

const OPTIONS: &str = "\
Options:
  -4, -6                      IPv4 or IPv6 only
  -d, --debug                 Turn on socket debugging
  -F, --dont-fragment         Probes are not to be fragmented
  -f, --first=first_ttl       The first hop to ask (default 1)
  -g, --gateway=gate,...      Go by way of these routers
  -I, --icmp                  Probes are ICMP echo requests
  -T, --tcp                   Probes are TCP handshakes' first segments (port 80)
  -i, --interface=device      Go by this interface
  -m, --max-hops=max_ttl      The last hop to ask (default 30)
  -N, --sim-queries=squeries  Probes in the air at one time (default 16)
  -n                          Show numbers instead of names
  -p, --port=port             The target's port; the default method counts up
                              from it (default 33434)
  -t, --tos=tos               Type of service or traffic class
  -l, --flowlabel=flow_label  IPv6 flow label
  -w, --wait=MAX,HERE,NEAR    Wait for answers at most MAX seconds (default 5);
                              unless HERE and NEAR are 0, less where routers
                              nearby answer sooner
  -q, --queries=nqueries      Probes a hop (default 3, at most 10)
  -r                          To hosts on networks of this host only
  -s, --source=src_addr       Send from this address
  -z, --sendwait=sendwait     Least time between probes: in seconds, above 10
                              in milliseconds
  -e, --extensions            Show what extends errors, MPLS labels among it
  -A, --as-path-lookups       Ask a registry of routes for AS numbers
  -M, --module=name           Method: default, icmp, tcp, tcpconn, udp,
                              udplite, dccp, raw
  -O, --options=OPTS,...      Tell the method; `help' lists what
  --sport=num                 Send from this port; one probe at a time
  --fwmark=num                Mark packets for the firewall
  -U, --udp                   UDP to one port (default 53)
  -UL                         UDP-Lite to one port (default 53)
  -D, --dccp                  DCCP requests (port 33434)
  -P, --protocol=prot         Packets of this IP protocol
  --mtu                       Find out the MTU on the way; one probe at a time
  --back                      Guess the length of the way back where it differs
  -V, --version               Print the version
  --help                      Print this
  --lab=file                  Run in a lab instead of the network
  --from=node                 at this node of the lab
  --seed=number               with this seed

Arguments:
+     host          The host to find the way to
      packetlen     Length of probes, headers included (default 60, IPv6 80)
";

/// What an error that ends the road says behind the time: `!H`. Empty for the target's own.
pub fn annotation(family: Family, kind: u8, code: u8, mtu_bytes: Option<u32>) -> String {
    let too_big = || format!("!F-{}", mtu_bytes.unwrap_or(0));
    let named = match (family, kind, code) {
        (Family::V4, 3, 0 | 6 | 8 | 11) | (Family::V6, 1, 0) => "!N",
        (Family::V4, 3, 1 | 7 | 12) | (Family::V6, 1, 2 | 3) => "!H",
        (Family::V4, 3, 2) => "!P",
        (Family::V4, 3, 3) | (Family::V6, 1, 4) => "",
        (Family::V4, 3, 4) | (Family::V6, 2, _) => return too_big(),
        (Family::V4, 3, 5) => "!S",
        (Family::V4, 3, 9 | 10 | 13) | (Family::V6, 1, 1) => "!X",
        (Family::V4, 3, 14) => "!V",
        (Family::V4, 3, 15) => "!C",
        (Family::V4, 3, _) | (Family::V6, 1, _) => return format!("!<{code}>"),
        _ => return format!("!<{kind}-{code}>"),
    };
    named.to_owned()
}

/// TCP flags by name, the lowest bit first: `syn,ack`.
pub fn flags(flags: u16) -> String {
    const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    let set = NAMES.iter().zip(0..).filter(|(_, bit)| flags >> bit & 1 == 1);
    set.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

/// Extensions of an error: `MPLS:L=16,E=0,S=1,T=1`, others as `class/type:` and their words.
pub fn extensions(extensions: &[Extension]) -> String {
    let objects: Vec<String> = extensions.iter().map(extension).collect();
    objects.join(";")
}

fn extension(extension: &Extension) -> String {
    match extension {
        Extension::Mpls(labels) => {
            let mut text = "MPLS:".to_owned();
            for (at, label) in labels.iter().enumerate() {
                let slash = if at == 0 { "" } else { "/" };
                let (l, e) = (label.label, label.traffic_class);
                let (s, t) = (u8::from(label.is_bottom), label.hop_limit);
                write!(text, "{slash}L={l},E={e},S={s},T={t}").expect("a string takes everything");
            }
            text
        }
        Extension::Unknown { class, kind, body } => object(*class, *kind, body),
        Extension::Interface { role, index, address, name, mtu_bytes } => {
            let interface = Interface {
                role: *role,
                index: *index,
                address: *address,
                name: name.as_deref(),
                mtu_bytes: *mtu_bytes,
            };
            let mut bytes = Vec::new();
            interface.emit(&mut bytes);
            match bytes.as_slice() {
                [_, _, class, kind, body @ ..] => object(*class, *kind, body),
                _ => String::new(),
            }
        }
    }
}

fn object(class: u8, kind: u8, body: &[u8]) -> String {
    let hex = |word: &[u8]| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let words: Vec<String> = body.chunks(4).map(hex).collect();
    format!("{class}/{kind}:{}", words.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ext::{Label, Role};

    #[test]
    fn errors_are_named_in_both_families() {
        for (family, kind, code, text) in [
            (Family::V4, 3, 3, ""),
            (Family::V4, 3, 13, "!X"),
            (Family::V4, 3, 14, "!V"),
            (Family::V4, 3, 16, "!<16>"),
            (Family::V4, 12, 0, "!<12-0>"),
            (Family::V4, 3, 4, "!F-1400"),
            (Family::V6, 2, 0, "!F-1400"),
            (Family::V6, 1, 3, "!H"),
            (Family::V6, 1, 5, "!<5>"),
            (Family::V6, 4, 1, "!<4-1>"),
        ] {
            assert_eq!(annotation(family, kind, code, Some(1_400)), text, "{family} {kind}/{code}");
        }
    }

    #[test]
    fn extensions_are_labels_or_bytes() {
        let label = |label, is_bottom| Label { label, traffic_class: 0, is_bottom, hop_limit: 1 };
        let interface = Extension::Interface {
            role: Role::Incoming,
            index: Some(1),
            address: Some([192, 0, 2, 1].into()),
            name: None,
            mtu_bytes: None,
        };
        let all = [
            Extension::Mpls(vec![label(16, false), label(32, true)]),
            interface,
            Extension::Unknown { class: 7, kind: 1, body: vec![0, 0xff] },
        ];
        assert_eq!(
            extensions(&all),
            "MPLS:L=16,E=0,S=0,T=1/L=32,E=0,S=1,T=1;2/12:00000001,00010000,c0000201;7/1:00ff"
        );
    }
}
