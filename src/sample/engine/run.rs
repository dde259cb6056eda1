//! Plans carried out, a row at a time. Every source says now and then that it is busy, so that whoever pulls can look
//! whether anybody still wants the rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ast::{Combine, Join};
use super::bound::{Bound, Outer};
use super::error::SqlError;
use super::gather::Gatherer;
use super::plan::{Aggregate, Plan};
use super::storage::Table;
use super::value::{Row, Value, key, order, weight};

/// What comes next.
pub enum Step {
    /// A row.
    Row(Row),
    /// No row yet; there is more to do.
    Busy,
    /// No more rows.
    End,
}

/// Rows, one at a time.
pub trait Source: Send {
    /// What comes next.
    fn next(&mut self) -> Result<Step, SqlError>;
}

/// A source of any kind.
pub type Rows = Box<dyn Source>;

/// How many rows may go by without a sign.
const PATIENCE: usize = 512;
/// The most bytes that one step of a query may hold.
const MOST_HELD: usize = 256 << 20;

/// Begins to carry out a plan.
pub fn open(plan: &Arc<Plan>, outer: &Outer) -> Result<Rows, SqlError> {
    let outer = outer.clone();
    Ok(match &**plan {
        Plan::One => Box::new(Given(vec![Vec::new().into()].into_iter())),
        Plan::Scan(table) => Box::new(Scan { table: Arc::clone(table), chunk: 0, place: 0 }),
        Plan::Rows(rows) => {
            let value = |bound: &Bound| bound.eval(&[], &outer);
            let rows = rows.iter().map(|row| row.iter().map(value).collect::<Result<Row, _>>());
            Box::new(Given(rows.collect::<Result<Vec<_>, _>>()?.into_iter()))
        }
        Plan::Series { start, stop, step } => {
            let int = |bound: &Bound| bound.eval(&[], &outer).map(|value| value.as_int());
            match (int(start)?, int(stop)?, int(step)?) {
                (_, _, Some(0)) => {
                    return Err(SqlError::new(5373, 16, "The step value for GENERATE_SERIES cannot be 0."));
                }
                (Some(start), Some(stop), Some(step)) => Box::new(Series { next: Some(start), stop, step }),
                _ => Box::new(Given(Vec::new().into_iter())),
            }
        }
        Plan::Filter(input, condition) => {
            Box::new(Filter { input: open(input, &outer)?, condition: condition.clone(), outer })
        }
        Plan::Project(input, _) => Box::new(Project { input: open(input, &outer)?, plan: Arc::clone(plan), outer }),
        Plan::Join { left, right, .. } => Box::new(Nested {
            left: open(left, &outer)?,
            right: open(right, &outer)?,
            plan: Arc::clone(plan),
            outer,
            held: Held::default(),
            ready: false,
            current: None,
            matched: Vec::new(),
            place: 0,
        }),
        Plan::Aggregate { input, .. } => Box::new(Grouped {
            input: open(input, &outer)?,
            plan: Arc::clone(plan),
            outer,
            groups: HashMap::new(),
            order: Vec::new(),
            weight: 0,
            out: None,
        }),
        Plan::Sort(input, _) => Box::new(Sorted {
            input: open(input, &outer)?,
            plan: Arc::clone(plan),
            outer,
            held: Held::default(),
            keys: Vec::new(),
            out: None,
        }),
        Plan::Number(input) => Box::new(Numbered { input: open(input, &outer)?, count: 0 }),
        Plan::Distinct(input) => Box::new(Distinct { input: open(input, &outer)?, seen: HashSet::new(), weight: 0 }),
        Plan::Slice { input, skip, take } => Box::new(Slice { input: open(input, &outer)?, skip: *skip, take: *take }),
        Plan::Combined { left, how: Combine::Union | Combine::UnionAll, right } => {
            Box::new(Appended { first: Some(open(left, &outer)?), second: open(right, &outer)? })
        }
        Plan::Combined { left, how, right } => Box::new(Compared {
            left: open(left, &outer)?,
            right: Some(open(right, &outer)?),
            keep: *how == Combine::Intersect,
            keys: HashSet::new(),
            seen: HashSet::new(),
        }),
    })
}

/// All rows of a plan, within what a query may hold.
pub fn collect(plan: &Arc<Plan>, outer: &Outer) -> Result<Vec<Row>, SqlError> {
    let mut source = open(plan, outer)?;
    let mut held = Held::default();
    // What a subquery may cost in one piece.
    for _ in 0..20_000_000 {
        match source.next()? {
            Step::Row(row) => held.push(row)?,
            Step::Busy => {}
            Step::End => return Ok(held.rows),
        }
    }
    Err(SqlError::query_memory())
}

#[derive(Default)]
struct Held {
    rows: Vec<Row>,
    weight: usize,
}

impl Held {
    fn push(&mut self, row: Row) -> Result<(), SqlError> {
        self.weight += weight(&row);
        if self.weight > MOST_HELD {
            return Err(SqlError::query_memory());
        }
        self.rows.push(row);
        Ok(())
    }
}

struct Given(std::vec::IntoIter<Row>);

impl Source for Given {
    fn next(&mut self) -> Result<Step, SqlError> {
        Ok(self.0.next().map_or(Step::End, Step::Row))
    }
}

struct Scan {
    table: Arc<Table>,
    chunk: usize,
    place: usize,
}

impl Source for Scan {
    fn next(&mut self) -> Result<Step, SqlError> {
        loop {
            if let Some(row) = self.table.row(self.chunk, self.place) {
                self.place += 1;
                return Ok(Step::Row(Arc::clone(row)));
            }
            if self.table.chunk_len(self.chunk).is_none() {
                return Ok(Step::End);
            }
            (self.chunk, self.place) = (self.chunk + 1, 0);
        }
    }
}

struct Series {
    next: Option<i64>,
    stop: i64,
    step: i64,
}

impl Source for Series {
    fn next(&mut self) -> Result<Step, SqlError> {
        let within = |n: &i64| if self.step > 0 { *n <= self.stop } else { *n >= self.stop };
        let Some(now) = self.next.filter(within) else { return Ok(Step::End) };
        self.next = now.checked_add(self.step);
        Ok(Step::Row(Arc::new([Value::Int(now)])))
    }
}

struct Filter {
    input: Rows,
    condition: Bound,
    outer: Outer,
}

impl Source for Filter {
    fn next(&mut self) -> Result<Step, SqlError> {
        for _ in 0..PATIENCE {
            match self.input.next()? {
                Step::Row(row) if !self.condition.eval(&row, &self.outer)?.is_true() => {}
                other => return Ok(other),
            }
        }
        Ok(Step::Busy)
    }
}

struct Project {
    input: Rows,
    plan: Arc<Plan>,
    outer: Outer,
}

impl Source for Project {
    fn next(&mut self) -> Result<Step, SqlError> {
        let Plan::Project(_, items) = &*self.plan else { return Ok(Step::End) };
        match self.input.next()? {
            Step::Row(row) => {
                items.iter().map(|item| item.eval(&row, &self.outer)).collect::<Result<Row, _>>().map(Step::Row)
            }
            other => Ok(other),
        }
    }
}

struct Nested {
    left: Rows,
    right: Rows,
    plan: Arc<Plan>,
    outer: Outer,
    held: Held,
    ready: bool,
    current: Option<(Row, bool)>,
    matched: Vec<bool>,
    place: usize,
}

impl Source for Nested {
    fn next(&mut self) -> Result<Step, SqlError> {
        let Plan::Join { kind, on, widths, .. } = &*self.plan else { return Ok(Step::End) };
        for _ in 0..PATIENCE {
            if !self.ready {
                match self.right.next()? {
                    Step::Row(row) => self.held.push(row)?,
                    Step::Busy => return Ok(Step::Busy),
                    Step::End => {
                        self.ready = true;
                        self.matched = vec![false; self.held.rows.len()];
                    }
                }
                continue;
            }
            let Some((left, met)) = &mut self.current else {
                match self.left.next()? {
                    Step::Row(row) => (self.current, self.place) = (Some((row, false)), 0),
                    Step::Busy => return Ok(Step::Busy),
                    Step::End => return self.unmatched(*kind, widths.0),
                }
                continue;
            };
            let Some(right) = self.held.rows.get(self.place) else {
                let lonely = (!*met && matches!(kind, Join::Left | Join::Full)).then(|| padded(left, widths.1));
                self.current = None;
                match lonely {
                    Some(row) => return Ok(Step::Row(row)),
                    None => continue,
                }
            };
            let joined: Row = left.iter().chain(right.iter()).cloned().collect();
            let fits = on.as_ref().map_or(Ok(true), |on| on.eval(&joined, &self.outer).map(|value| value.is_true()))?;
            if let (true, Some(seen)) = (fits, self.matched.get_mut(self.place)) {
                (*seen, *met) = (true, true);
            }
            self.place += 1;
            if fits {
                return Ok(Step::Row(joined));
            }
        }
        Ok(Step::Busy)
    }
}

impl Nested {
    /// The rows of the right side that met nobody, when the left side is through.
    fn unmatched(&mut self, kind: Join, width: usize) -> Result<Step, SqlError> {
        if !matches!(kind, Join::Right | Join::Full) {
            return Ok(Step::End);
        }
        let Some(place) = self.matched.iter().position(|met| !met) else { return Ok(Step::End) };
        if let Some(met) = self.matched.get_mut(place) {
            *met = true;
        }
        let Some(right) = self.held.rows.get(place) else { return Ok(Step::End) };
        Ok(Step::Row(std::iter::repeat_n(Value::Null, width).chain(right.iter().cloned()).collect()))
    }
}

fn padded(row: &Row, width: usize) -> Row {
    row.iter().cloned().chain(std::iter::repeat_n(Value::Null, width)).collect()
}

struct Grouped {
    input: Rows,
    plan: Arc<Plan>,
    outer: Outer,
    groups: HashMap<Vec<u8>, (Vec<Value>, Vec<Gatherer>)>,
    order: Vec<Vec<u8>>,
    weight: usize,
    out: Option<std::vec::IntoIter<Vec<u8>>>,
}

impl Source for Grouped {
    fn next(&mut self) -> Result<Step, SqlError> {
        let plan = Arc::clone(&self.plan);
        let Plan::Aggregate { groups, aggregates, .. } = &*plan else { return Ok(Step::End) };
        if self.out.is_none() {
            for _ in 0..PATIENCE {
                match self.input.next()? {
                    Step::Row(row) => {
                        let values: Vec<Value> =
                            groups.iter().map(|group| group.eval(&row, &self.outer)).collect::<Result<_, _>>()?;
                        self.gather(values, &row, aggregates)?;
                    }
                    Step::Busy => return Ok(Step::Busy),
                    Step::End => {
                        if groups.is_empty() && self.groups.is_empty() {
                            self.begin(Vec::new(), Vec::new(), aggregates);
                        }
                        self.out = Some(std::mem::take(&mut self.order).into_iter());
                        break;
                    }
                }
            }
        }
        let Some(out) = &mut self.out else { return Ok(Step::Busy) };
        let Some((values, gatherers)) = out.next().and_then(|key| self.groups.remove(&key)) else {
            return Ok(Step::End);
        };
        let mut row = values;
        for (gatherer, aggregate) in gatherers.into_iter().zip(aggregates) {
            row.push(gatherer.finish(aggregate)?);
        }
        Ok(Step::Row(row.into()))
    }
}

impl Grouped {
    fn begin(&mut self, bytes: Vec<u8>, values: Vec<Value>, aggregates: &[Aggregate]) {
        self.weight += weight(&values) + bytes.len() * 2 + aggregates.len() * 64;
        self.order.push(bytes.clone());
        self.groups.insert(bytes, (values, aggregates.iter().map(|_| Gatherer::default()).collect()));
    }

    fn gather(&mut self, values: Vec<Value>, row: &Row, aggregates: &[Aggregate]) -> Result<(), SqlError> {
        let bytes = key(&values);
        if !self.groups.contains_key(&bytes) {
            self.begin(bytes.clone(), values, aggregates);
        }
        if let Some((_, gatherers)) = self.groups.get_mut(&bytes) {
            for (gatherer, aggregate) in gatherers.iter_mut().zip(aggregates) {
                self.weight += gatherer.take(aggregate, row, &self.outer)?;
            }
        }
        if self.weight > MOST_HELD { Err(SqlError::query_memory()) } else { Ok(()) }
    }
}

struct Sorted {
    input: Rows,
    plan: Arc<Plan>,
    outer: Outer,
    held: Held,
    keys: Vec<Vec<Value>>,
    out: Option<std::vec::IntoIter<Row>>,
}

impl Source for Sorted {
    fn next(&mut self) -> Result<Step, SqlError> {
        let Plan::Sort(_, by) = &*self.plan else { return Ok(Step::End) };
        if self.out.is_none() {
            for _ in 0..PATIENCE {
                match self.input.next()? {
                    Step::Row(row) => {
                        self.keys.push(by.iter().map(|(by, _)| by.eval(&row, &self.outer)).collect::<Result<_, _>>()?);
                        self.held.push(row)?;
                    }
                    Step::Busy => return Ok(Step::Busy),
                    Step::End => {
                        let keys = std::mem::take(&mut self.keys);
                        let mut rows: Vec<_> = keys.into_iter().zip(std::mem::take(&mut self.held.rows)).collect();
                        rows.sort_by(|(a, _), (b, _)| {
                            let each =
                                a.iter().zip(b).zip(by).map(
                                    |((a, b), (_, descending))| if *descending { order(b, a) } else { order(a, b) },
                                );
                            each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                        });
                        self.out = Some(rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>().into_iter());
                        break;
                    }
                }
            }
        }
        Ok(match &mut self.out {
            Some(out) => out.next().map_or(Step::End, Step::Row),
            None => Step::Busy,
        })
    }
}

struct Numbered {
    input: Rows,
    count: i64,
}

impl Source for Numbered {
    fn next(&mut self) -> Result<Step, SqlError> {
        Ok(match self.input.next()? {
            Step::Row(row) => {
                self.count += 1;
                Step::Row(row.iter().cloned().chain([Value::Int(self.count)]).collect())
            }
            other => other,
        })
    }
}

struct Distinct {
    input: Rows,
    seen: HashSet<Vec<u8>>,
    weight: usize,
}

impl Source for Distinct {
    fn next(&mut self) -> Result<Step, SqlError> {
        for _ in 0..PATIENCE {
            match self.input.next()? {
                Step::Row(row) => {
                    let bytes = key(&row);
                    self.weight += bytes.len() + 32;
                    if self.weight > MOST_HELD {
                        return Err(SqlError::query_memory());
                    }
                    if self.seen.insert(bytes) {
                        return Ok(Step::Row(row));
                    }
                }
                other => return Ok(other),
            }
        }
        Ok(Step::Busy)
    }
}

struct Slice {
    input: Rows,
    skip: u64,
    take: Option<u64>,
}

impl Source for Slice {
    fn next(&mut self) -> Result<Step, SqlError> {
        for _ in 0..PATIENCE {
            if self.take == Some(0) {
                return Ok(Step::End);
            }
            match self.input.next()? {
                Step::Row(_) if self.skip > 0 => self.skip -= 1,
                Step::Row(row) => {
                    self.take = self.take.map(|left| left - 1);
                    return Ok(Step::Row(row));
                }
                other => return Ok(other),
            }
        }
        Ok(Step::Busy)
    }
}

struct Appended {
    first: Option<Rows>,
    second: Rows,
}

impl Source for Appended {
    fn next(&mut self) -> Result<Step, SqlError> {
        if let Some(first) = &mut self.first {
            match first.next()? {
                Step::End => self.first = None,
                other => return Ok(other),
            }
        }
        self.second.next()
    }
}

/// EXCEPT and INTERSECT.
struct Compared {
    left: Rows,
    right: Option<Rows>,
    keep: bool,
    keys: HashSet<Vec<u8>>,
    seen: HashSet<Vec<u8>>,
}

impl Source for Compared {
    fn next(&mut self) -> Result<Step, SqlError> {
        for _ in 0..PATIENCE {
            if let Some(right) = &mut self.right {
                match right.next()? {
                    Step::Row(row) => {
                        self.keys.insert(key(&row));
                    }
                    Step::Busy => return Ok(Step::Busy),
                    Step::End => self.right = None,
                }
                if self.keys.len() > 5_000_000 {
                    return Err(SqlError::query_memory());
                }
                continue;
            }
            match self.left.next()? {
                Step::Row(row) => {
                    let bytes = key(&row);
                    if self.keys.contains(&bytes) == self.keep && self.seen.insert(bytes) {
                        return Ok(Step::Row(row));
                    }
                }
                other => return Ok(other),
            }
        }
        Ok(Step::Busy)
    }
}
