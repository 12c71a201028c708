//! Judging a scenario without running it: all that is wrong with it, and what is right but hardly
//! meant.

use crate::scenario::changes::Change;
use crate::scenario::impairments::{Impairments, Queue, Shape};
use crate::scenario::text::{Gathered, Source, in_order};
use crate::scenario::{LinkPlan, Scenario};
use crate::world::World;
use crate::{NodeId, ScenarioFault};
use std::collections::VecDeque;

/// What is found in a scenario, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong. Of faults that hide each other the first.
    pub faults: Vec<ScenarioFault>,
    /// What is hardly meant; looked for only if nothing is wrong.
    pub warnings: Vec<ScenarioFault>,
}

/// Judges a scenario.
#[must_use]
pub fn check(text: &str, origin: &str) -> Checked {
    let gathered = Gathered::default();
    let source = Source::gathering(text, origin, &gathered);
    let read = Scenario::read(source);
    let mut faults = gathered.take();
    let mut warnings = Vec::new();
    match read {
        Err(fault) => faults.push(fault),
        Ok(scenario) if faults.is_empty() => {
            warnings = Warnings { source, found: Vec::new() }.of(&scenario);
            faults.extend(World::build(scenario, source, None).err());
        }
        Ok(_) => {}
    }
    if !faults.is_empty() {
        warnings.clear();
    }
    Checked { faults: in_order(faults), warnings: in_order(warnings) }
}

struct Warnings<'a> {
    source: Source<'a>,
    found: Vec<ScenarioFault>,
}

impl Warnings<'_> {
    fn of(mut self, scenario: &Scenario) -> Vec<ScenarioFault> {
        self.nodes(scenario);
        let mut later = vec![Vec::new(); scenario.links.len()];
        for change in &scenario.changes {
            if let Change::Link { link, directions, .. } = &change.what {
                later[*link].extend(&**directions);
            }
        }
        for (link, later) in scenario.links.iter().zip(later) {
            self.link(scenario, link, later);
        }
        self.changes(scenario);
        self.found
    }

    fn warn(&mut self, at: usize, message: String, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_string());
        self.found.push(self.source.fault(at, message, hint));
    }

    /// Nodes without links, and those to which none lead from where instruments run.
    fn nodes(&mut self, scenario: &Scenario) {
        let (reached, has_link) = reached(scenario);
        let from = &scenario.nodes[scenario.from.0 as usize];
        if from.is_absent {
            let message = format!("instruments run at `{}`, which is absent", from.name);
            self.warn(from.at, message, "name another: from = \"NODE\"");
        }
        let mut last = None;
        for (index, node) in scenario.nodes.iter().enumerate() {
            // The members of a group stand at one place of the text.
            if reached[index] || last == Some(node.at) || scenario.nodes.len() == 1 {
                continue;
            }
            last = Some(node.at);
            match has_link[index] {
                false => self.warn(node.at, format!("`{}` has no link", node.name), ""),
                true => {
                    let message = format!("no links lead from `{}` to `{}`", from.name, node.name);
                    self.warn(node.at, message, "");
                }
            }
        }
    }

    /// A link, and what it does after changes.
    fn link(&mut self, scenario: &Scenario, link: &LinkPlan, later: Vec<&Impairments>) {
        let first = &scenario.nodes[link.ends[0].0 as usize].name;
        for (rules, whose) in [(&link.there, format!("`{first}`")), (&link.back, "others".into())] {
            if rules.loss.is_certain() {
                let message = format!("everything that {whose} send over `{}` is lost", link.name);
                let message = message.replace("` send", "` sends");
                self.warn(link.at, message, "loss = \"100%\" is a link that nobody misses");
            }
        }
        let all = [&[&link.there, &link.back], &*later].concat();
        if all.iter().all(|it| it.wire.rate_bits.is_none()) {
            if all.iter().any(|it| it.wire.queue != Queue::default()) {
                let message = format!("the queue of `{}` never fills", link.name);
                self.warn(link.at, message, "without a `rate` packets do not wait for each other");
            }
            if all.iter().any(|it| it.wire.overhead_bytes > 0) {
                let message = format!("the overhead of `{}` takes no time", link.name);
                self.warn(link.at, message, "without a `rate` no byte does");
            }
        }
        if all.iter().all(|it| it.jitter.spread.is_zero())
            && all.iter().any(|it| it.jitter.shape != Shape::Uniform || it.jitter.reorders)
        {
            let message = format!("`{}` has no jitter to shape", link.name);
            self.warn(link.at, message, "say how much: jitter = \"5ms\"");
        }
        let is_cut =
            |it: &&&Impairments| it.jitter.shape != Shape::Uniform && it.jitter.spread > it.delay;
        if all.iter().find(is_cut).is_some() {
            let message = format!("the jitter of `{}` is more than its delay", link.name);
            let hint = "packets that it would make arrive before they are sent take 1us";
            self.warn(link.at, message, hint);
        }
    }

    fn changes(&mut self, scenario: &Scenario) {
        let links = scenario.links.iter();
        let mut states: Vec<_> =
            links.map(|it| (false, [it.there.clone(), it.back.clone()])).collect();
        for change in &scenario.changes {
            if let Change::Link { link, is_down, directions } = &change.what {
                let state = (*is_down, (**directions).clone());
                if states[*link] == state {
                    let name = &scenario.links[*link].name;
                    let message = format!("nothing of `{name}` changes here");
                    self.warn(change.place, message, "");
                }
                states[*link] = state;
            }
        }
    }
}

/// Whether each node can be reached over links from where instruments run, whoever forwards, and
/// whether it has a link.
fn reached(scenario: &Scenario) -> (Vec<bool>, Vec<bool>) {
    let mut links_of = vec![Vec::new(); scenario.nodes.len()];
    for (index, link) in scenario.links.iter().enumerate() {
        for end in &link.ends {
            links_of[end.0 as usize].push(index);
        }
    }
    let has_link = links_of.iter().map(|links: &Vec<usize>| !links.is_empty()).collect();
    let mut reached = vec![false; scenario.nodes.len()];
    let mut is_passed = vec![false; scenario.links.len()];
    reached[scenario.from.0 as usize] = true;
    let mut queue: VecDeque<NodeId> = [scenario.from].into();
    while let Some(node) = queue.pop_front() {
        for link in &links_of[node.0 as usize] {
            if std::mem::replace(&mut is_passed[*link], true) {
                continue;
            }
            for end in &scenario.links[*link].ends {
                if !std::mem::replace(&mut reached[end.0 as usize], true) {
                    queue.push_back(*end);
                }
            }
        }
    }
    (reached, has_link)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\n";

    /// Line, column and message of each.
    fn told(list: &[ScenarioFault]) -> Vec<String> {
        let told = |it: &ScenarioFault| format!("{}:{} {}", it.line, it.column, it.message);
        list.iter().map(told).collect()
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = "[host]\na = { ttl = 1 }\nb = { hop_limit = 0, sillent = true }\n\
                    [[link]]\nends = [\"a\", \"b\"]\ndealy = \"1ms\"\nlos = 1\n\
                    [[link]]\nends = [\"a\", \"c\"]\n[[expect]]\ncommand = 5\n[foo]\n";
        let checked = check(text, "net.toml");
        assert_eq!(
            told(&checked.faults),
            [
                "2:7 unknown key `ttl`",
                "3:19 `hop_limit` wants a whole number from 1 to 255",
                "6:1 unknown key `dealy`",
                "7:1 unknown key `los`",
                "9:14 no node is named `c`",
                "11:11 `command` wants a text",
                "12:2 unknown key `foo`",
            ]
        );
        assert_eq!(checked.warnings, []);
    }

    #[test]
    fn what_is_said_of_both_directions_is_one_fault() {
        let text = format!("{PAIR}loss = {{ p = \"1%\", r = \"30%\", h = \"5%\" }}\n");
        let faults = check(&text, "n").faults;
        assert_eq!(told(&faults), ["6:31 unknown key `h`"]);
        let hint = "say what is hit, not what is spared: `1-h`";
        assert_eq!(faults[0].hint.as_deref(), Some(hint));
    }

    #[test]
    fn of_many_faults_the_first_are_told() {
        let many: String = (0..3_000).map(|n| format!("h{n} = {{ ttl = 1 }}\n")).collect();
        let checked = check(&format!("[host]\n{many}"), "n");
        assert_eq!(checked.faults.len(), 1_001);
        assert_eq!(checked.faults[1_000].line, 1_002);
    }

    #[test]
    fn what_reads_well_may_still_not_be_a_network() {
        let text = format!("{PAIR}networks = [\"192.0.2.0/32\"]\n");
        assert_eq!(told(&check(&text, "n").faults), ["4:1 the network 192.0.2.0 is too small"]);
        assert_eq!(told(&check("[host\n", "n").faults).len(), 1);
        assert_eq!(told(&check("", "n").faults), ["1:1 no host and no router"]);
    }

    #[test]
    fn what_is_hardly_meant_is_said() {
        let cases = [
            ("", ""),
            ("queue = 5", "4:1 the queue of `a-b` never fills"),
            ("rate = \"1mbit\"\nqueue = 5", ""),
            ("overhead = 38", "4:1 the overhead of `a-b` takes no time"),
            ("rate = \"1mbit\"\noverhead = 38", ""),
            ("jitter_shape = \"normal\"", "4:1 `a-b` has no jitter to shape"),
            (
                "delay = \"1ms\"\njitter = \"2ms\"\njitter_shape = \"normal\"",
                "4:1 the jitter of `a-b` is more than its delay",
            ),
            ("loss = { share = \"100%\", of = \"udp\" }", ""),
            ("there = { loss = \"100%\" }", "4:1 everything that `a` sends over `a-b` is lost"),
            ("[router]\nr = {}", "7:1 `r` has no link"),
            ("[[at]]\ntime = \"1s\"\nlink = \"a-b\"", "6:1 nothing of `a-b` changes here"),
            ("[[at]]\ntime = \"1s\"\nlink = \"a-b\"\ndown = true", ""),
        ];
        for (addition, warning) in cases {
            let checked = check(&format!("{PAIR}{addition}\n"), "n");
            assert_eq!(told(&checked.faults), Vec::<String>::new(), "{addition}");
            let wanted: Vec<&str> = Some(warning).filter(|it| !it.is_empty()).into_iter().collect();
            assert_eq!(told(&checked.warnings), wanted, "{addition}");
        }
        let apart = "[host]\na = {}\nb = {}\nc = { count = 2 }\n[[link]]\nends = [\"a\", \"b\"]\n\
                     [[link]]\nends = [\"c\"]\n";
        assert_eq!(told(&check(apart, "n").warnings), ["4:1 no links lead from `a` to `c1`"]);
    }
}
