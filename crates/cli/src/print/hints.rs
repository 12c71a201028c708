//! What the TTL of an answer suggests: where it started, how far away, and who starts there. A
//! guess, and shown as one.

/// Systems and the TTL that their packets start with.
const TABLE: &str = include_str!("../../data/initial-ttl.tsv");

/// A path with more hops than this is not believed in.
const HOPS_MAX: u8 = 32;

/// A guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The TTL that the answer probably started with.
    pub initial: u8,
    /// Hops that it lost since.
    pub hops: u8,
    /// Systems whose ICMP starts there: `Windows XP`. Each once, in the order of the table.
    pub systems: Vec<String>,
}

/// What the TTL of an answer suggests. Among the initial values that leave a believable distance
/// the one with the most systems wins, the nearest among equals.
pub fn guess(hop_limit: u8) -> Option<Guess> {
    let mut best: Option<Guess> = None;
    let mut initials: Vec<u8> = rows().map(|(_, initial)| initial).collect();
    initials.sort_unstable();
    initials.dedup();
    for initial in initials {
        let Some(hops) = initial.checked_sub(hop_limit).filter(|hops| *hops <= HOPS_MAX) else {
            continue;
        };
        let systems = systems(initial);
        if best.as_ref().is_none_or(|best| systems.len() > best.systems.len()) {
            best = Some(Guess { initial, hops, systems });
        }
    }
    best
}

fn systems(initial: u8) -> Vec<String> {
    let mut systems: Vec<String> = Vec::new();
    for (system, _) in rows().filter(|(_, value)| *value == initial) {
        if !systems.contains(&system) {
            systems.push(system);
        }
    }
    systems
}

/// The rows that hold for ICMP: those that name it and those that name no protocol.
fn rows() -> impl Iterator<Item = (String, u8)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let (system, version) = (columns.next()?, columns.next()?);
        let (protocols, initial) = (columns.next()?, columns.next()?);
        let is_icmp = protocols.is_empty() || protocols.contains("ICMP");
        let name = format!("{system} {version}").trim_end().to_owned();
        is_icmp.then_some((name, initial.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_values_are_recognised() {
        let initial_and_hops = |ttl| guess(ttl).map(|guess| (guess.initial, guess.hops));
        assert_eq!(initial_and_hops(64), Some((64, 0)));
        assert_eq!(initial_and_hops(52), Some((64, 12)));
        assert_eq!(initial_and_hops(117), Some((128, 11)));
        assert_eq!(initial_and_hops(255), Some((255, 0)));
        assert_eq!(initial_and_hops(246), Some((255, 9)));
        assert_eq!(initial_and_hops(198), Some((200, 2)));
        assert_eq!(initial_and_hops(150), None);
    }

    #[test]
    fn systems_are_named_once() {
        let systems = guess(64).expect("known").systems;
        assert!(systems.contains(&"Linux Red Hat 9".to_owned()));
        let mut unique = systems.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), systems.len());
    }

    #[test]
    fn the_table_is_read_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
        let icmp = lines.filter(|line| {
            let protocols = line.split('\t').nth(2);
            protocols.is_some_and(|it| it.is_empty() || it.contains("ICMP"))
        });
        assert_eq!(icmp.count(), rows().count());
    }
}
