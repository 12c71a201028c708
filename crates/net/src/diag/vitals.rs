//! `struct tcp_info` (linux/tcp.h): what the kernel knows of a connection. It grew with the kernel,
//! always at its end: what an older one does not tell is `None`.

use crate::netlink::{array, u16_at, u32_at, u64_at};

/// What the kernel knows of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Where congestion control stands.
    pub congestion_state: CongestionState,
    /// Retransmissions in a row without an answer.
    pub retransmits: u8,
    /// Window and keepalive probes in a row without an answer.
    pub probes: u8,
    /// How often the retransmission timeout was doubled.
    pub backoff: u8,
    /// Timestamps are used (RFC 7323 §3).
    pub has_timestamps: bool,
    /// Selective acknowledgements are used (RFC 2018).
    pub has_sack: bool,
    /// Shifts of the send and the receive window, if windows are scaled (RFC 7323 §2).
    pub window_scale: Option<(u8, u8)>,
    /// Congestion notification was agreed on (RFC 3168 §6.1).
    pub has_ecn: bool,
    /// A packet came that can be marked so.
    pub has_seen_ecn: bool,
    /// Data in the SYN was acknowledged (RFC 7413).
    pub has_fast_open: bool,
    /// The delivery rate is what the program had to send, and no limit of the path.
    pub is_app_limited: bool,
    /// The retransmission timeout.
    pub rto_us: u32,
    /// The time after which an acknowledgement is not delayed any longer.
    pub ato_us: u32,
    /// The payload of a full segment that we send.
    pub send_mss_bytes: u32,
    /// The largest payload that the peer seems to send.
    pub receive_mss_bytes: u32,
    /// Segments that are on their way; of a listener, connections not yet accepted.
    pub unacked: u32,
    /// Segments that the peer holds beyond a gap (SACK); of a listener, its backlog.
    pub sacked: u32,
    /// Segments that are taken for lost.
    pub lost: u32,
    /// Segments that were sent again and are not acknowledged.
    pub retransmitting: u32,
    /// How long ago data was last sent.
    pub last_sent_ms: u32,
    /// How long ago data last came.
    pub last_received_ms: u32,
    /// How long ago an acknowledgement last came.
    pub last_ack_ms: u32,
    /// The path MTU.
    pub pmtu_bytes: u32,
    /// What the receive window may grow to at present.
    pub receive_ssthresh_bytes: u32,
    /// The smoothed round trip (RFC 6298 §2).
    pub rtt_us: u32,
    /// Its variation (RFC 6298 §2).
    pub rttvar_us: u32,
    /// The slow start threshold, in segments; [`Vitals::NO_SSTHRESH`] before the first loss.
    pub ssthresh: u32,
    /// The congestion window, in segments.
    pub cwnd: u32,
    /// The maximum segment size that we told the peer.
    pub advertised_mss_bytes: u32,
    /// How far segments are expected to overtake each other.
    pub reordering: u32,
    /// The round trip as the receiving side guesses it; 0 without a guess.
    pub receive_rtt_us: u32,
    /// What the program reads in a round trip; governs the receive buffer.
    pub receive_space_bytes: u32,
    /// Segments that were ever sent again.
    pub retransmitted: u32,
    /// Bytes a second that are sent at most, by pacing.
    pub pacing_rate: Option<u64>,
    /// What that rate may be at most; all bits set for no limit.
    pub pacing_max_rate: Option<u64>,
    /// Bytes that were acknowledged.
    pub bytes_acked: Option<u64>,
    /// Bytes that came in order.
    pub bytes_received: Option<u64>,
    /// Segments sent.
    pub segments_sent: Option<u32>,
    /// Segments received.
    pub segments_received: Option<u32>,
    /// Bytes that wait to be sent for the first time.
    pub unsent_bytes: Option<u32>,
    /// The least round trip of late; all bits set without one.
    pub rtt_us_min: Option<u32>,
    /// Segments with data received.
    pub data_segments_received: Option<u32>,
    /// Segments with data sent.
    pub data_segments_sent: Option<u32>,
    /// Bytes a second that got there when last measured.
    pub delivery_rate: Option<u64>,
    /// For how long there was something to send.
    pub busy_us: Option<u64>,
    /// For how much of that the peer's window held it up.
    pub window_limited_us: Option<u64>,
    /// For how much of that our send buffer held it up.
    pub buffer_limited_us: Option<u64>,
    /// Segments with data that got there.
    pub delivered: Option<u32>,
    /// Those of them that met congestion (ECN).
    pub delivered_ce: Option<u32>,
    /// Bytes sent, again or not.
    pub bytes_sent: Option<u64>,
    /// Bytes sent again.
    pub bytes_retransmitted: Option<u64>,
    /// Segments that were sent again for nothing (D-SACK).
    pub duplicates: Option<u32>,
    /// How often segments were seen to have overtaken each other.
    pub reorderings: Option<u32>,
    /// Segments received out of order.
    pub out_of_order: Option<u32>,
    /// The peer's window.
    pub send_window_bytes: Option<u32>,
    /// Our window as the peer was told.
    pub receive_window_bytes: Option<u32>,
    /// How often another path was tried after a timeout.
    pub rehashes: Option<u32>,
    /// How often the retransmission timer ran out.
    pub timeouts: Option<u16>,
    /// How often that ended in recovery.
    pub timeout_runs: Option<u16>,
    /// How long it took altogether.
    pub timeout_ms: Option<u32>,
}

/// Where congestion control stands (`enum tcp_ca_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionState {
    /// Nothing unusual.
    Open,
    /// Duplicate acknowledgements came.
    Disorder,
    /// The window is being reduced, by ECN or by this host.
    Reduced,
    /// Something was lost and is sent again quickly.
    Recovery,
    /// The retransmission timer ran out.
    Loss,
    /// One that this program does not know.
    Unknown(u8),
}

// Bits of `tcpi_options`.
const TIMESTAMPS: u8 = 1;
const SACK: u8 = 2;
const WINDOW_SCALE: u8 = 4;
const ECN: u8 = 8;
const ECN_SEEN: u8 = 16;
const SYN_DATA: u8 = 32;

impl Vitals {
    /// What [`Vitals::ssthresh`] says before the first loss (`TCP_INFINITE_SSTHRESH`).
    pub const NO_SSTHRESH: u32 = 0x7fff_ffff;

    /// Reads the structure, however long; `None` if it is shorter than in any kernel since 2.6.
    pub fn parse(body: &[u8]) -> Option<Vitals> {
        let [_state, congestion, retransmits, probes] = array(body, 0)?;
        let [backoff, options, scales, flags] = array(body, 4)?;
        let has = |bit: u8| options & bit != 0;
        Some(Vitals {
            congestion_state: CongestionState::of(congestion),
            retransmits,
            probes,
            backoff,
            has_timestamps: has(TIMESTAMPS),
            has_sack: has(SACK),
            window_scale: has(WINDOW_SCALE).then(|| window_scale(scales)),
            has_ecn: has(ECN),
            has_seen_ecn: has(ECN_SEEN),
            has_fast_open: has(SYN_DATA),
            is_app_limited: is_app_limited(flags),
            rto_us: u32_at(body, 8)?,
            ato_us: u32_at(body, 12)?,
            send_mss_bytes: u32_at(body, 16)?,
            receive_mss_bytes: u32_at(body, 20)?,
            unacked: u32_at(body, 24)?,
            sacked: u32_at(body, 28)?,
            lost: u32_at(body, 32)?,
            retransmitting: u32_at(body, 36)?,
            last_sent_ms: u32_at(body, 44)?,
            last_received_ms: u32_at(body, 52)?,
            last_ack_ms: u32_at(body, 56)?,
            pmtu_bytes: u32_at(body, 60)?,
            receive_ssthresh_bytes: u32_at(body, 64)?,
            rtt_us: u32_at(body, 68)?,
            rttvar_us: u32_at(body, 72)?,
            ssthresh: u32_at(body, 76)?,
            cwnd: u32_at(body, 80)?,
            advertised_mss_bytes: u32_at(body, 84)?,
            reordering: u32_at(body, 88)?,
            receive_rtt_us: u32_at(body, 92)?,
            receive_space_bytes: u32_at(body, 96)?,
            retransmitted: u32_at(body, 100)?,
            pacing_rate: u64_at(body, 104),
            pacing_max_rate: u64_at(body, 112),
            bytes_acked: u64_at(body, 120),
            bytes_received: u64_at(body, 128),
            segments_sent: u32_at(body, 136),
            segments_received: u32_at(body, 140),
            unsent_bytes: u32_at(body, 144),
            rtt_us_min: u32_at(body, 148),
            data_segments_received: u32_at(body, 152),
            data_segments_sent: u32_at(body, 156),
            delivery_rate: u64_at(body, 160),
            busy_us: u64_at(body, 168),
            window_limited_us: u64_at(body, 176),
            buffer_limited_us: u64_at(body, 184),
            delivered: u32_at(body, 192),
            delivered_ce: u32_at(body, 196),
            bytes_sent: u64_at(body, 200),
            bytes_retransmitted: u64_at(body, 208),
            duplicates: u32_at(body, 216),
            reorderings: u32_at(body, 220),
            out_of_order: u32_at(body, 224),
            send_window_bytes: u32_at(body, 228),
            receive_window_bytes: u32_at(body, 232),
            rehashes: u32_at(body, 236),
            timeouts: u16_at(body, 240),
            timeout_runs: u16_at(body, 242),
            timeout_ms: u32_at(body, 244),
        })
    }

    /// The slow start threshold in segments, if there is one yet.
    pub fn ssthresh_known(&self) -> Option<u32> {
        (self.ssthresh < Vitals::NO_SSTHRESH).then_some(self.ssthresh)
    }

    /// The least round trip of late, if one was measured.
    pub fn rtt_us_min_known(&self) -> Option<u32> {
        self.rtt_us_min.filter(|us| *us != u32::MAX)
    }
}

/// Two bit fields of four bits each: the first begins at the low end of the byte where numbers do
/// with their low byte.
fn window_scale(byte: u8) -> (u8, u8) {
    match cfg!(target_endian = "little") {
        true => (byte & 15, byte >> 4),
        false => (byte >> 4, byte & 15),
    }
}

/// The first bit field of the byte, likewise.
fn is_app_limited(byte: u8) -> bool {
    byte & if cfg!(target_endian = "little") { 1 } else { 0x80 } != 0
}

impl CongestionState {
    fn of(number: u8) -> CongestionState {
        match number {
            0 => CongestionState::Open,
            1 => CongestionState::Disorder,
            2 => CongestionState::Reduced,
            3 => CongestionState::Recovery,
            4 => CongestionState::Loss,
            other => CongestionState::Unknown(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_of_any_kernel_is_read_as_far_as_it_goes() {
        let whole: Vec<u8> = (0..=255).collect();
        for length in 0..=whole.len() {
            let info = Vitals::parse(&whole[..length]);
            assert_eq!(info.is_some(), length >= 104, "{length}");
            let Some(info) = info else { continue };
            assert_eq!(info.bytes_acked.is_some(), length >= 128, "{length}");
            assert_eq!(info.send_window_bytes.is_some(), length >= 232, "{length}");
            assert_eq!(info.timeout_ms.is_some(), length >= 248, "{length}");
            assert_eq!(info.rtt_us.to_ne_bytes(), [68, 69, 70, 71]);
        }
    }
}
