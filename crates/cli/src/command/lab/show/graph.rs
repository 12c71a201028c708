//! A network as vertices and edges: nodes, and segments that join more than two of them.

use lab::Sketch;
use std::collections::VecDeque;

/// What a vertex is: the index of a node, or of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vertex {
    Node(usize),
    Segment(usize),
}

/// A line between two vertices.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Their indices; the first of a link of two is its first end.
    pub ends: [usize; 2],
    /// The link.
    pub link: usize,
}

impl Edge {
    /// The vertex at the other end.
    pub fn other(&self, vertex: usize) -> usize {
        if self.ends[0] == vertex { self.ends[1] } else { self.ends[0] }
    }
}

/// The whole.
#[derive(Debug)]
pub struct Graph {
    /// Nodes first, under their own indices.
    pub vertices: Vec<Vertex>,
    pub edges: Vec<Edge>,
    /// By vertex, its edges.
    pub edges_of: Vec<Vec<usize>>,
}

impl Graph {
    pub fn of(sketch: &Sketch) -> Graph {
        let mut vertices: Vec<Vertex> = (0..sketch.nodes.len()).map(Vertex::Node).collect();
        let mut edges = Vec::new();
        for (link, drawn) in sketch.links.iter().enumerate() {
            let ends: Vec<usize> = drawn.ends.iter().map(|node| node.0 as usize).collect();
            if let [a, b] = ends[..] {
                edges.push(Edge { ends: [a, b], link });
                continue;
            }
            let middle = vertices.len();
            vertices.push(Vertex::Segment(link));
            edges.extend(ends.into_iter().map(|end| Edge { ends: [end, middle], link }));
        }
        let mut edges_of = vec![Vec::new(); vertices.len()];
        for (index, edge) in edges.iter().enumerate() {
            edge.ends.iter().for_each(|end| edges_of[*end].push(index));
        }
        Graph { vertices, edges, edges_of }
    }

    /// A tree of shortest ways from a vertex, and others from what it does not reach: by vertex the
    /// edge that leads to it, and its distance.
    pub fn tree(&self, from: usize) -> (Vec<Option<usize>>, Vec<usize>) {
        let mut distances: Vec<Option<usize>> = vec![None; self.vertices.len()];
        let mut parents = vec![None; self.vertices.len()];
        for root in std::iter::once(from).chain(0..self.vertices.len()) {
            if distances[root].is_some() {
                continue;
            }
            distances[root] = Some(0);
            let mut queue: VecDeque<(usize, usize)> = [(root, 0)].into();
            while let Some((vertex, distance)) = queue.pop_front() {
                for index in &self.edges_of[vertex] {
                    let other = self.edges[*index].other(vertex);
                    if distances[other].is_none() {
                        distances[other] = Some(distance + 1);
                        parents[other] = Some(*index);
                        queue.push_back((other, distance + 1));
                    }
                }
            }
        }
        (parents, distances.into_iter().map(Option::unwrap_or_default).collect())
    }
}
