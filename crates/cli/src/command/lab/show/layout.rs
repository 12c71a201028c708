//! Where vertices stand in a picture: in columns by their distance from where runs start, ordered
//! so that few lines cross, and then pulled towards their neighbours. Only sums, products and
//! quotients, so that the picture is the same on every machine.

use super::graph::Graph;

/// Times that columns are put in order by their neighbours, there and back.
const SWEEPS: usize = 12;
/// Times that vertices are pulled towards their neighbours.
const PULLS: usize = 60;

/// Columns and rows; rows are at least 1 apart within a column, and begin at 0.
#[derive(Debug)]
pub struct Layout {
    /// By vertex.
    pub column: Vec<usize>,
    /// By vertex.
    pub row: Vec<f64>,
    pub columns: usize,
    /// The largest row.
    pub depth: f64,
}

impl Layout {
    pub fn of(graph: &Graph, from: usize) -> Layout {
        let (_, column) = graph.tree(from);
        let columns = column.iter().max().map_or(0, |last| last + 1);
        let mut order: Vec<Vec<usize>> = vec![Vec::new(); columns];
        for (vertex, column) in column.iter().enumerate() {
            order[*column].push(vertex);
        }
        let mut row = vec![0.0; column.len()];
        number(&order, &mut row);
        for sweep in 0..SWEEPS {
            for step in 0..columns {
                let at = if sweep % 2 == 0 { step } else { columns - 1 - step };
                sort_by_neighbours(graph, &column, &mut order[at], &row, at, sweep % 2 == 0);
                for (index, vertex) in order[at].iter().enumerate() {
                    row[*vertex] = index as f64;
                }
            }
        }
        let widest = order.iter().map(Vec::len).max().unwrap_or(0) as f64;
        for column in &order {
            let shift = (widest - column.len() as f64) / 2.0;
            column.iter().for_each(|vertex| row[*vertex] += shift);
        }
        for _ in 0..PULLS {
            for column in &order {
                pull(graph, column, &mut row);
            }
        }
        let least = row.iter().copied().fold(f64::INFINITY, f64::min);
        row.iter_mut().for_each(|row| *row -= least);
        let depth = row.iter().copied().fold(0.0, f64::max);
        Layout { column, row, columns, depth }
    }
}

fn number(order: &[Vec<usize>], row: &mut [f64]) {
    for column in order {
        for (index, vertex) in column.iter().enumerate() {
            row[*vertex] = index as f64;
        }
    }
}

/// Puts a column in order of where the neighbours in the column before it, or behind it, stand.
fn sort_by_neighbours(
    graph: &Graph,
    column: &[usize],
    order: &mut [usize],
    row: &[f64],
    at: usize,
    looks_back: bool,
) {
    let center = |vertex: usize| {
        let others = graph.edges_of[vertex].iter().map(|edge| graph.edges[*edge].other(vertex));
        let is_meant = |other: &usize| match looks_back {
            true => column[*other] < at,
            false => column[*other] > at,
        };
        mean(others.filter(is_meant).map(|other| row[other])).unwrap_or(row[vertex])
    };
    let mut centers: Vec<(f64, usize)> = order.iter().map(|it| (center(*it), *it)).collect();
    // Stable: vertices that are as good keep their order.
    centers.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (place, (_, vertex)) in order.iter_mut().zip(centers) {
        *place = vertex;
    }
}

/// Moves the vertices of a column to the middle of their neighbours, as far as those above and
/// below let them: where wishes are less than 1 apart, they meet in their middle, weighed by
/// their edges. This is the least sum of squared heights of the edges that the other columns
/// allow, so that pulls come to rest.
fn pull(graph: &Graph, column: &[usize], row: &mut [f64]) {
    // Vertices that stand 1 apart: how many, their edges, and where the first of them is wanted.
    let mut blocks: Vec<(usize, f64, f64)> = Vec::new();
    for vertex in column {
        let edges = &graph.edges_of[*vertex];
        let others = edges.iter().map(|edge| row[graph.edges[*edge].other(*vertex)]);
        let mut block = (1, edges.len().max(1) as f64, mean(others).unwrap_or(row[*vertex]));
        while let Some((count, weight, first)) =
            blocks.pop_if(|(count, _, first)| *first + *count as f64 > block.2)
        {
            let both = weight + block.1;
            let wanted = (weight * first + block.1 * (block.2 - count as f64)) / both;
            block = (count + block.0, both, wanted);
        }
        blocks.push(block);
    }
    let placed = blocks
        .iter()
        .flat_map(|(count, _, first)| (0..*count).map(move |index| first + index as f64));
    for (vertex, place) in column.iter().zip(placed) {
        row[*vertex] = place;
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), it| (sum + it, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::Sketch;

    fn layout(text: &str) -> (Sketch, Layout) {
        let sketch = Sketch::load(text, "test").expect("a scenario");
        let layout = Layout::of(&Graph::of(&sketch), sketch.from.0 as usize);
        (sketch, layout)
    }

    #[test]
    fn columns_are_distances_and_nothing_overlaps() {
        let text = "[host]\na = {}\nb = {}\nh = { count = 5 }\n[router]\nr = { count = 4 }\n\
                    [[link]]\nends = [\"a\", \"r1\"]\n[[link]]\nends = [\"r1\", \"r2\"]\n\
                    [[link]]\nends = [\"r1\", \"r3\"]\n[[link]]\nends = [\"r2\", \"r4\"]\n\
                    [[link]]\nends = [\"r3\", \"r4\"]\n[[link]]\nends = [\"r4\", \"b\"]\n\
                    [[link]]\nends = [\"r4\", \"h\"]\n";
        let (sketch, layout) = layout(text);
        let column = |name: &str| {
            layout.column[sketch.nodes.iter().position(|it| it.name == name).expect("a node")]
        };
        assert_eq!(["a", "r1", "r3", "r4", "b", "h5"].map(column), [0, 1, 2, 3, 4, 5]);
        for one in 0..layout.row.len() {
            for other in 0..one {
                if layout.column[one] == layout.column[other] {
                    let apart = (layout.row[one] - layout.row[other]).abs();
                    assert!(apart > 0.999, "{one} {other}: {apart}");
                }
            }
        }
        // The diamond is even, whatever hangs on one of its corners.
        let row = |name: &str| {
            layout.row[sketch.nodes.iter().position(|it| it.name == name).expect("a node")]
        };
        let off = (row("r2") + row("r3") - 2.0 * row("r1")).abs();
        assert!(off < 0.001, "{off}: {:?}", layout.row);
    }
}
