//! A TCP connection seen from the middle: Linux's states and windows (nf_conntrack_proto_tcp of
//! 6.18, after van Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2000). Packets may be
//! lost on either side, so a state is a guess at what the two ends believe.

use super::timers::Timers;
use wire::tcp::{Segment, TcpOption, flag};

/// What is believed of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    /// Nothing yet.
    #[default]
    None,
    /// A SYN was seen.
    SynSent,
    /// A SYN-ACK was seen.
    SynRecv,
    /// The SYN-ACK was acknowledged.
    Established,
    /// A FIN was seen.
    FinWait,
    /// The FIN was acknowledged.
    CloseWait,
    /// FINs were seen both ways.
    LastAck,
    /// The last acknowledgment was seen.
    TimeWait,
    /// Reset.
    Close,
    /// A SYN was seen both ways: a simultaneous open.
    SynSent2,
}

impl State {
    /// As Linux prints it.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 10] = [
            "NONE",
            "SYN_SENT",
            "SYN_RECV",
            "ESTABLISHED",
            "FIN_WAIT",
            "CLOSE_WAIT",
            "LAST_ACK",
            "TIME_WAIT",
            "CLOSE",
            "SYN_SENT2",
        ];
        NAMES[self as usize]
    }

    /// Whether the connection is over, or soon will be.
    pub(crate) fn is_closing(self) -> bool {
        use State::*;
        matches!(self, FinWait | CloseWait | LastAck | TimeWait | Close)
    }
}

/// What a segment is, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    #[default]
    Bare,
}

impl Kind {
    fn of(flags: u16) -> Kind {
        let says = |bit| flags & bit != 0;
        match () {
            () if says(flag::RST) => Kind::Rst,
            () if says(flag::SYN) && says(flag::ACK) => Kind::SynAck,
            () if says(flag::SYN) => Kind::Syn,
            () if says(flag::FIN) => Kind::Fin,
            () if says(flag::ACK) => Kind::Ack,
            () => Kind::Bare,
        }
    }
}

/// What a segment does to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    To(State),
    /// It may be right: one end may know better.
    Ignored,
    Invalid,
}

/// By direction and kind, what a segment does in each state.
const STEPS: [[[Step; 10]; 6]; 2] = {
    use State::*;
    use Step::{Ignored as IG, Invalid as IV};
    const SS: Step = Step::To(SynSent);
    const SR: Step = Step::To(SynRecv);
    const ES: Step = Step::To(Established);
    const FW: Step = Step::To(FinWait);
    const CW: Step = Step::To(CloseWait);
    const LA: Step = Step::To(LastAck);
    const TW: Step = Step::To(TimeWait);
    const CL: Step = Step::To(Close);
    const S2: Step = Step::To(SynSent2);
    [
        [
            // None SS  SR  ES  FW  CW  LA  TW  CL  S2
            [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
            [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
            [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
            [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
            [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
            [IV; 10],
        ],
        [
            [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
            [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
            [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
            [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
            [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
            [IV; 10],
        ],
    ]
};

/// Flags of an end.
mod mark {
    /// It offers to scale its window.
    pub const SCALES: u16 = 0x01;
    /// It understands selective acknowledgments.
    pub const SACKS: u16 = 0x02;
    /// It closed first.
    pub const CLOSES: u16 = 0x04;
    /// Nobody saw it open: windows are not held against it.
    pub const LIBERAL: u16 = 0x08;
    /// Something that it sent is not acknowledged.
    pub const UNACKED: u16 = 0x10;
    /// Its greatest acknowledgment is known.
    pub const ACKED: u16 = 0x20;
    /// Of the connection: an acknowledgment may challenge a SYN (RFC 5961 §4).
    pub const CHALLENGED: u16 = 0x40;
    /// Both ends opened at once.
    pub const SIMULTANEOUS: u16 = 0x80;
    /// A SYN came that begins before the last one.
    pub const REINITIALISED: u16 = 0x100;
}

/// One end of a connection, as far as it has shown itself.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// Behind the last byte that it sent.
    end: u32,
    /// Behind the last byte that it may send.
    max_end: u32,
    /// The largest window that it offered; 0 until it was heard.
    max_window: u32,
    /// Its greatest acknowledgment.
    max_ack: u32,
    scale: u8,
    flags: u16,
}

/// A connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Connection {
    ends: [End; 2],
    last_sequence: u32,
    last_ack: u32,
    last_end: u32,
    last_window: u16,
    last_flags: u16,
    last_scale: u8,
    last_direction: u8,
    last_kind: Kind,
    retransmissions: u8,
    pub(crate) state: State,
}

/// How strictly segments are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strictness {
    /// Connections that nobody saw open are picked up (nf_conntrack_tcp_loose).
    pub(crate) is_loose: bool,
    /// Nothing but resets is held against windows (nf_conntrack_tcp_be_liberal).
    pub(crate) is_liberal: bool,
}

/// What has become of the connection besides its state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) is_answered: bool,
    pub(crate) is_assured: bool,
    /// Seconds until it is forgotten.
    pub(crate) left_seconds: u64,
}

/// What a segment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It belongs to the connection, which is remembered for so many seconds from now.
    Accepted { seconds: u32, assures: bool },
    /// It may pass, but nothing is learned from it.
    Ignored(&'static str),
    /// It belongs to no connection; what is remembered may be forgotten sooner.
    Invalid { why: &'static str, seconds: Option<u32> },
    /// The connection is over, and this begins another of the same name.
    Reopened,
    /// It is over before anybody answered.
    Refused,
}

/// A segment as tracking sees it.
#[derive(Clone, Copy, Debug)]
struct Sight {
    kind: Kind,
    sequence: u32,
    ack: u32,
    /// Behind its last byte; SYN and FIN count.
    end: u32,
    window: u16,
    has_ack: bool,
    is_syn: bool,
    is_rst: bool,
}

impl Sight {
    fn of(segment: &Segment<'_>) -> Sight {
        let says = |bit| segment.flags & bit != 0;
        let (is_syn, is_fin) = (says(flag::SYN), says(flag::FIN));
        let counted = segment.payload.len() as u32 + u32::from(is_syn) + u32::from(is_fin);
        Sight {
            kind: Kind::of(segment.flags),
            sequence: segment.sequence,
            ack: segment.acknowledgment,
            end: segment.sequence.wrapping_add(counted),
            window: segment.window,
            has_ack: says(flag::ACK),
            is_syn,
            is_rst: says(flag::RST),
        }
    }

    fn least_window(&self) -> u32 {
        u32::from(self.window).max(1)
    }
}

/// Whether one sequence number comes before another.
fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

/// Acknowledgments that are older than this, or than a window, are late ones.
const ACK_WINDOW: u32 = 66_000;

/// Whether a segment's flags go together; PSH, ECE and CWR go with all.
pub(crate) fn has_sound_flags(flags: u16) -> bool {
    use flag::{ACK, FIN, RST, SYN, URG};
    let decisive = flags & (FIN | SYN | RST | ACK | URG);
    let urgent_too = [SYN, FIN | ACK, ACK].map(|flags| flags | URG);
    [SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK].contains(&decisive)
        || urgent_too.contains(&decisive)
}

/// What a SYN's options say: scale and flags.
fn options(segment: &Segment<'_>) -> (u8, u16) {
    let (mut scale, mut flags) = (0, 0);
    for option in segment.options().map_while(Result::ok) {
        match option {
            TcpOption::End => break,
            TcpOption::SackPermitted => flags |= mark::SACKS,
            TcpOption::WindowScale(shift) => {
                scale = shift.min(14);
                flags |= mark::SCALES;
            }
            _ => {}
        }
    }
    (scale, flags)
}

/// The right edge of the last block that is acknowledged selectively, if that is beyond `ack`.
fn sack_edge(segment: &Segment<'_>, ack: u32) -> u32 {
    let options = segment.options().map_while(Result::ok);
    let blocks = options.filter_map(|option| match option {
        TcpOption::Sack(blocks) => Some(blocks),
        _ => None,
    });
    let edges = blocks.take(1).flat_map(|blocks| blocks.iter());
    edges.fold(ack, |edge, (_, right)| if after(right, edge) { right } else { edge })
}

impl Connection {
    /// What a first segment begins; `None` if nothing.
    pub(crate) fn begin(segment: &Segment<'_>, rules: Strictness) -> Option<Connection> {
        let sight = Sight::of(segment);
        let Step::To(state) = STEPS[0][sight.kind as usize][State::None as usize] else {
            return None;
        };
        let mut connection = Connection { last_kind: Kind::Bare, ..Connection::default() };
        let sender = &mut connection.ends[0];
        (sender.end, sender.max_end) = (sight.end, sight.end);
        sender.max_window = sight.least_window();
        if state == State::SynSent {
            (sender.scale, sender.flags) = options(segment);
            return Some(connection);
        }
        // Its history is lost: nothing can be said of scaled windows.
        sender.max_end = sight.end.wrapping_add(sender.max_window);
        connection.ends.iter_mut().for_each(|end| end.flags = mark::SACKS | mark::LIBERAL);
        rules.is_loose.then_some(connection)
    }

    /// Takes a segment that goes in a direction, 0 for that of the first one.
    pub(crate) fn receive(
        &mut self,
        direction: usize,
        segment: &Segment<'_>,
        rules: Strictness,
        standing: Standing,
        timers: &Timers,
    ) -> Outcome {
        let sight = Sight::of(segment);
        let old = self.state;
        let step = STEPS[direction][sight.kind as usize][old as usize];
        let new = match step {
            Step::Invalid => return invalid("no such segment in this state"),
            Step::Ignored => match self.out_of_step(direction, segment, &sight) {
                None => return Outcome::Ignored("out of step with the ends"),
                Some(resumed) => resumed,
            },
            Step::To(State::SynSent) if old >= State::TimeWait => {
                let flags = self.ends[0].flags | self.ends[1].flags;
                let was_reset =
                    usize::from(self.last_direction) == direction && self.last_kind == Kind::Rst;
                if flags & mark::CLOSES != 0 || was_reset {
                    return Outcome::Reopened;
                }
                match self.out_of_step(direction, segment, &sight) {
                    None => return Outcome::Ignored("a new connection under an old name"),
                    Some(resumed) => resumed,
                }
            }
            Step::To(new) => new,
        };
        let (new, skips_window) = match self.decide(direction, &sight, old, new, standing) {
            Ok(decided) => decided,
            Err(outcome) => return outcome,
        };
        if !skips_window {
            match self.in_window(direction, segment, &sight, rules) {
                Window::Inside => {}
                Window::Ignored(why) => return Outcome::Ignored(why),
                Window::Outside(why) => {
                    let seconds = self.shorten(direction, sight.kind, standing, timers);
                    return Outcome::Invalid { why, seconds };
                }
            }
        }
        self.settle(direction, &sight, new, standing, timers)
    }

    /// A segment that fits what the ends may know, but not what is known here: remembers it, in
    /// case that it is answered. The state to go to if it is an answer that puts all in step again.
    fn out_of_step(
        &mut self,
        direction: usize,
        segment: &Segment<'_>,
        sight: &Sight,
    ) -> Option<State> {
        let answers = sight.kind == Kind::SynAck
            && self.last_kind == Kind::Syn
            && usize::from(self.last_direction) != direction
            && sight.ack == self.last_end;
        if answers {
            self.resume(direction);
            self.state = State::SynSent;
            return Some(State::SynRecv);
        }
        self.note(direction, sight);
        if sight.kind == Kind::Syn && direction == 0 {
            self.note_options(segment);
            if self.state == State::LastAck {
                self.last_flags |= mark::CHALLENGED;
            }
        }
        if self.state == State::SynSent && sight.kind == Kind::Ack && direction == 1 {
            self.last_ack = sight.ack;
        }
        None
    }

    fn note(&mut self, direction: usize, sight: &Sight) {
        self.last_kind = sight.kind;
        self.last_direction = direction as u8;
        self.last_sequence = sight.sequence;
        self.last_end = sight.end;
        self.last_window = sight.window;
    }

    fn note_options(&mut self, segment: &Segment<'_>) {
        let (scale, flags) = options(segment);
        self.last_flags = flags;
        self.last_scale = if flags & mark::SCALES != 0 { scale } else { 0 };
    }

    /// Takes what was noted of a SYN for true, since it was answered.
    fn resume(&mut self, direction: usize) {
        let other = &mut self.ends[usize::from(self.last_direction)];
        (other.end, other.max_end) = (self.last_end, self.last_end);
        other.max_window = u32::from(self.last_window).max(1);
        other.scale = self.last_scale;
        self.last_flags &= !mark::CHALLENGED;
        other.flags = self.last_flags;
        let own = &mut self.ends[direction];
        *own = End { flags: own.flags & mark::LIBERAL, ..End::default() };
    }

    /// What the table of states cannot tell; the new state, and whether windows do not matter.
    fn decide(
        &mut self,
        direction: usize,
        sight: &Sight,
        old: State,
        new: State,
        standing: Standing,
    ) -> Result<(State, bool), Outcome> {
        match new {
            State::TimeWait => {
                let challenges = old == State::LastAck
                    && sight.kind == Kind::Ack
                    && usize::from(self.last_direction) != direction
                    && self.last_kind == Kind::Syn
                    && self.last_flags & mark::CHALLENGED != 0;
                if challenges {
                    self.last_flags &= !mark::CHALLENGED;
                    return Err(Outcome::Ignored("a challenge acknowledgment"));
                }
            }
            State::SynSent2 => self.last_flags |= mark::SIMULTANEOUS,
            State::SynRecv => {
                if self.last_flags & mark::REINITIALISED != 0 {
                    match sight.ack == self.last_end {
                        true => self.resume(direction),
                        false => self.ends.iter_mut().for_each(|end| end.flags |= mark::LIBERAL),
                    }
                }
                let is_open = direction == 1
                    && sight.kind == Kind::Ack
                    && self.last_flags & mark::SIMULTANEOUS != 0;
                if is_open {
                    return Ok((State::Established, false));
                }
            }
            State::Close if sight.kind == Kind::Rst => {
                return self.judge_reset(direction, sight, old, standing);
            }
            _ => {}
        }
        Ok((new, false))
    }

    fn judge_reset(
        &self,
        direction: usize,
        sight: &Sight,
        old: State,
        standing: Standing,
    ) -> Result<(State, bool), Outcome> {
        if old.is_closing() {
            // The name may be used again already.
            return Ok((State::Close, true));
        }
        let answers_challenge = old == State::SynSent
            && direction == 0
            && self.last_kind == Kind::Ack
            && self.last_direction == 1
            && sight.sequence == self.last_ack;
        if answers_challenge {
            return Ok((State::Close, true));
        }
        let mut new = State::Close;
        let peer = &self.ends[1 - direction];
        let is_established = old == State::Established && standing.is_assured;
        if peer.flags & mark::ACKED != 0 && self.last_kind != Kind::Syn {
            if sight.sequence == 0 && !is_established {
                return Ok((new, false));
            }
            if before(sight.sequence, peer.max_ack) {
                return Err(invalid("a reset below what was acknowledged"));
            }
            if !is_established || sight.sequence == peer.max_ack {
                return Ok((new, false));
            }
            let follows = self.last_kind == Kind::Ack
                && usize::from(self.last_direction) == direction
                && sight.sequence == self.last_end;
            if follows {
                return Ok((new, false));
            }
            // Not exactly the next number: the end may challenge it (RFC 5961 §3.2).
            new = old;
        }
        let was_let_through = standing.is_answered && self.last_kind == Kind::Syn
            || !standing.is_assured && self.last_kind == Kind::Ack;
        let answers = usize::from(self.last_direction) != direction && sight.ack == self.last_end;
        Ok((new, was_let_through && answers))
    }

    /// Seconds that are left to a connection of which a FIN or RST came out of its window.
    fn shorten(
        &mut self,
        direction: usize,
        kind: Kind,
        standing: Standing,
        timers: &Timers,
    ) -> Option<u32> {
        let ends = |kind| matches!(kind, Kind::Rst | Kind::Fin);
        if !standing.is_assured || !ends(kind) {
            return None;
        }
        if usize::from(self.last_direction) == direction || !ends(self.last_kind) {
            self.last_kind = kind;
            self.last_direction = direction as u8;
            return None;
        }
        let seconds = timers.tcp_unacknowledged;
        let is_longer = standing.left_seconds >= 120 && standing.left_seconds > seconds.into();
        is_longer.then_some(seconds)
    }

    fn settle(
        &mut self,
        direction: usize,
        sight: &Sight,
        new: State,
        standing: Standing,
        timers: &Timers,
    ) -> Outcome {
        let old = self.state;
        self.last_kind = sight.kind;
        self.last_direction = direction as u8;
        self.state = new;
        if old != new && new == State::FinWait {
            self.ends[direction].flags |= mark::CLOSES;
        }
        let usual = timers.tcp[new as usize];
        let flags = self.ends[0].flags | self.ends[1].flags;
        let mut seconds = match () {
            () if self.retransmissions >= 3 && usual > timers.tcp_max_retrans => {
                timers.tcp_max_retrans
            }
            () if sight.kind == Kind::Rst => timers.tcp[State::Close as usize],
            () if flags & mark::UNACKED != 0 && usual > timers.tcp_unacknowledged => {
                timers.tcp_unacknowledged
            }
            () if self.last_window == 0 && usual > timers.tcp_max_retrans => timers.tcp_max_retrans,
            () => usual,
        };
        let mut assures = false;
        if !standing.is_answered {
            if sight.is_rst {
                return Outcome::Refused;
            }
            if new == State::Established {
                seconds = seconds.min(timers.tcp_unacknowledged);
            }
        } else {
            assures = !standing.is_assured
                && matches!(old, State::SynRecv | State::Established)
                && new == State::Established;
        }
        Outcome::Accepted { seconds, assures }
    }

    /// The number behind the last byte of the first direction: greater ones are newer connections.
    pub(crate) fn first_end(&self) -> u32 {
        self.ends[0].end
    }
}

fn invalid(why: &'static str) -> Outcome {
    Outcome::Invalid { why, seconds: None }
}

/// Where a segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Inside,
    Ignored(&'static str),
    Outside(&'static str),
}

impl Connection {
    /// Whether a segment lies in the windows that the ends have shown; learns from it if so.
    fn in_window(
        &mut self,
        direction: usize,
        segment: &Segment<'_>,
        sight: &Sight,
        rules: Strictness,
    ) -> Window {
        let mut sack = sight.ack;
        if self.ends[1 - direction].flags & mark::SACKS != 0 {
            sack = sack_edge(segment, sack);
        }
        if let Some(window) = self.introduce(direction, segment, sight, sack, rules) {
            return window;
        }
        let [first, second] = &mut self.ends;
        let (sender, receiver) = if direction == 0 { (first, second) } else { (second, first) };
        let is_odd_reset = sight.has_ack && sight.is_rst && sight.ack == 0;
        let mut ack = sight.ack;
        if !sight.has_ack || is_odd_reset {
            (ack, sack) = (receiver.end, receiver.end);
        }
        let (mut sequence, mut end) = (sight.sequence, sight.end);
        if sight.is_rst && sequence == 0 && self.state == State::SynSent {
            // A reset that answers a SYN.
            (sequence, end) = (sender.end, sender.end);
        }
        if let Some(window) = judge(sender, receiver, sequence, end, sack, rules) {
            return window;
        }
        learn(sender, receiver, sight, (ack, sack), end);
        if sight.kind == Kind::Ack {
            let last = (self.last_sequence, self.last_ack, self.last_end, self.last_window);
            let this = (sequence, ack, end, sight.window);
            if usize::from(self.last_direction) == direction && last == this {
                self.retransmissions = self.retransmissions.saturating_add(1);
            } else {
                self.last_direction = direction as u8;
                (self.last_sequence, self.last_ack, self.last_end, self.last_window) = this;
                self.retransmissions = 0;
            }
        }
        Window::Inside
    }

    /// The first segment of an end, or another SYN of it; `Some` if no more is to be asked.
    fn introduce(
        &mut self,
        direction: usize,
        segment: &Segment<'_>,
        sight: &Sight,
        sack: u32,
        rules: Strictness,
    ) -> Option<Window> {
        let sender = &mut self.ends[direction];
        if sender.max_window == 0 {
            if sight.is_syn {
                self.open(direction, segment, sight);
                return (!sight.has_ack).then_some(Window::Inside);
            }
            // Its history is lost: the segment is believed.
            sender.end = sight.end;
            sender.max_window = (u32::from(sight.window) << sender.scale).max(1);
            sender.max_end = sight.end.wrapping_add(sender.max_window);
            let receiver = &mut self.ends[1 - direction];
            if receiver.max_window == 0 {
                (receiver.end, receiver.max_end) = (sack, sack);
            } else if sack == receiver.end.wrapping_add(1) {
                // Likely a keepalive's answer.
                receiver.end = sack;
            }
            return None;
        }
        let is_opening = matches!(self.state, State::SynSent | State::SynRecv);
        if !sight.is_syn || !is_opening {
            return None;
        }
        // RFC 9293 §3.4.3: who begins anew uses greater numbers.
        let known = sender.end;
        if after(sight.end, known) {
            self.open(direction, segment, sight);
            return (direction == 1 && !sight.has_ack).then_some(Window::Inside);
        }
        if before(sight.end, known) && direction == 0 && !sight.has_ack {
            self.note(direction, sight);
            self.note_options(segment);
            self.last_flags |= mark::REINITIALISED;
            let is_liberal = rules.is_liberal || self.ends[direction].flags & mark::LIBERAL != 0;
            return Some(match is_liberal {
                true => Window::Inside,
                false => Window::Ignored("a SYN that begins before the last one"),
            });
        }
        None
    }

    fn open(&mut self, direction: usize, segment: &Segment<'_>, sight: &Sight) {
        let (scale, flags) = options(segment);
        let end = &mut self.ends[direction];
        let kept = end.flags & mark::LIBERAL;
        (end.end, end.max_end) = (sight.end, sight.end);
        end.max_window = sight.least_window();
        (end.scale, end.flags) = (scale, kept | flags);
        // Windows are scaled if both ends offer it (RFC 7323 §2.2).
        let both = self.ends[0].flags & self.ends[1].flags;
        if direction == 1 && both & mark::SCALES == 0 {
            self.ends.iter_mut().for_each(|end| end.scale = 0);
        }
    }
}

/// Whether a segment lies outside of the windows, and on which side; `None` if inside.
fn judge(
    sender: &mut End,
    receiver: &End,
    sequence: u32,
    end: u32,
    sack: u32,
    rules: Strictness,
) -> Option<Window> {
    let is_liberal = rules.is_liberal || sender.flags & mark::LIBERAL != 0;
    let blame = |window| Some(if is_liberal { Window::Inside } else { window });
    let lowest = sender.end.wrapping_sub(receiver.max_window).wrapping_sub(1);
    let late = receiver.end.wrapping_sub(sender.max_window.max(ACK_WINDOW)).wrapping_sub(1);
    let is_acked_seen = before(sack, receiver.end.wrapping_add(1));
    if !before(sequence, sender.max_end.wrapping_add(1)) {
        let over = end.wrapping_sub(sender.max_end).wrapping_add(1);
        let is_near = receiver.max_window != 0
            && after(end, lowest)
            && after(sack, late)
            && over <= receiver.max_window
            && is_acked_seen;
        if is_near {
            // Should the other end take it after all, its acknowledgment is not to be a surprise.
            sender.end = end;
            sender.flags |= mark::UNACKED;
            return blame(Window::Ignored("more bytes than the window allows"));
        }
        return blame(Window::Outside("beyond the window"));
    }
    if !is_acked_seen {
        return blame(Window::Outside("acknowledges what nobody sent"));
    }
    if receiver.max_window != 0 && !after(end, lowest) {
        return blame(Window::Ignored("sent again after it was acknowledged"));
    }
    if !after(sack, late) {
        return blame(Window::Ignored("an acknowledgment that is much too late"));
    }
    None
}

/// Learns what both ends show by a segment inside of the windows.
fn learn(sender: &mut End, receiver: &mut End, sight: &Sight, (ack, sack): (u32, u32), end: u32) {
    let scale = if sight.is_syn { 0 } else { sender.scale };
    let window = u32::from(sight.window) << scale;
    let offered = window.wrapping_add(sack.wrapping_sub(ack));
    sender.max_window = sender.max_window.max(offered);
    if after(end, sender.end) {
        sender.end = end;
        sender.flags |= mark::UNACKED;
    }
    if sight.has_ack && (sender.flags & mark::ACKED == 0 || after(ack, sender.max_ack)) {
        sender.max_ack = ack;
        sender.flags |= mark::ACKED;
    }
    if receiver.max_window != 0 && after(end, sender.max_end) {
        let over = end.wrapping_sub(sender.max_end);
        receiver.max_window = receiver.max_window.wrapping_add(over);
    }
    let edge = sack.wrapping_add(window);
    if after(edge, receiver.max_end.wrapping_sub(1)) {
        receiver.max_end = edge.wrapping_add(u32::from(window == 0));
    }
    if ack == receiver.end {
        receiver.flags &= !mark::UNACKED;
    }
}
