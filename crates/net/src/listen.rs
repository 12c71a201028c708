//! A connection that is opened to hear what the other side says at once, as daytime and time do it:
//! a deadline over all, and no more bytes than asked for.
#![expect(clippy::disallowed_methods, reason = "a connection that blocks has no driver")]

use crate::sys::{self, Address, Socket, Watch};
use std::io::{self, Read};
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wire::Family;

/// Whom to hear, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address.
    pub to: IpAddr,
    /// IPv6 zone of a link-local address, else 0.
    pub zone: u32,
    /// The TCP port.
    pub port: u16,
    /// Our address; `None` for the system's choice.
    pub source: Option<IpAddr>,
    /// Interface or VRF to bind to, by name.
    pub interface: Option<String>,
    /// How long it may take in all, at most.
    pub patience: Duration,
    /// So many bytes are read, at most.
    pub bytes_max: usize,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When the connection was begun, nanoseconds since 1970-01-01 UTC.
    pub begun_unix_ns: i128,
    /// From then to the first bytes, or to the end without any.
    pub rtt: Duration,
    /// What came.
    pub bytes: Vec<u8>,
}

impl Listen {
    /// Connects, and reads until the other side closes, enough has come or time is up. Blocks.
    ///
    /// # Errors
    /// If there is no connection, or it breaks before anything came; `TimedOut` if nothing came in
    /// time.
    pub fn hear(&self) -> io::Result<Heard> {
        let begun = Instant::now();
        let begun_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ends = begun + self.patience;
        let socket = self.connect(ends)?;
        let mut watches = [Watch::readable(socket.fd())];
        let mut stream = socket.into_stream();
        let mut bytes = vec![0; self.bytes_max];
        let (mut length, mut rtt) = (0, None);
        while length < bytes.len() {
            match stream.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(more) => {
                    rtt.get_or_insert_with(|| begun.elapsed());
                    length += more;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What has come by then must do.
                    if !wait(&mut watches, ends)? && length == 0 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    if Instant::now() >= ends {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if length == 0 => return Err(error),
                Err(_) => break,
            }
        }
        bytes.truncate(length);
        Ok(Heard {
            begun_unix_ns: begun_unix.as_nanos() as i128,
            rtt: rtt.unwrap_or_else(|| begun.elapsed()),
            bytes,
        })
    }

    fn connect(&self, ends: Instant) -> io::Result<Socket> {
        let socket = Socket::tcp(Family::of(self.to))?;
        if let Some(name) = &self.interface {
            socket.bind_to_device(name)?;
        }
        if let Some(source) = self.source {
            socket.bind(&Address::new(source, 0, self.zone, 0))?;
        }
        match socket.connect(&Address::new(self.to, self.port, self.zone, 0)) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            done => return done.map(|()| socket),
        }
        let mut watches = [Watch::readable(socket.fd())];
        watches[0].set_writable(true);
        if !wait(&mut watches, ends)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match socket.take_error()? {
            0 => Ok(socket),
            error => Err(io::Error::from_raw_os_error(error.cast_signed())),
        }
    }
}

/// Waits until something happens; whether it did in time.
fn wait(watches: &mut [Watch; 1], ends: Instant) -> io::Result<bool> {
    loop {
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        sys::sleep(watches, Some(left))?;
        if watches[0].has_any() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    fn listen(port: u16) -> Listen {
        Listen {
            to: Ipv4Addr::LOCALHOST.into(),
            zone: 0,
            port,
            source: Some(Ipv4Addr::LOCALHOST.into()),
            interface: None,
            patience: Duration::from_secs(20),
            bytes_max: 8,
        }
    }

    fn server() -> (TcpListener, u16) {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = server.local_addr().expect("its address").port();
        (server, port)
    }

    #[test]
    fn what_is_said_is_heard_and_no_more() {
        for (said, heard) in [(&b"now"[..], &b"now"[..]), (b"", b""), (b"0123456789", b"01234567")]
        {
            let (server, port) = server();
            let speaker = thread::spawn(move || {
                let (mut stream, _) = server.accept().expect("a caller");
                stream.write_all(said).expect("it is still there");
            });
            let got = listen(port).hear().expect("it connects");
            assert_eq!(got.bytes, heard);
            assert!(got.begun_unix_ns > 1_700_000_000_000_000_000);
            speaker.join().expect("it ends");
        }
    }

    #[test]
    fn who_says_nothing_is_not_waited_for_for_ever() {
        let (_server, port) = server();
        let short = Listen { patience: Duration::from_millis(20), ..listen(port) };
        assert_eq!(short.hear().expect_err("silence").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn where_nobody_is_the_connection_is_refused() {
        let (server, port) = server();
        drop(server);
        let error = listen(port).hear().expect_err("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
