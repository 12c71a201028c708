//! Lines as they stand in netascii (RFC 764): a line ends in CR LF, a CR that ends none is CR NUL.
//! On this side a line ends in LF. Nothing is lost where a pair is cut by the border of a block.

/// From a file to packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder;

impl Encoder {
    /// Appends what stands for `bytes`: at most twice as much.
    pub fn push(&self, bytes: &[u8], mut out: impl FnMut(u8)) {
        for &byte in bytes {
            match byte {
                b'\n' => [b'\r', b'\n'].into_iter().for_each(&mut out),
                b'\r' => [b'\r', 0].into_iter().for_each(&mut out),
                other => out(other),
            }
        }
    }
}

/// From packets to a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// A CR came last, and what it means stands in the byte to come.
    has_return: bool,
}

impl Decoder {
    /// Appends what `bytes` stand for. A CR before anything but LF and NUL, which no sender may
    /// write, stays as it is.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match (std::mem::take(&mut self.has_return), byte) {
                (true, b'\n') => out.push(b'\n'),
                (true, 0) => out.push(b'\r'),
                (had_return, b'\r') => {
                    out.extend(had_return.then_some(b'\r'));
                    self.has_return = true;
                }
                (had_return, other) => {
                    out.extend(had_return.then_some(b'\r'));
                    out.push(other);
                }
            }
        }
    }

    /// Appends what is left at the end: a CR that nothing followed.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend(std::mem::take(&mut self.has_return).then_some(b'\r'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder.push(bytes, |byte| out.push(byte));
        out
    }

    fn decoded(bytes: &[u8], cut: usize) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let (first, second) = bytes.split_at(cut);
        decoder.push(first, &mut out);
        decoder.push(second, &mut out);
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn lines_and_returns_are_pairs() {
        assert_eq!(encoded(b"a\nb\rc\r\n\0"), b"a\r\nb\r\0c\r\0\r\n\0");
    }

    #[test]
    fn every_text_comes_back_wherever_it_is_cut() {
        for text in [&b""[..], b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r\n\0\0\r\0\n", b"a\rb\nc\0"] {
            let wire = encoded(text);
            for cut in 0..=wire.len() {
                assert_eq!(decoded(&wire, cut), text, "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_return_that_stands_alone_stays() {
        for (wire, text) in [(&b"a\rb"[..], &b"a\rb"[..]), (b"\r\r\n", b"\r\n"), (b"x\r", b"x\r")] {
            for cut in 0..=wire.len() {
                assert_eq!(decoded(wire, cut), text);
            }
        }
    }
}
