//! From one major to all that it is made of, or to all that are made of it.

use std::collections::{HashMap, HashSet, VecDeque};

use mesh_model::{Name, ProductId};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Major, Supplier, Taken};

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To what it is made of.
    Up,
    /// To what is made of it.
    Down,
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most steps from where it begins.
    pub hops: u32,
    /// Most steps that the answer holds.
    pub steps: usize,
}

/// One supply: somebody's output at somebody's input port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How many steps it is away from where the walk began, from 1.
    pub hops: u32,
    /// Who supplies.
    pub from: Supplier,
    /// Who is made of it.
    pub to: Major,
    /// At which of its input ports.
    pub port: Name,
    /// Whether it cannot be made without.
    pub required: bool,
}

impl Step {
    /// Who supplies, within the mesh.
    fn supplier(&self) -> Option<&Major> {
        match &self.from {
            Supplier::Product(major) => Some(major),
            Supplier::Outside(_) | Supplier::Missing { .. } => None,
        }
    }
}

/// A major that a walk came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which.
    #[serde(flatten)]
    pub major: Major,
    /// By how few steps.
    pub hops: u32,
    /// The team that answers for it.
    pub owner: String,
    /// Whether consumers should leave it.
    pub deprecated: bool,
    /// Whether every step of one way to it is by a port without which the next one cannot be made.
    pub required: bool,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Walk {
    /// Every supply, the nearest first.
    pub steps: Vec<Step>,
    /// Every major but the one where it began, the nearest first.
    pub reached: Vec<Reached>,
    /// Majors that are made of each other, each group once.
    pub cycles: Vec<Vec<Major>>,
    /// Whether there is more than the bounds allow.
    pub cut: bool,
}

impl Graph {
    /// Walks from a major.
    pub fn walk(&self, from: &Major, direction: Direction, bounds: Bounds) -> Walk {
        let mut walking = Walking::new(self, bounds);
        walking.begin(At::of(from));
        walking.run(direction);
        walking.done(direction, Some(from))
    }

    /// Walks down from a system outside.
    pub fn walk_from_outside(&self, system: &str, bounds: Bounds) -> Walk {
        let mut walking = Walking::new(self, bounds);
        for taker in self.takers_of_outside(system) {
            for input in self.made(taker).into_iter().flat_map(|made| &made.inputs) {
                let is_it = |supplier: &Supplier| matches!(supplier, Supplier::Outside(name) if name == system);
                if let Some(supplier) = self.suppliers(&input.source).into_iter().find(is_it) {
                    walking.step(1, supplier, At::of(taker), input);
                    walking.reach(At::of(taker), 1);
                }
            }
        }
        walking.run(Direction::Down);
        walking.done(Direction::Down, None)
    }
}

/// A major, as the graph has it: a walk copies no names until it writes its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct At<'a> {
    product: &'a ProductId,
    major: u32,
}

impl<'a> At<'a> {
    fn of(major: &'a Major) -> Self {
        Self { product: &major.product, major: major.major }
    }

    fn to_major(self) -> Major {
        Major { product: self.product.clone(), major: self.major }
    }
}

struct Walking<'a> {
    graph: &'a Graph,
    bounds: Bounds,
    seen: HashSet<At<'a>>,
    /// Where to go on, and by how few steps that was reached.
    next: VecDeque<(At<'a>, u32)>,
    order: Vec<(At<'a>, u32)>,
    found: Walk,
}

impl<'a> Walking<'a> {
    fn new(graph: &'a Graph, bounds: Bounds) -> Self {
        Self { graph, bounds, seen: HashSet::new(), next: VecDeque::new(), order: Vec::new(), found: Walk::default() }
    }

    fn begin(&mut self, from: At<'a>) {
        self.seen.insert(from);
        self.next.push_back((from, 0));
    }

    fn run(&mut self, direction: Direction) {
        while let Some((here, hops)) = self.next.pop_front() {
            let goes_on = match direction {
                Direction::Up => self.up(here, hops),
                Direction::Down => self.down(here, hops),
            };
            if !goes_on {
                return;
            }
        }
    }

    /// To what a major is made of; returns whether there is room for more.
    fn up(&mut self, taker: At<'a>, hops: u32) -> bool {
        let graph = self.graph;
        for input in graph.made_at(taker.product, taker.major).into_iter().flat_map(|made| &made.inputs) {
            for supplier in graph.suppliers(&input.source) {
                if hops >= self.bounds.hops {
                    self.found.cut = true;
                    return true;
                }
                let there = match &supplier {
                    Supplier::Product(major) => {
                        graph.known(&major.product).map(|product| At { product, major: major.major })
                    }
                    Supplier::Outside(_) | Supplier::Missing { .. } => None,
                };
                if !self.step(hops + 1, supplier, taker, input) {
                    return false;
                }
                if let Some(there) = there {
                    self.reach(there, hops + 1);
                }
            }
        }
        true
    }

    /// To what is made of a major; returns whether there is room for more.
    fn down(&mut self, from: At<'a>, hops: u32) -> bool {
        let graph = self.graph;
        let offer = graph.offer(from.product, from.major);
        for taker in graph.takers(from.product) {
            for input in graph.made(taker).into_iter().flat_map(|made| &made.inputs) {
                if !offer.supplies(&input.source) {
                    continue;
                }
                if hops >= self.bounds.hops {
                    self.found.cut = true;
                    return true;
                }
                let taker = At::of(taker);
                if !self.step(hops + 1, Supplier::Product(from.to_major()), taker, input) {
                    return false;
                }
                self.reach(taker, hops + 1);
            }
        }
        true
    }

    /// Notes a supply; returns whether there is room for more.
    fn step(&mut self, hops: u32, from: Supplier, to: At<'a>, input: &Taken) -> bool {
        if self.found.steps.len() >= self.bounds.steps {
            self.found.cut = true;
            return false;
        }
        let (port, required) = (input.port.clone(), input.required);
        self.found.steps.push(Step { hops, from, to: to.to_major(), port, required });
        true
    }

    fn reach(&mut self, there: At<'a>, hops: u32) {
        if self.seen.insert(there) {
            self.order.push((there, hops));
            self.next.push_back((there, hops));
        }
    }

    fn done(self, direction: Direction, from: Option<&Major>) -> Walk {
        let Self { graph, mut order, mut found, .. } = self;
        let answer = Numbered::of(&found.steps, from);
        let needed = answer.needed(&found.steps, direction, from);
        let cycles = answer.cycles(&found.steps);
        order.sort_unstable_by_key(|(at, hops)| (*hops, *at));
        let reached = order.into_iter().map(|(at, hops)| {
            let (major, made) = (at.to_major(), graph.made_at(at.product, at.major));
            let owner = made.map_or_else(String::new, |made| made.owner.clone());
            let deprecated = made.is_some_and(|made| made.deprecated);
            let required = answer.number(&major).is_some_and(|number| needed[number]);
            Reached { major, hops, owner, deprecated, required }
        });
        found.reached = reached.collect();
        found.cycles = cycles;
        found
    }
}

/// The majors of an answer, each with a number.
struct Numbered<'a> {
    numbers: HashMap<&'a Major, usize>,
    majors: Vec<&'a Major>,
}

impl<'a> Numbered<'a> {
    fn of(steps: &'a [Step], from: Option<&'a Major>) -> Self {
        let mut numbered = Self { numbers: HashMap::new(), majors: Vec::new() };
        let suppliers = steps.iter().filter_map(Step::supplier);
        for major in from.into_iter().chain(suppliers).chain(steps.iter().map(|step| &step.to)) {
            numbered.numbers.entry(major).or_insert_with(|| {
                numbered.majors.push(major);
                numbered.majors.len() - 1
            });
        }
        numbered
    }

    fn number(&self, major: &Major) -> Option<usize> {
        self.numbers.get(major).copied()
    }

    /// Supplies within the mesh, from whom to whom, with the step.
    fn edges<'s>(&'s self, steps: &'s [Step]) -> impl Iterator<Item = (usize, usize, &'s Step)> + 's {
        steps.iter().filter_map(|step| Some((self.number(step.supplier()?)?, self.number(&step.to)?, step)))
    }

    /// To which of them one way leads by required ports alone, of whatever length.
    fn needed(&self, steps: &[Step], direction: Direction, from: Option<&Major>) -> Vec<bool> {
        let mut ways: Vec<Vec<usize>> = vec![Vec::new(); self.majors.len()];
        for (supplier, taker, _) in self.edges(steps).filter(|(_, _, step)| step.required) {
            match direction {
                Direction::Down => ways[supplier].push(taker),
                Direction::Up => ways[taker].push(supplier),
            }
        }
        let mut next: Vec<usize> = from.and_then(|from| self.number(from)).into_iter().collect();
        if direction == Direction::Down {
            // Where a walk from outside begins.
            let is_outside = |step: &&Step| step.required && matches!(step.from, Supplier::Outside(_));
            next.extend(steps.iter().filter(is_outside).filter_map(|step| self.number(&step.to)));
        }
        let mut needed = vec![false; self.majors.len()];
        while let Some(here) = next.pop() {
            if !std::mem::replace(&mut needed[here], true) {
                next.extend(&ways[here]);
            }
        }
        needed
    }

    /// Groups of majors that are made of each other, by the steps that were found.
    fn cycles(&self, steps: &[Step]) -> Vec<Vec<Major>> {
        let mut graph: DiGraph<(), (), usize> = DiGraph::with_capacity(self.majors.len(), steps.len());
        for _ in &self.majors {
            graph.add_node(());
        }
        for (supplier, taker, _) in self.edges(steps) {
            graph.add_edge(NodeIndex::new(supplier), NodeIndex::new(taker), ());
        }
        let is_cycle = |group: &Vec<NodeIndex<usize>>| group.len() > 1 || graph.contains_edge(group[0], group[0]);
        let named = |group: Vec<NodeIndex<usize>>| {
            let mut group: Vec<Major> = group.into_iter().map(|at| self.majors[at.index()].clone()).collect();
            group.sort();
            group
        };
        let mut found: Vec<Vec<Major>> = tarjan_scc(&graph).into_iter().filter(is_cycle).map(named).collect();
        found.sort();
        found
    }
}
