//! Copies packets between two TUN devices as they are: what a gateway costs without being one.
//! `cargo xtask bench gateway` holds the gateway against it.
//!
//! Arguments: DEVICE@NAMESPACE=ADDRESS/BITS twice, and `--fast`.

use net::live::{self, Internet};
use net::tun::{Frame, Setup, Tun};
use probe::Time;
use std::net::{IpAddr, Ipv4Addr};
use wire::offload::Shape;

struct Copy;

impl Internet for Copy {
    fn receive(&mut self, _: Time, device: usize, _: &mut Frame) -> Option<usize> {
        Some(1 - device)
    }

    fn advance(&mut self, _: Time) {}

    fn due(&self) -> Time {
        Time::NEVER
    }

    fn take(&mut self, _: &mut Vec<u8>) -> Option<(usize, Shape)> {
        None
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_fast = arguments.iter().any(|it| it == "--fast");
    let ends = arguments.iter().filter(|it| !it.starts_with("--"));
    let tuns: Vec<Tun> = ends.map(|end| open(end, is_fast)).collect();
    println!("both stand");
    live::run(&tuns, &mut Copy).expect("the devices work");
}

fn open(end: &str, is_fast: bool) -> Tun {
    let (device, address) = end.split_once('=').expect("DEVICE@NAMESPACE=ADDRESS/BITS");
    let (name, namespace) = device.split_once('@').expect("DEVICE@NAMESPACE");
    let (address, bits) = address.split_once('/').expect("ADDRESS/BITS");
    let address: IpAddr = address.parse().expect("an address");
    let setup = Setup {
        addresses: vec![(address, bits.parse().expect("a number"))],
        mtu_bytes: 1_500,
        routes: vec![(Ipv4Addr::UNSPECIFIED.into(), 0)],
        is_fast,
    };
    Tun::open(name, Some(namespace), &setup).expect("root may")
}
