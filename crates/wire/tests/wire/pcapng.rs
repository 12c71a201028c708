//! Capture files: what is written reads back, also by another parser; what others write is read.

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, PcapBlockOwned, PcapError};
use wire::pcapng::{
    BLOCK_MAX_BYTES, Broken, Direction, Interface, Packet, Reader, SNAPLEN_MAX, Statistics, Why,
    Writer, classic, link,
};

/// A packet that outlives its reader: section, interface, link type, time, direction, comment,
/// original length, bytes.
type Kept = (u32, u32, u16, Option<i128>, Direction, Option<Vec<u8>>, u32, Vec<u8>);

/// Everything that can be read of a file that comes in pieces of that size.
fn read(file: &[u8], piece: usize) -> (Vec<Kept>, Result<(), Broken>) {
    let mut reader = Reader::default();
    let mut packets = Vec::new();
    for piece in file.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.read() {
                Ok(Some(record)) => {
                    let it = record.packet;
                    packets.push((
                        record.section,
                        it.interface,
                        record.interface.link,
                        it.time_ns,
                        it.direction,
                        it.comment.map(<[u8]>::to_vec),
                        it.original_bytes,
                        it.bytes.to_vec(),
                    ));
                }
                Ok(None) => break,
                Err(broken) => return (packets, Err(broken)),
            }
        }
    }
    (packets, reader.finish())
}

fn interface(name: &str, link: u16) -> Interface {
    let description = Some(format!("the link {name} — 链路"));
    Interface { link, snaplen: 0, name: Some(name.to_owned()), description }
}

const PACKETS: &[Packet<'static>] = &[
    Packet {
        interface: 0,
        time_ns: Some(1_700_000_000_123_456_789),
        direction: Direction::Outbound,
        comment: Some("lost on the way — 丢了".as_bytes()),
        original_bytes: 1_514,
        bytes: &[1, 2, 3, 4, 5],
    },
    Packet {
        interface: 1,
        time_ns: Some(0),
        direction: Direction::Inbound,
        comment: None,
        original_bytes: 4,
        bytes: &[9, 8, 7, 6],
    },
    Packet {
        interface: 1,
        time_ns: Some(u64::MAX as i128),
        direction: Direction::Unknown,
        comment: None,
        original_bytes: 0,
        bytes: &[],
    },
    Packet {
        interface: 0,
        time_ns: None,
        direction: Direction::Unknown,
        comment: None,
        original_bytes: 60,
        bytes: &[1, 2, 3],
    },
];

fn written() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new("a test", &mut out);
    writer.interface(&interface("h1-r1", link::ETHERNET), &mut out);
    writer.interface(&interface("r1-h2", link::RAW), &mut out);
    for packet in &PACKETS[..3] {
        writer.packet(packet, &mut out);
    }
    let statistics = Statistics { time_ns: 5, received: 3, dropped: 1 };
    writer.statistics(1, &statistics, &mut out);
    out
}

#[test]
fn what_is_written_reads_back_in_pieces_of_any_size() {
    let file = written();
    for piece in 1..=file.len() {
        let (read, end) = read(&file, piece);
        assert_eq!(end, Ok(()), "pieces of {piece}");
        assert_eq!(read.len(), 3);
        for (kept, packet) in read.iter().zip(PACKETS) {
            assert_eq!(
                (kept.1, kept.3, kept.4),
                (packet.interface, packet.time_ns, packet.direction)
            );
            assert_eq!(kept.5.as_deref(), packet.comment);
            assert_eq!((kept.6, &kept.7[..]), (packet.original_bytes, packet.bytes));
        }
        assert_eq!((read[0].2, read[1].2), (link::ETHERNET, link::RAW));
    }
    let mut reader = Reader::default();
    reader.push(&file);
    while let Ok(Some(_)) = reader.read() {}
    let names: Vec<Interface> = reader.interfaces().cloned().collect();
    assert_eq!(names, [interface("h1-r1", link::ETHERNET), interface("r1-h2", link::RAW)]);
}

#[test]
fn a_packet_without_a_time_stays_without() {
    let mut out = Vec::new();
    let mut writer = Writer::new("a test", &mut out);
    writer.interface(&Interface { snaplen: 3, ..interface("a", link::RAW) }, &mut out);
    writer.packet(&Packet { original_bytes: 3, ..PACKETS[3] }, &mut out);
    // One that was cut cannot do without.
    writer.packet(&PACKETS[3], &mut out);
    let (packets, end) = read(&out, 7);
    assert_eq!(end, Ok(()));
    let told = |at: usize| (packets[at].3, packets[at].6, &packets[at].7[..]);
    assert_eq!(told(0), (None, 3, &[1_u8, 2, 3][..]));
    assert_eq!(told(1), (Some(0), 60, &[1_u8, 2, 3][..]));
}

#[test]
fn another_parser_reads_what_we_write() {
    let file = written();
    let mut reader = pcap_parser::PcapNGReader::new(65_536, &file[..]).unwrap();
    let (mut names, mut packets, mut statistics) = (Vec::new(), 0, 0);
    loop {
        match reader.next() {
            Ok((bytes, block)) => {
                let PcapBlockOwned::NG(block) = block else { panic!("a pcapng file") };
                match block {
                    Block::SectionHeader(header) => {
                        assert_eq!((header.major_version, header.minor_version), (1, 0));
                    }
                    Block::InterfaceDescription(it) => {
                        assert_eq!((it.if_tsresol, it.if_tsoffset), (9, 0));
                        let name = it.options.iter().find(|option| option.code.0 == 2).unwrap();
                        names.push((it.linktype.0, text(name)));
                    }
                    Block::EnhancedPacket(it) => {
                        let ours = &PACKETS[packets];
                        packets += 1;
                        assert_eq!(it.if_id, ours.interface);
                        let units = u64::from(it.ts_high) << 32 | u64::from(it.ts_low);
                        assert_eq!(i128::from(units), ours.time_ns.unwrap());
                        assert_eq!(it.packet_data(), ours.bytes);
                        assert_eq!(it.orig_len(), ours.original_bytes);
                        let comment = it.options.iter().find(|option| option.code.0 == 1);
                        assert_eq!(comment.map(text), ours.comment.map(owned));
                    }
                    Block::InterfaceStatistics(it) => {
                        assert_eq!(it.if_id, 1);
                        statistics += 1;
                    }
                    other => panic!("{other:?}"),
                }
                reader.consume(bytes);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((packets, statistics), (3, 1));
    assert_eq!(names, [(1, "h1-r1".to_owned()), (101, "r1-h2".to_owned())]);
}

fn text(option: &pcap_parser::PcapNGOption<'_>) -> String {
    let value: &[u8] = option.value.as_ref();
    owned(&value[..usize::from(option.len)])
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn classic_files_of_either_order_and_unit_are_read() {
    for (is_big, magic, nanoseconds) in [
        (false, 0xa1b2_c3d4_u32, 7_000_i128),
        (true, 0xa1b2_c3d4, 7_000),
        (false, 0xa1b2_3c4d, 7),
        (true, 0xa1b2_3c4d, 7),
    ] {
        let word = |value: u32| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        let half = |value: u16| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut file = word(magic).to_vec();
        file.extend([half(2), half(4)].concat());
        // Of the link type's word the upper half tells of something else.
        file.extend([0, 0, 65_535, 0x4000_0071].map(word).concat());
        file.extend([1_700_000_000, 7, 3, 60].map(word).concat());
        file.extend([1, 2, 3]);
        let (packets, end) = read(&file, 5);
        assert_eq!(end, Ok(()));
        let time = 1_700_000_000_000_000_000 + nanoseconds;
        let kept = (0, 0, 113, Some(time), Direction::Unknown, None, 60, vec![1, 2, 3]);
        assert_eq!(packets, [kept]);
    }
    let mut file = Vec::new();
    classic::header(link::ETHERNET, &mut file);
    classic::packet(&PACKETS[0], &mut file);
    let (packets, end) = read(&file, 1);
    assert_eq!((packets.len(), end), (1, Ok(())));
    assert_eq!(packets[0].3, PACKETS[0].time_ns);
    let other = pcap_parser::PcapCapture::from_file(&file).unwrap();
    assert_eq!(other.blocks[0].ts_usec, 123_456_789);
    assert_eq!(other.blocks[0].origlen, 1_514);
}

/// A block of either byte order.
fn block(is_big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let word = |value: u32| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
    let length = word(body.len() as u32 + 12);
    [&word(kind), &length, body, &length].concat()
}

fn section(is_big: bool) -> Vec<u8> {
    let body: [u8; 16] = match is_big {
        true => [0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
        false => [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
    };
    block(is_big, 0x0a0d_0d0a, &body)
}

#[test]
fn sections_of_both_orders_follow_one_another_and_unknown_blocks_are_skipped() {
    let mut file = Vec::new();
    for is_big in [true, false] {
        let word = |value: u32| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        let half = |value: u16| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        file.extend(section(is_big));
        file.extend(block(is_big, 0x0bad, &[0xee; 100]));
        let options =
            [&half(14)[..], &half(8), &offset(is_big), &half(9), &half(1), &[0x81, 0, 0, 0]];
        let description = [&half(1)[..], &half(0), &word(0), &options.concat()].concat();
        file.extend(block(is_big, 1, &description));
        let words = [0, 0, 3, 2, 2].map(word).concat();
        file.extend(block(is_big, 6, &[&words[..], &[5, 6, 0, 0]].concat()));
        // The obsolete packet block, and one without a time.
        let words = [0, 3, 1, 9].map(word).concat();
        let old = [&half(0)[..], &half(0), &words, &[7, 0, 0, 0]].concat();
        file.extend(block(is_big, 2, &old));
        file.extend(block(is_big, 3, &[&word(2)[..], &[1, 2, 0, 0]].concat()));
    }
    let (packets, end) = read(&file, 11);
    assert_eq!(end, Ok(()));
    // Three halves of a second after 100 s.
    let time = Some(101_500_000_000);
    for section in [0, 1] {
        let kept = &packets[section as usize * 3..][..3];
        let direction = Direction::Unknown;
        assert_eq!(kept[0], (section, 0, 1, time, direction, None, 2, vec![5, 6]));
        assert_eq!(kept[1], (section, 0, 1, time, direction, None, 9, vec![7]));
        assert_eq!(kept[2], (section, 0, 1, None, direction, None, 2, vec![1, 2]));
    }
    assert_eq!(packets.len(), 6);
}

fn offset(is_big: bool) -> [u8; 8] {
    if is_big { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() }
}

#[test]
fn every_resolution_is_a_time() {
    for (resolution, units, time_ns) in [
        (0_u8, 7_u64, 7_000_000_000_i128),
        (3, 7, 7_000_000),
        (6, 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (9, u64::MAX, u64::MAX as i128),
        (12, 1_234_567, 1_234),
        (0x7f, u64::MAX, 0),
        (0x80, u64::MAX, u64::MAX as i128 * 1_000_000_000),
        (0x8a, 1_536, 1_500_000_000),
        (0xff, u64::MAX, 0),
    ] {
        let mut file = section(false);
        let option = [9, 0, 1, 0, resolution, 0, 0, 0];
        file.extend(block(false, 1, &[&[1, 0, 0, 0, 0, 0, 0, 0][..], &option].concat()));
        let words = [0, (units >> 32) as u32, units as u32, 0, 0].map(u32::to_le_bytes).concat();
        file.extend(block(false, 6, &words));
        let (packets, end) = read(&file, usize::MAX);
        assert_eq!((packets[0].3, end), (Some(time_ns), Ok(())), "{resolution:#x}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_gives_what_was_whole() {
    let mut classic_file = Vec::new();
    classic::header(link::ETHERNET, &mut classic_file);
    classic::packet(&PACKETS[0], &mut classic_file);
    for file in [written(), classic_file] {
        let (whole, _) = read(&file, usize::MAX);
        let mut clean = 0;
        for end in 0..file.len() {
            let (packets, ended) = read(&file[..end], 16);
            assert_eq!(packets, whole[..packets.len()], "cut at {end}");
            match ended {
                Ok(()) => clean += 1,
                Err(Broken { at, why: Why::Truncated { needed, got } }) => {
                    assert!(got < needed && at + got == end as u64, "{at} {needed} {got} {end}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        // Cut between blocks a file is whole.
        assert!(clean < 8, "{clean}");
    }
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_set_aside() {
    let huge = |kind: u32, length: u32| {
        let mut file = section(false);
        file.extend(kind.to_le_bytes());
        file.extend(length.to_le_bytes());
        file
    };
    for (file, why) in [
        (huge(6, 0xffff_fffc), Why::TooLong(0xffff_fffc)),
        (huge(6, BLOCK_MAX_BYTES + 4), Why::TooLong(BLOCK_MAX_BYTES + 4)),
        (huge(6, 8), Why::Length(8)),
        (huge(99, 0), Why::Length(0)),
        (huge(99, 13), Why::Length(13)),
        (b"GIF89a".to_vec(), Why::Magic(*b"GIF8")),
    ] {
        let (packets, end) = read(&file, 3);
        assert!(packets.is_empty());
        assert_eq!(end.map_err(|broken| broken.why), Err(why));
    }
    // An unknown block of four gigabytes is passed over without being kept.
    let mut reader = Reader::default();
    reader.push(&huge(99, 0xffff_fffc));
    assert_eq!(reader.read(), Ok(None));
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            reader.push(&[0; 65_536]);
            assert_eq!(reader.read(), Ok(None));
        }
    });
    assert!(counted.bytes_max < 200_000, "{}", counted.bytes_max);
    assert!(matches!(reader.finish(), Err(Broken { why: Why::Truncated { .. }, .. })));
}

#[test]
fn packets_of_nobody_and_crooked_blocks_are_refused() {
    let packet = block(false, 6, &[0; 20]);
    let mut crooked = packet.clone();
    crooked[28] = 36;
    let mut long = block(false, 6, &[0; 20]);
    long[20] = 1;
    let describe = block(false, 1, &[1, 0, 0, 0, 0, 0, 0, 0]);
    for (blocks, why) in [
        (packet.clone(), Why::Interface(0)),
        ([describe.clone(), crooked].concat(), Why::Trailer(36)),
        ([describe, long].concat(), Why::Length(1)),
        (block(false, 1, &[1, 0]), Why::Length(14)),
    ] {
        let (packets, end) = read(&[section(false), blocks].concat(), usize::MAX);
        assert!(packets.is_empty());
        assert_eq!(end.map_err(|broken| broken.why), Err(why));
    }
}

#[test]
fn what_is_too_long_to_write_is_cut() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&"x".repeat(100_000), &mut out);
    writer.interface(&interface("a", link::RAW), &mut out);
    let comment = "路".repeat(30_000);
    let bytes = vec![7; SNAPLEN_MAX as usize + 5];
    let packet = Packet { comment: Some(comment.as_bytes()), bytes: &bytes, ..PACKETS[0] };
    writer.packet(&packet, &mut out);
    let (packets, end) = read(&out, usize::MAX);
    assert_eq!(end, Ok(()));
    let (.., kept_comment, original_bytes, kept) = &packets[0];
    assert_eq!((*original_bytes, kept.len()), (SNAPLEN_MAX + 5, SNAPLEN_MAX as usize));
    let kept_comment = str::from_utf8(kept_comment.as_deref().unwrap()).unwrap();
    assert_eq!(kept_comment.len(), 65_532);
}
