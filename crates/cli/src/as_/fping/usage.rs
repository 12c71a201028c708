//! What fping says of itself: its version, and its options in short.

use super::options::Leave;

/// What `-v` shows.
pub fn version(called: &str) -> Leave {
    let ours = env!("CARGO_PKG_VERSION");
    let stdout = format!("{called}: Version 5.5 (spoken by askway {ours})\n");
    Leave { stdout, stderr: String::new(), code: 0 }
}

/// All options. On standard output if it was asked for (code 0), else on standard error.
pub fn usage(called: &str, code: u8) -> Leave {
    let text = format!("Usage: {called} [options] [targets...]\n{USAGE}");
    match code {
        0 => Leave { stdout: text, stderr: String::new(), code },
        _ => Leave { stdout: String::new(), stderr: text, code },
    }
}

// Scripts look for options here, so each stands as fping writes it: `   -x, --long=ARG`.
pub const USAGE: &str = "
Probing options:
   -4, --ipv4         IPv4 only
   -6, --ipv6         IPv6 only
   -b, --size=BYTES   payload of a probe (default: 56)
   -B, --backoff=N    each retry waits N times as long as the try before (default: 1.5)
   -c, --count=N      N probes to each target, then a summary
   -f, --file=FILE    targets from a file, one a line (- is standard input)
   -g, --generate     all addresses of a prefix (192.0.2.0/24, 2001:db8::/112)
                      or from one to another
   -H, --ttl=N        TTL or hop limit of probes
   -i, --interval=MSEC  least time between any two probes (default: 10 ms)
   -I, --iface=IFACE  bind to an interface
       --oiface=IFACE  the same
   -k, --fwmark=FWMARK firewall mark of probes
   -l, --loop         probes without end
   -m, --all          all addresses of a name, not just the first
   -M, --dontfrag     set Don't Fragment
   -O, --tos=N        type of service or traffic class of probes
   -p, --period=MSEC  from one probe to a target to the next with -c, -C and -l (default: 1000 ms)
   -r, --retry=N      probes after the first (default: 3)
   -R, --random       random payload instead of zeros
   -S, --src=IP       source address
       --seqmap-timeout=MSEC accepted; any number of probes may be in flight
   -t, --timeout=MSEC how long to wait for the first answer (default: 500 ms;
                      with -c, -C and -l the period, at most 2000 ms)
       --check-source take answers from the target's own address only
       --icmp-timestamp ask for the target's clock (IPv4)

Output options:
   -a, --alive        only targets that answer
   -A, --addr         show addresses
   -C, --vcount=N     as -c, with every round trip in the summary
   -d, --rdns         show the names that addresses have
   -D, --timestamp    begin each line with the time
       --timestamp-format=FORMAT  ctime, iso or rfc3339
   -e, --elapsed      show round trips
   -h, --help         show this
   -J, --json         one JSON object a line (with -c, -C or -l)
   -n, --name         show the names of targets that are given as addresses
   -N, --netdata      lines for netdata (with -l and -Q)
   -o, --outage       show how long a target was lost
   -q, --quiet        summaries only
   -Q, --squiet=SECS[,cumulative]  as -q, and a report every SECS seconds
   -s, --stats        totals at the end
   -u, --unreach      only targets that do not answer
   -v, --version      show the version
   -x, --reachable=N  are at least N targets alive?
   -X, --fast-reachable=N the same, and end as soon as they are
       --print-tos    show TOS or traffic class of answers
       --print-ttl    show TTL or hop limit of answers
       --print-reply-dst show the address that answers came to

Beyond fping:
       --lab=FILE     probe in a lab instead of the network
       --from=NODE    from that node of it
       --seed=N       with that seed
";
