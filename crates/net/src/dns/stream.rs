//! DNS by TCP, for what does not fit a datagram (RFC 7766): one question, one connection.

use super::now;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long it may take in all: others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks, and returns the first message that comes, up to 65,535 bytes of it.
pub(super) fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let until = now() + PATIENCE;
    let length = u16::try_from(question.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Length and message in one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes()[..], question].concat())?;
    let mut fill = |buffer: &mut [u8]| {
        let mut filled = 0;
        while filled < buffer.len() {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    };
    let mut length = [0; 2];
    fill(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    fill(&mut message)?;
    Ok(message)
}
