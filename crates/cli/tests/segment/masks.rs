//! Address masks, asked of agents on a real segment.

use super::{Segment, of_type};
use serde_json::Value;
use std::collections::BTreeMap;
use testbed::Bed;

/// By sender, what was said of its answers.
fn answers(objects: &[Value]) -> BTreeMap<String, (String, Vec<String>)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |answer: &&Value| {
        let remarks = answer["remarks"].as_array().expect("a list").iter().map(text).collect();
        (text(&answer["from"]), (text(&answer["mask"]), remarks))
    };
    of_type(objects, "answer").iter().map(of).collect()
}

fn said(mask: &str, remarks: &[&str]) -> (String, Vec<String>) {
    (mask.to_owned(), remarks.iter().map(|word| (*word).to_owned()).collect())
}

const HOSTS: &[(&str, &str)] = &[
    ("asker", "192.0.2.1/25"),
    ("honest", "192.0.2.2/25"),
    ("classful", "192.0.2.3/25"),
    ("loud", "192.0.2.4/25"),
    ("short", "192.0.2.5/25"),
    ("long", "192.0.2.6/25"),
];

#[test]
fn a_segment_is_asked_and_every_answer_is_named_for_what_it_is() {
    let Some(bed) = Bed::open(&[]) else { return };
    let segment = Segment::new(bed, HOSTS);
    let _agents = [
        segment.start(0, "agent 192.0.2.1 255.255.255.128 unicast"),
        segment.start(1, "agent 192.0.2.2 255.255.255.128 unicast"),
        segment.start(2, "agent 192.0.2.3 255.255.255.0 unicast"),
        segment.start(3, "agent 192.0.2.4 255.255.255.128 192.0.2.127"),
        segment.start(4, "agent 192.0.2.5 255.255.255.128 8"),
        segment.start(5, "agent 192.0.2.6 255.255.255.128 1400"),
    ];
    for arguments in
        ["mask --json", "mask --json 192.0.2.127", "mask --json -I eth0 255.255.255.255"]
    {
        let (objects, code) = segment.askway(arguments);
        let wanted = [
            ("192.0.2.1", said("255.255.255.128", &["own_host"])),
            ("192.0.2.2", said("255.255.255.128", &[])),
            ("192.0.2.3", said("255.255.255.0", &["differs", "classful"])),
            ("192.0.2.4", said("255.255.255.128", &["broadcast"])),
        ];
        let wanted = wanted.map(|(from, said)| (from.to_owned(), said)).into();
        assert_eq!(answers(&objects), wanted, "{objects:?}");
        let remark = of_type(&objects, "remark");
        assert_eq!((&remark[0]["what"], &remark[0]["count"]), (&"malformed".into(), &2.into()));
        assert_eq!(of_type(&objects, "summary")[0]["answers"], 4, "{objects:?}");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn one_host_answers_once_and_one_that_is_no_agent_not_at_all() {
    let Some(bed) = Bed::open(&[]) else { return };
    let segment = Segment::new(bed, &HOSTS[..3]);
    let _agent = segment.start(1, "agent 192.0.2.2 255.255.255.128 unicast");
    let (objects, code) = segment.askway("mask --json -W 20s 192.0.2.2 -S 192.0.2.1");
    assert_eq!(answers(&objects).len(), 1, "{objects:?}");
    assert_eq!(code, Some(0));
    let (objects, code) = segment.askway("mask --json -W 50ms --retries 1 192.0.2.3");
    assert_eq!(of_type(&objects, "summary")[0]["asked"], 2, "{objects:?}");
    assert_eq!((answers(&objects).len(), code), (0, Some(1)));
}
