//! From one major to all that it is made of, or to all that are made of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_model::Name;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
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
        walking.begin(from.clone());
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
                    walking.step(1, supplier, taker, input);
                    walking.reach(taker, 1);
                }
            }
        }
        walking.run(Direction::Down);
        walking.done(Direction::Down, None)
    }
}

struct Walking<'a> {
    graph: &'a Graph,
    bounds: Bounds,
    /// By how few steps.
    seen: BTreeMap<Major, u32>,
    next: VecDeque<Major>,
    order: Vec<Major>,
    found: Walk,
}

impl<'a> Walking<'a> {
    fn new(graph: &'a Graph, bounds: Bounds) -> Self {
        let (seen, next, order) = (BTreeMap::new(), VecDeque::new(), Vec::new());
        Self { graph, bounds, seen, next, order, found: Walk::default() }
    }

    fn begin(&mut self, from: Major) {
        self.seen.insert(from.clone(), 0);
        self.next.push_back(from);
    }

    fn run(&mut self, direction: Direction) {
        while let Some(here) = self.next.pop_front() {
            let hops = self.seen.get(&here).copied().unwrap_or_default();
            let supplies = match direction {
                Direction::Up => self.supplies_of(&here),
                Direction::Down => self.supplied_by(&here),
            };
            if hops >= self.bounds.hops {
                self.found.cut |= !supplies.is_empty();
                continue;
            }
            for (supplier, taker, input) in supplies {
                if !self.step(hops + 1, supplier.clone(), &taker, input) {
                    return;
                }
                let there = match (direction, supplier) {
                    (Direction::Up, Supplier::Product(major)) => major,
                    (Direction::Up, _) => continue,
                    (Direction::Down, _) => taker,
                };
                self.reach(&there, hops + 1);
            }
        }
    }

    /// What a major is made of.
    fn supplies_of(&self, taker: &Major) -> Vec<(Supplier, Major, &'a Taken)> {
        let inputs = self.graph.made(taker).into_iter().flat_map(|made| &made.inputs);
        let of = |input: &'a Taken| {
            let suppliers = self.graph.suppliers(&input.source).into_iter();
            suppliers.map(move |supplier| (supplier, taker.clone(), input))
        };
        inputs.flat_map(of).collect()
    }

    /// What is made of a major.
    fn supplied_by(&self, from: &Major) -> Vec<(Supplier, Major, &'a Taken)> {
        let mut found = Vec::new();
        for taker in self.graph.takers(&from.product) {
            let inputs = self.graph.made(taker).into_iter().flat_map(|made| &made.inputs);
            for input in inputs.filter(|input| self.graph.is_supplied(input, from)) {
                found.push((Supplier::Product(from.clone()), taker.clone(), input));
            }
        }
        found
    }

    /// Notes a supply; returns whether there is room for more.
    fn step(&mut self, hops: u32, from: Supplier, to: &Major, input: &Taken) -> bool {
        if self.found.steps.len() >= self.bounds.steps {
            self.found.cut = true;
            return false;
        }
        let (port, required) = (input.port.clone(), input.required);
        self.found.steps.push(Step { hops, from, to: to.clone(), port, required });
        true
    }

    fn reach(&mut self, there: &Major, hops: u32) {
        if self.seen.contains_key(there) {
            return;
        }
        self.seen.insert(there.clone(), hops);
        self.order.push(there.clone());
        self.next.push_back(there.clone());
    }

    fn done(self, direction: Direction, from: Option<&Major>) -> Walk {
        let Self { graph, seen, order, mut found, .. } = self;
        let needed = needed(&found.steps, direction, from);
        for major in order {
            let hops = seen.get(&major).copied().unwrap_or_default();
            let made = graph.made(&major);
            let owner = made.map_or_else(String::new, |made| made.owner.clone());
            let deprecated = made.is_some_and(|made| made.deprecated);
            let required = needed.contains(&major);
            found.reached.push(Reached { major, hops, owner, deprecated, required });
        }
        found.reached.sort_by(|a, b| (a.hops, &a.major).cmp(&(b.hops, &b.major)));
        found.cycles = cycles(&found.steps);
        found
    }
}

/// Majors to which one way leads by required ports alone, of whatever length.
fn needed(steps: &[Step], direction: Direction, from: Option<&Major>) -> BTreeSet<Major> {
    let mut ways: BTreeMap<&Major, Vec<&Major>> = BTreeMap::new();
    let mut next: Vec<&Major> = from.into_iter().collect();
    for step in steps.iter().filter(|step| step.required) {
        match (&step.from, direction) {
            (Supplier::Product(supplier), Direction::Down) => ways.entry(supplier).or_default().push(&step.to),
            (Supplier::Product(supplier), Direction::Up) => ways.entry(&step.to).or_default().push(supplier),
            // Where a walk from outside begins.
            (Supplier::Outside(_), Direction::Down) => next.push(&step.to),
            (Supplier::Outside(_) | Supplier::Missing { .. }, _) => {}
        }
    }
    let mut needed = BTreeSet::new();
    while let Some(here) = next.pop() {
        if needed.insert(here.clone()) {
            next.extend(ways.get(here).into_iter().flatten());
        }
    }
    needed
}

/// Groups of majors that are made of each other, by the steps that were found.
fn cycles(steps: &[Step]) -> Vec<Vec<Major>> {
    let mut numbers: BTreeMap<&Major, u32> = BTreeMap::new();
    let mut majors = Vec::new();
    let mut number = |major| {
        *numbers.entry(major).or_insert_with(|| {
            majors.push(major);
            u32::try_from(majors.len() - 1).unwrap_or(u32::MAX)
        })
    };
    let mut edges = Vec::new();
    for step in steps {
        if let Supplier::Product(from) = &step.from {
            edges.push((number(from), number(&step.to)));
        }
    }
    let graph: DiGraphMap<u32, ()> = DiGraphMap::from_edges(&edges);
    let is_cycle = |group: &Vec<u32>| group.len() > 1 || graph.contains_edge(group[0], group[0]);
    let named = |group: Vec<u32>| {
        let mut group: Vec<Major> =
            group.into_iter().filter_map(|at| majors.get(at as usize).copied().cloned()).collect();
        group.sort();
        group
    };
    let mut found: Vec<Vec<Major>> = tarjan_scc(&graph).into_iter().filter(is_cycle).map(named).collect();
    found.sort();
    found
}
