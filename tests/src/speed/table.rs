//! The results of the benchmark: a table for people, and JSON for programs.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::statistics::Summary;

/// The unit of the values of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds
    Micros,
    /// Per second
    PerSecond,
    /// 10⁶ bytes
    Megabytes,
    /// 10⁶ bytes per second
    MegabytesPerSecond,
    /// 10³ bytes
    Kilobytes,
    /// A ratio
    Ratio,
    /// A number without a unit
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
            Self::Ratio => "×",
            Self::Count => "",
        }
    }
}

/// The limit that the bridge's value should keep.
#[derive(Clone, Debug)]
pub struct Target {
    limit: f64,
    side: Side,
    /// How the limit is computed; empty for a fixed limit.
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    AtMost,
    AtLeast,
}

impl Target {
    /// At most `limit`. `reason` says how the limit is computed.
    pub fn at_most(limit: f64, reason: impl Into<String>) -> Self {
        Self { limit, side: Side::AtMost, reason: reason.into() }
    }

    /// At least `limit`. `reason` says how the limit is computed.
    pub fn at_least(limit: f64, reason: impl Into<String>) -> Self {
        Self { limit, side: Side::AtLeast, reason: reason.into() }
    }

    fn text(&self, unit: Unit) -> String {
        let side = if self.side == Side::AtMost { "≤" } else { "≥" };
        let limit = number(self.limit, unit);
        if self.reason.is_empty() {
            format!("{side} {limit}")
        } else {
            format!("{side} {limit} ({})", self.reason)
        }
    }

    fn is_met_by(&self, value: f64) -> bool {
        match self.side {
            Side::AtMost => value <= self.limit,
            Side::AtLeast => value >= self.limit,
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    unit: Unit,
    ours: Option<Summary>,
    direct: Option<Summary>,
    p11_kit: Option<Summary>,
    targets: Vec<Target>,
}

impl Row {
    /// A row with the bridge's value.
    pub fn new(name: impl Into<String>, unit: Unit, ours: Summary) -> Self {
        let name = name.into();
        Self { name, unit, ours: Some(ours), direct: None, p11_kit: None, targets: Vec::new() }
    }

    /// A row with a value that the bridge is compared with.
    pub fn reference(name: impl Into<String>, unit: Unit, direct: Summary) -> Self {
        let name = name.into();
        let direct = Some(direct);
        Self { name, unit, ours: None, direct, p11_kit: None, targets: Vec::new() }
    }

    /// Adds the value of the module called directly.
    pub fn direct(mut self, summary: Summary) -> Self {
        self.direct = Some(summary);
        self
    }

    /// Adds the value of p11-kit.
    pub fn p11_kit(mut self, summary: Summary) -> Self {
        self.p11_kit = Some(summary);
        self
    }

    /// Adds a target of the bridge's value.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Whether the bridge's value meets all targets; `None` without a target.
    fn is_met(&self) -> Option<bool> {
        let ours = self.ours?;
        let all = self.targets.iter().all(|target| target.is_met_by(ours.median));
        (!self.targets.is_empty()).then_some(all)
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours?.median / self.direct?.median)
    }

    fn to_json(&self) -> Value {
        let of = |summary: Option<Summary>| {
            summary.map(|summary| json!([summary.median, summary.low, summary.high]))
        };
        let targets = self.targets.iter().map(|target| {
            let side = if target.side == Side::AtMost { "at_most" } else { "at_least" };
            json!({ side: target.limit, "why": target.reason })
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

/// All rows under their headings, in the order of the measurements.
#[derive(Default)]
pub struct Table {
    sections: Vec<(String, Vec<Row>)>,
}

impl Table {
    /// Adds rows under a heading.
    pub fn section(&mut self, heading: impl Into<String>, rows: Vec<Row>) {
        self.sections.push((heading.into(), rows));
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|(_, rows)| rows)
    }

    /// The table in JSON. Each value is an array of its median, lowest and highest round.
    pub fn to_json(&self) -> Value {
        let sections = self.sections.iter().map(|(heading, rows)| {
            json!({ "heading": heading, "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>() })
        });
        json!(sections.collect::<Vec<_>>())
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
                // Text is aligned to the left, numbers to the right.
                match at {
                    0 | 2 | 6 | 7 => write!(text, "  {cell}{padding}")?,
                    _ => write!(text, "  {padding}{cell}")?,
                }
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(f, &head)?;
        for (heading, rows) in &self.sections {
            writeln!(f, "{heading}")?;
            rows.iter().try_for_each(|row| line(f, &row.cells()))?;
        }
        let results = self.rows().filter_map(Row::is_met);
        let (met, all) = results.fold((0, 0), |(met, all), is| (met + usize::from(is), all + 1));
        writeln!(f, "{met} of {all} targets are met.")
    }
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let unit = self.unit;
        let of = |summary: Option<Summary>| summary.map(|summary| number(summary.median, unit));
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

/// Formats a number with at least three significant digits.
fn number(value: f64, unit: Unit) -> String {
    let digits = match (unit, value.abs()) {
        (Unit::Count, _) => 0,
        (_, 100.0..) => 0,
        (_, 10.0..) => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
