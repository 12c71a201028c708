//! The map as text: the longest branch goes straight down, the others stand to its right.

use super::Said;
use super::graph::{Graph, Vertex};
use crate::escape::escape;
use crate::lang::Language;
use lab::{Sketch, SketchNode};
use std::fmt::Write;

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub is_ascii: bool,
    pub is_coloured: bool,
    pub has_addresses: bool,
    pub language: Language,
}

/// Leaves of one vertex that are drawn; of more, the first few and the last.
const LEAVES_MAX: usize = 8;

/// The signs that maps are made of.
struct Signs {
    down: &'static str,
    branch: &'static str,
    last: &'static str,
    there: &'static str,
    back: &'static str,
    /// To a vertex that stands elsewhere.
    elsewhere: &'static str,
    host: &'static str,
    router: &'static str,
    gateway: &'static str,
    absent: &'static str,
    segment: &'static str,
    more: &'static str,
}

const UNICODE: Signs = Signs {
    down: "│",
    branch: "├─",
    last: "└─",
    there: "→",
    back: "←",
    elsewhere: "⇢",
    host: "■",
    router: "●",
    gateway: "◆",
    absent: "□",
    segment: "═",
    more: "…",
};

const ASCII: Signs = Signs {
    down: "|",
    branch: "+-",
    last: "`-",
    there: "->",
    back: "<-",
    elsewhere: "=>",
    host: "[]",
    router: "()",
    gateway: "<>",
    absent: "??",
    segment: "==",
    more: "...",
};

/// Draws a network.
pub fn draw(sketch: &Sketch, origin: &str, style: Style) -> String {
    let graph = Graph::of(sketch);
    let (parents, _) = graph.tree(sketch.from.0 as usize);
    let mut children = vec![Vec::new(); graph.vertices.len()];
    for (vertex, edge) in parents.iter().enumerate() {
        if let Some(edge) = edge {
            children[graph.edges[*edge].other(vertex)].push(vertex);
        }
    }
    let signs = if style.is_ascii { &ASCII } else { &UNICODE };
    let count = graph.vertices.len();
    let mut tree = Tree {
        sketch,
        graph,
        parents,
        children,
        sizes: vec![1; count],
        is_drawn: vec![false; count],
        signs,
        style,
        out: String::new(),
    };
    tree.head(origin);
    tree.weigh();
    let from = sketch.from.0 as usize;
    for root in std::iter::once(from).chain(0..count) {
        if !tree.is_drawn[root] && (root == from || tree.parents[root].is_none()) {
            tree.draw(root, "");
        }
    }
    tree.foot(origin);
    tree.out
}

struct Tree<'a> {
    sketch: &'a Sketch,
    graph: Graph,
    /// By vertex, the edge that leads to it.
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// By vertex, how many stand below it, itself included.
    sizes: Vec<usize>,
    is_drawn: Vec<bool>,
    signs: &'static Signs,
    style: Style,
    out: String,
}

impl Tree<'_> {
    /// `line.toml: 2 hosts, 3 routers, 4 links`.
    fn head(&mut self, origin: &str) {
        let count = |kind| self.sketch.nodes.iter().filter(|node| node.kind == kind).count();
        let mut parts = Vec::new();
        for (kind, zh) in [("host", "台主机"), ("router", "台路由器"), ("gateway", "台网关")]
        {
            let count = count(kind);
            if count > 0 {
                parts.push(self.counted(count, kind, zh));
            }
        }
        parts.push(self.counted(self.sketch.links.len(), "link", "条链路"));
        let comma = self.style.language.pick(", ", "，");
        let colon = self.style.language.pick(": ", "：");
        let _ = writeln!(self.out, "{}{colon}{}\n", escape(origin), parts.join(comma));
    }

    fn counted(&self, count: usize, noun: &str, zh: &str) -> String {
        let plural = if count == 1 { "" } else { "s" };
        self.style.language.pick(format!("{count} {noun}{plural}"), format!("{count} {zh}"))
    }

    /// Sizes of subtrees, and children in order of them: the largest goes straight on, and so
    /// branches are nested at most as deep as the size has bits.
    fn weigh(&mut self) {
        let mut order: Vec<usize> = Vec::with_capacity(self.sizes.len());
        let mut stack: Vec<usize> =
            (0..self.sizes.len()).filter(|it| self.parents[*it].is_none()).collect();
        while let Some(vertex) = stack.pop() {
            order.push(vertex);
            stack.extend(&self.children[vertex]);
        }
        for vertex in order.into_iter().rev() {
            let sizes = &self.sizes;
            self.children[vertex].sort_by_key(|child| sizes[*child]);
            // Of those that are as large, the first of the file goes straight on.
            let largest = self.children[vertex].last().map(|last| sizes[*last]);
            let first = self.children[vertex].iter().position(|it| Some(sizes[*it]) == largest);
            if let Some(first) = first {
                let straight = self.children[vertex].remove(first);
                self.children[vertex].push(straight);
            }
            let below: usize = self.children[vertex].iter().map(|it| self.sizes[*it]).sum();
            self.sizes[vertex] = 1 + below;
        }
    }

    /// Draws a vertex and what stands below it; each line begins with `indent`.
    fn draw(&mut self, root: usize, indent: &str) {
        let mut next = Some(root);
        while let Some(vertex) = next {
            self.is_drawn[vertex] = true;
            let label = self.label(vertex);
            let _ = writeln!(self.out, "{indent}{label}");
            self.addresses(vertex, indent);
            let references = self.references(vertex);
            let mut below = self.children[vertex].clone();
            next = below.pop();
            self.leaves(vertex, &below, indent);
            below.retain(|child| !self.is_leaf(*child));
            for child in below {
                let (branch, down) = (self.signs.branch, self.signs.down);
                let edge = self.edge(vertex, self.parents[child]);
                let _ = writeln!(self.out, "{}", format!("{indent}{branch} {edge}").trim_end());
                self.draw(child, &format!("{indent}{down}  "));
            }
            for (index, (edge, other)) in references.iter().enumerate() {
                let is_last = next.is_none() && index + 1 == references.len();
                let branch = if is_last { self.signs.last } else { self.signs.branch };
                let edge = self.edge(vertex, Some(*edge));
                let (there, other) = (self.signs.elsewhere, self.name(*other));
                let _ = writeln!(self.out, "{indent}{branch} {edge} {there} {other}");
            }
            if let Some(child) = next {
                let edge = self.edge(vertex, self.parents[child]);
                let down = self.signs.down;
                let _ = writeln!(self.out, "{}", format!("{indent}{down} {edge}").trim_end());
            }
        }
    }

    /// Whether nothing but one link leads to a vertex.
    fn is_leaf(&self, vertex: usize) -> bool {
        self.graph.edges_of[vertex].len() == 1
    }

    /// The leaves among the branches, a line each.
    fn leaves(&mut self, vertex: usize, below: &[usize], indent: &str) {
        let leaves: Vec<usize> = below.iter().copied().filter(|it| self.is_leaf(*it)).collect();
        let hidden = leaves.len().saturating_sub(LEAVES_MAX);
        let branch = self.signs.branch;
        for (index, leaf) in leaves.iter().enumerate() {
            self.is_drawn[*leaf] = true;
            let from_end = leaves.len() - index;
            if hidden > 0 && index == 3 {
                let (more, others) = (self.signs.more, leaves.len() - 4);
                let others =
                    self.style.language.pick(format!("{others} more"), format!("另外 {others} 个"));
                let _ = writeln!(self.out, "{indent}{branch} {more} {others}");
            }
            if hidden > 0 && index >= 3 && from_end > 1 {
                continue;
            }
            let (edge, label) = (self.edge(vertex, self.parents[*leaf]), self.label(*leaf));
            let space = if edge.is_empty() { "" } else { " " };
            let _ = writeln!(self.out, "{indent}{branch} {edge}{space}{label}");
            let down = self.signs.down;
            self.addresses(*leaf, &format!("{indent}{down}  "));
        }
    }

    /// Edges that are no part of the tree, where they first come up: edge and other end.
    fn references(&self, vertex: usize) -> Vec<(usize, usize)> {
        let edges = self.graph.edges_of[vertex].iter().copied();
        let others = edges.map(|edge| (edge, self.graph.edges[edge].other(vertex)));
        let is_new = |(edge, other): &(usize, usize)| {
            let in_tree = [vertex, *other].iter().any(|it| self.parents[*it] == Some(*edge));
            !in_tree && !self.is_drawn[*other]
        };
        others.filter(is_new).collect()
    }

    /// What a link does as seen from a vertex: `10ms, loss 1%`, or both ways.
    fn edge(&self, from: usize, edge: Option<usize>) -> String {
        let Some(edge) = edge.map(|edge| self.graph.edges[edge]) else { return String::new() };
        // What a segment does stands at the segment.
        if edge.ends.iter().any(|it| matches!(self.graph.vertices[*it], Vertex::Segment(_))) {
            return String::new();
        }
        self.dim(&self.traits(edge.link, edge.ends[0] == from))
    }

    fn traits(&self, link: usize, is_along: bool) -> String {
        let link = &self.sketch.links[link];
        let ends = link.ends.iter().map(|node| self.sketch.nodes[node.0 as usize].name.as_str());
        let usual = ends.collect::<Vec<_>>().join("-");
        let name = if link.name == usual || link.ends.len() > 2 {
            String::new()
        } else {
            format!("{}: ", escape(&link.name))
        };
        let said = Said::of(link);
        let said = match is_along {
            true => said,
            false => Said { same: said.same, there: said.back, back: said.there },
        };
        let traits = said.lines([self.signs.there, self.signs.back]).join("  ");
        let traits = if self.style.is_ascii { traits.replace('±', "+-") } else { traits };
        format!("{name}{traits}")
    }

    fn name(&self, vertex: usize) -> String {
        match self.graph.vertices[vertex] {
            Vertex::Node(node) => self.bold(&self.sketch.nodes[node].name),
            Vertex::Segment(link) => self.bold(&escape(&self.sketch.links[link].name)),
        }
    }

    /// Sign, name and what is special.
    fn label(&self, vertex: usize) -> String {
        let name = self.name(vertex);
        match self.graph.vertices[vertex] {
            Vertex::Node(index) => {
                let node = &self.sketch.nodes[index];
                let mut notes = node.notes.join(", ");
                if index == self.sketch.from.0 as usize {
                    let here = self.style.language.pick("runs start here", "运行从这里开始");
                    let comma = if notes.is_empty() { "" } else { ", " };
                    notes = format!("{here}{comma}{notes}");
                }
                let notes =
                    if notes.is_empty() { notes } else { format!("  {}", self.dim(&notes)) };
                format!("{} {name}{notes}", self.sign(node))
            }
            Vertex::Segment(link) => {
                let traits = self.dim(&self.traits(link, true));
                format!("{} {name}  {traits}", self.signs.segment)
            }
        }
    }

    fn sign(&self, node: &SketchNode) -> &'static str {
        match node.kind {
            _ if node.notes.contains(&"absent") => self.signs.absent,
            "host" => self.signs.host,
            "gateway" => self.signs.gateway,
            _ => self.signs.router,
        }
    }

    /// The addresses of a node, a line for each link.
    fn addresses(&mut self, vertex: usize, indent: &str) {
        let Vertex::Node(index) = self.graph.vertices[vertex] else { return };
        if !self.style.has_addresses {
            return;
        }
        let addresses = &self.sketch.nodes[index].addresses;
        for of_link in addresses.chunk_by(|one, other| one.2 == other.2) {
            let numbers = of_link.iter().map(|(address, bits, _)| format!("{address}/{bits}"));
            let numbers: Vec<String> = numbers.collect();
            let is_leaf = self.children[vertex].is_empty();
            let down = if is_leaf { " " } else { self.signs.down };
            let line = format!("{indent}{down}   {}", self.dim(&numbers.join(" ")));
            let _ = writeln!(self.out, "{line}");
        }
    }

    /// What changes, what the signs mean, and what could be tried.
    fn foot(&mut self, origin: &str) {
        let language = self.style.language;
        if !self.sketch.changes.is_empty() {
            self.out.push('\n');
        }
        for (at, what) in &self.sketch.changes {
            let seconds = at.as_secs_f64();
            let line = language.pick(format!("at {seconds} s: "), format!("{seconds} 秒时："));
            let _ = writeln!(self.out, "{line}{}", escape(what));
        }
        let mut tried = self.sketch.commands.clone();
        // Addresses by name are for tests.
        tried.retain(|command| !command.contains('<'));
        tried.dedup();
        for (index, command) in tried.iter().take(3).enumerate() {
            // `as TOOL` comes before the options.
            let verbs = if command.starts_with("as ") { 2 } else { 1 };
            let mut words = command.split(' ');
            let verb: Vec<&str> = words.by_ref().take(verbs).collect();
            let rest: Vec<&str> = words.collect();
            let space = if index == 0 { "\n" } else { "" };
            let command = format!("askway {} --lab {origin} {}", verb.join(" "), rest.join(" "));
            let try_it = language.pick("try: ", "试试：");
            let _ = writeln!(self.out, "{space}{try_it}{}", escape(&command));
        }
    }

    fn bold(&self, text: &str) -> String {
        if self.style.is_coloured { format!("\x1b[1m{text}\x1b[m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        match self.style.is_coloured && !text.is_empty() {
            true => format!("\x1b[2m{text}\x1b[m"),
            false => text.to_owned(),
        }
    }
}
