//! Classic BPF: programs that decide about packets, as the kernel's socket filters run them, and a
//! machine that runs them here (linux/bpf_common.h).
//!
//! Left out is what no filter of ours uses: stores and ancillary loads other than the protocol.

/// One instruction, laid out as `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation: see [`code`].
    pub code: u16,
    /// How many instructions to skip if a test holds.
    pub jump_true: u8,
    /// How many instructions to skip if it does not.
    pub jump_false: u8,
    /// Operand.
    pub k: u32,
}

/// Operations: class, size and mode, or operation and source.
pub mod code {
    /// A = the word at k.
    pub const LOAD_WORD: u16 = 0x20;
    /// A = the half word at k.
    pub const LOAD_HALF: u16 = 0x28;
    /// A = the byte at k.
    pub const LOAD_BYTE: u16 = 0x30;
    /// A = the word at X + k.
    pub const LOAD_WORD_INDEXED: u16 = 0x40;
    /// A = the half word at X + k.
    pub const LOAD_HALF_INDEXED: u16 = 0x48;
    /// A = the byte at X + k.
    pub const LOAD_BYTE_INDEXED: u16 = 0x50;
    /// A = the packet's length on the wire.
    pub const LOAD_LENGTH: u16 = 0x80;
    /// X = 4 * (the byte at k & 15): the length of an IPv4 header.
    pub const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
    /// A = A & k.
    pub const AND: u16 = 0x54;
    /// Return k: how many bytes of the packet are wanted.
    pub const RETURN: u16 = 0x06;
    /// Skip k instructions.
    pub const JUMP: u16 = 0x05;
    /// Is A = k?
    pub const JUMP_EQUAL: u16 = 0x15;
    /// Is A > k?
    pub const JUMP_GREATER: u16 = 0x25;
    /// Is A >= k?
    pub const JUMP_AT_LEAST: u16 = 0x35;
    /// Is any bit of k set in A?
    pub const JUMP_ANY_BIT: u16 = 0x45;
}

/// Where the kernel has what is not in the packet (SKF_AD_OFF): here, the protocol.
pub const PROTOCOL_AT: u32 = 0xffff_f000;

/// The kernel takes no longer programs (BPF_MAXINSNS).
pub const INSTRUCTIONS_MAX: usize = 4_096;

/// How many bytes of a packet a program wants; 0 for a packet that it does not. `length` is the
/// packet's on the wire. As in the kernel, a load from beyond the packet ends the program with 0,
/// and so does anything that no program should do. Jumps only go forward, so every program ends.
pub fn run(program: &[Instruction], packet: &[u8], length: u32) -> u32 {
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
    let load = |offset: u32, bytes: usize| -> Option<u32> {
        let offset = offset as usize;
        let slice = packet.get(offset..offset.checked_add(bytes)?)?;
        Some(slice.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    };
    while let Some(&Instruction { code, jump_true, jump_false, k }) = program.get(at) {
        at += 1;
        let loaded = match code {
            code::LOAD_WORD => load(k, 4),
            code::LOAD_HALF => load(k, 2),
            code::LOAD_BYTE => load(k, 1),
            code::LOAD_WORD_INDEXED => x.checked_add(k).and_then(|at| load(at, 4)),
            code::LOAD_HALF_INDEXED => x.checked_add(k).and_then(|at| load(at, 2)),
            code::LOAD_BYTE_INDEXED => x.checked_add(k).and_then(|at| load(at, 1)),
            code::LOAD_LENGTH => Some(length),
            code::AND => Some(a & k),
            code::LOAD_X_HEADER_LENGTH => match load(k, 1) {
                Some(byte) => {
                    x = (byte & 0x0f) * 4;
                    continue;
                }
                None => None,
            },
            code::RETURN => return k,
            code::JUMP => {
                at = at.saturating_add(k as usize);
                continue;
            }
            code::JUMP_EQUAL | code::JUMP_GREATER | code::JUMP_AT_LEAST | code::JUMP_ANY_BIT => {
                let holds = match code {
                    code::JUMP_EQUAL => a == k,
                    code::JUMP_GREATER => a > k,
                    code::JUMP_AT_LEAST => a >= k,
                    _ => a & k != 0,
                };
                at += usize::from(if holds { jump_true } else { jump_false });
                continue;
            }
            _ => None,
        };
        match loaded {
            Some(value) => a = value,
            None => return 0,
        }
    }
    0
}
