//! What extends an ICMP error, or names the interface of an extended echo (RFC 4884 §7).

use super::{Dissection, Reader, hex, mac, same, says};
use crate::command::explain::both::{Both, Pair};
use crate::escape::escape;
use std::net::{Ipv4Addr, Ipv6Addr};
use wire::ext::{Content, Interface, Node, Object, Role, Structure};

/// Reads a structure and its objects.
pub fn structure(work: &mut Dissection, bytes: &[u8], base: usize) {
    work.section(("extensions", "扩展"));
    let mut reader = Reader::new(work, bytes, base);
    let name: Pair = ("version", "版本");
    let Some([version, _]) = reader.take::<2>(name) else { return };
    reader.put(2, name, (version >> 4).to_string(), None);
    let sum = bytes.get(2..4).unwrap_or_default();
    let is_right = match sum {
        [0, 0] => None,
        _ => Some(wire::checksum::of(bytes) == 0),
    };
    if reader.checksum(is_right).is_none() {
        return;
    }
    if version >> 4 != 2 {
        reader.work.flaw(
            base,
            format!("extensions of version {}: only 2 is known", version >> 4),
            format!("扩展的版本为 {}：只有版本2", version >> 4),
        );
        return;
    }
    let objects = Structure { has_checksum: false, bytes: &bytes[4..] }.objects();
    let mut at = 4;
    for object in objects {
        match object {
            Ok(object) => {
                let size = object.body.len() + 4;
                at += size;
                reader.at = at;
                reader.put(size, object_name(&object), kinds(&object), object_says(&object));
            }
            Err(_) => reader.work.flaw(
                base + at,
                "an extension object whose length is impossible",
                "扩展对象的长度不可能",
            ),
        }
    }
}

fn kinds(object: &Object<'_>) -> String {
    format!("class {} type {}", object.class, object.kind)
}

fn object_name(object: &Object<'_>) -> Pair {
    match object.class {
        1 => ("MPLS labels", "MPLS标签"),
        2 => ("interface", "接口"),
        3 => ("interface asked after", "所问的接口"),
        Node::CLASS => ("node", "节点"),
        _ => ("object", "对象"),
    }
}

fn object_says(object: &Object<'_>) -> Option<Both> {
    if object.class == Node::CLASS {
        let node = Node::parse(object.kind, object.body).ok()?;
        let name = node.name.map(|name| escape(&String::from_utf8_lossy(name)));
        let words = [node.address.map(|it| it.to_string()), name];
        return same(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    let Ok(content) = object.content() else {
        return says("its content is impossible", "内容不可能");
    };
    match content {
        Content::Mpls(labels) => {
            let labels: Vec<String> = labels
                .iter()
                .map(|it| {
                    let bottom = if it.is_bottom { ", bottom" } else { "" };
                    format!(
                        "label {} class {} TTL {}{bottom}",
                        it.label, it.traffic_class, it.hop_limit
                    )
                })
                .collect();
            same(labels.join("; "))
        }
        Content::Interface(it) => Some(interface(&it)),
        Content::InterfaceName(name) => {
            let name = escape(&String::from_utf8_lossy(name));
            says(format!("named {name}"), format!("名字 {name}"))
        }
        Content::InterfaceIndex(index) => says(format!("number {index}"), format!("编号 {index}")),
        Content::InterfaceAddress { family, address } => {
            let shown = match (family, address) {
                (1, [a, b, c, d]) => Ipv4Addr::new(*a, *b, *c, *d).to_string(),
                (2, bytes) => match <[u8; 16]>::try_from(bytes) {
                    Ok(bytes) => Ipv6Addr::from(bytes).to_string(),
                    Err(_) => hex(bytes, 16),
                },
                (16_389 | 16_390, bytes) if bytes.len() <= 8 => mac(bytes),
                (_, bytes) => hex(bytes, 16),
            };
            says(format!("with address {shown}"), format!("地址 {shown}"))
        }
        Content::Unknown(body) => same(hex(body, 16)),
    }
}

fn interface(it: &Interface<'_>) -> Both {
    let (mut en, mut zh) = match it.role {
        Role::Incoming => ("came in by".to_owned(), "进入的接口".to_owned()),
        Role::Component => ("came in by the component".to_owned(), "进入的子接口".to_owned()),
        Role::Outgoing => ("would leave by".to_owned(), "将从此接口离开".to_owned()),
        Role::NextHop => ("next hop".to_owned(), "下一跳".to_owned()),
    };
    let mut add = |more_en: String, more_zh: String| {
        en.push_str(&more_en);
        zh.push_str(&more_zh);
    };
    if let Some(index) = it.index {
        add(format!(" number {index}"), format!("，编号 {index}"));
    }
    if let Some(address) = it.address {
        add(format!(" {address}"), format!("，{address}"));
    }
    if let Some(name) = it.name {
        let name = escape(&String::from_utf8_lossy(name));
        add(format!(" named {name}"), format!("，名字 {name}"));
    }
    if let Some(mtu) = it.mtu_bytes {
        add(format!(" MTU {mtu}"), format!("，MTU {mtu}"));
    }
    Both { en, zh }
}
