//! The table that `make bench` prints, and the same for programs.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::figures::Figure;

/// What the figures of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds
    Micros,
    /// In a second
    PerSecond,
    /// 10⁶ bytes
    Megabytes,
    /// 10⁶ bytes in a second
    MegabytesPerSecond,
    /// 10³ bytes
    Kilobytes,
    /// So many times
    Times,
    /// Just a number
    Count,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Micros => "µs",
            Self::PerSecond => "/s",
            Self::Megabytes => "MB",
            Self::MegabytesPerSecond => "MB/s",
            Self::Kilobytes => "kB",
            Self::Times => "×",
            Self::Count => "",
        }
    }
}

/// What a figure of ours has to be.
#[derive(Clone, Debug)]
pub struct Target {
    limit: f64,
    side: Side,
    /// Where the limit comes from.
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    AtMost,
    AtLeast,
}

impl Target {
    /// No more than `limit`; `why` says where that comes from, if anywhere.
    pub fn at_most(limit: f64, why: impl Into<String>) -> Self {
        Self { limit, side: Side::AtMost, why: why.into() }
    }

    /// No less than `limit`.
    pub fn at_least(limit: f64, why: impl Into<String>) -> Self {
        Self { limit, side: Side::AtLeast, why: why.into() }
    }

    fn text(&self, unit: Unit) -> String {
        let side = if self.side == Side::AtMost { "≤" } else { "≥" };
        let limit = number(self.limit, unit);
        if self.why.is_empty() {
            format!("{side} {limit}")
        } else {
            format!("{side} {limit} ({})", self.why)
        }
    }

    fn is_met_by(&self, value: f64) -> bool {
        match self.side {
            Side::AtMost => value <= self.limit,
            Side::AtLeast => value >= self.limit,
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    unit: Unit,
    ours: Option<Figure>,
    direct: Option<Figure>,
    p11_kit: Option<Figure>,
    targets: Vec<Target>,
}

impl Row {
    /// A figure of ours.
    pub fn new(name: impl Into<String>, unit: Unit, ours: Figure) -> Self {
        let name = name.into();
        Self { name, unit, ours: Some(ours), direct: None, p11_kit: None, targets: Vec::new() }
    }

    /// A figure that others are compared with.
    pub fn yardstick(name: impl Into<String>, unit: Unit, direct: Figure) -> Self {
        let name = name.into();
        let direct = Some(direct);
        Self { name, unit, ours: None, direct, p11_kit: None, targets: Vec::new() }
    }

    /// The same without the bridge.
    pub fn direct(mut self, figure: Figure) -> Self {
        self.direct = Some(figure);
        self
    }

    /// The same through p11-kit.
    pub fn p11_kit(mut self, figure: Figure) -> Self {
        self.p11_kit = Some(figure);
        self
    }

    /// What ours has to be. There may be several.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// `None` where there is nothing to meet.
    fn is_met(&self) -> Option<bool> {
        let ours = self.ours?;
        let all = self.targets.iter().all(|target| target.is_met_by(ours.median));
        (!self.targets.is_empty()).then_some(all)
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours?.median / self.direct?.median)
    }

    fn to_json(&self) -> Value {
        let of = |figure: Option<Figure>| {
            figure.map(|figure| json!([figure.median, figure.low, figure.high]))
        };
        let targets = self.targets.iter().map(|target| {
            let side = if target.side == Side::AtMost { "at_most" } else { "at_least" };
            json!({ side: target.limit, "why": target.why })
        });
        json!({
            "name": self.name,
            "unit": self.unit.name(),
            "ours": of(self.ours),
            "direct": of(self.direct),
            "p11_kit": of(self.p11_kit),
            "ratio": self.ratio(),
            "targets": targets.collect::<Vec<_>>(),
            "met": self.is_met(),
        })
    }
}

/// All lines, in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    parts: Vec<(String, Vec<Row>)>,
}

impl Table {
    /// Adds lines under a heading.
    pub fn part(&mut self, heading: impl Into<String>, rows: Vec<Row>) {
        self.parts.push((heading.into(), rows));
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|(_, rows)| rows)
    }

    /// All of it, for programs. A figure is its median, lowest and highest round.
    pub fn to_json(&self) -> Value {
        let parts = self.parts.iter().map(|(heading, rows)| {
            json!({ "heading": heading, "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>() })
        });
        json!(parts.collect::<Vec<_>>())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head =
            ["", "ours", "(lowest - highest)", "direct", "p11-kit", "ratio", "target", "met"];
        let head = head.map(str::to_owned);
        let mut widths = head.each_ref().map(|cell| cell.chars().count());
        for cells in self.rows().map(Row::cells) {
            for (width, cell) in widths.iter_mut().zip(&cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String; 8]| {
            let mut text = String::new();
            for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                // Names and reasons stand to the left, numbers to the right.
                match at {
                    0 | 2 | 6 | 7 => write!(text, "  {cell}{padding}")?,
                    _ => write!(text, "  {padding}{cell}")?,
                }
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(f, &head)?;
        for (heading, rows) in &self.parts {
            writeln!(f, "{heading}")?;
            rows.iter().try_for_each(|row| line(f, &row.cells()))?;
        }
        let asked = self.rows().filter_map(Row::is_met);
        let (met, all) = asked.fold((0, 0), |(met, all), is| (met + usize::from(is), all + 1));
        writeln!(f, "{met} of {all} targets are met.")
    }
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let unit = self.unit;
        let of = |figure: Option<Figure>| figure.map(|figure| number(figure.median, unit));
        let spread = self.ours.filter(|ours| ours.low < ours.high);
        let spread = spread
            .map(|ours| format!("({} - {})", number(ours.low, unit), number(ours.high, unit)));
        let targets = self.targets.iter().map(|target| target.text(unit)).collect::<Vec<_>>();
        let met = self.is_met().map(|is| if is { "yes" } else { "NO" }.to_owned());
        [
            Some(format!("{} {}", self.name, unit.name()).trim_end().to_owned()),
            of(self.ours),
            spread,
            of(self.direct),
            of(self.p11_kit),
            self.ratio().map(|ratio| format!("{ratio:.2}")),
            Some(targets.join(", ")),
            met,
        ]
        .map(Option::unwrap_or_default)
    }
}

/// Three digits that count, or more.
fn number(value: f64, unit: Unit) -> String {
    let digits = match (unit, value.abs()) {
        (Unit::Count, _) => 0,
        (_, 100.0..) => 0,
        (_, 10.0..) => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
