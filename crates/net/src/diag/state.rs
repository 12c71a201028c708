//! The states of a TCP socket (RFC 9293 §3.3.2), and sets of them.

/// A state. `Listen` and `Closed` are no connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// The connection stands.
    Established = 1,
    /// We asked for a connection and wait for the answer.
    SynSent,
    /// A peer asked for a connection and owes the last acknowledgement.
    SynReceived,
    /// We closed and wait for the peer's acknowledgement.
    FinWait1,
    /// The peer acknowledged our close and has not closed itself.
    FinWait2,
    /// Both closed, we first; the address pair is kept from delayed segments.
    TimeWait,
    /// Bound or not, but neither connected nor listening.
    Closed,
    /// The peer closed and our program has not.
    CloseWait,
    /// Both closed, the peer first; our FIN is unacknowledged.
    LastAck,
    /// Waits for connections.
    Listen,
    /// Both closed at the same time.
    Closing,
}

/// The kernel's own state of a request for a connection, and that of a bound socket: the first is
/// told as SYN_RECV anyway.
const NEW_SYN_RECV: u8 = 12;
const BOUND_INACTIVE: u8 = 13;

impl State {
    /// Every state, in the kernel's order.
    pub const ALL: [State; 11] = [
        State::Established,
        State::SynSent,
        State::SynReceived,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::Closed,
        State::CloseWait,
        State::LastAck,
        State::Listen,
        State::Closing,
    ];

    /// The state with that number of `enum` in the kernel's net/tcp_states.h.
    pub fn of(number: u8) -> Option<State> {
        match number {
            NEW_SYN_RECV => Some(State::SynReceived),
            BOUND_INACTIVE => Some(State::Closed),
            _ => State::ALL.into_iter().find(|state| *state as u8 == number),
        }
    }
}

/// A set of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u32);

impl States {
    /// All of them.
    pub const ALL: States = States(0xffe);

    /// A set of these.
    pub fn of(states: &[State]) -> States {
        states.iter().fold(States::default(), |set, state| set.with(States(1 << *state as u8)))
    }

    /// Those in either.
    pub fn with(self, other: States) -> States {
        States(self.0 | other.0)
    }

    /// Those in this and not in the other.
    pub fn without(self, other: States) -> States {
        States(self.0 & !other.0)
    }

    /// Whether it is in there.
    pub fn has(self, state: State) -> bool {
        self.0 & 1 << state as u8 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As the kernel takes it: bit 1 for the first state.
    pub(super) fn bits(self) -> u32 {
        self.0
    }
}
