//! The report of a load run, as a table for people and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Counters, Footprint, Footprints, Plan};

/// The results of a run.
pub struct Report {
    /// The plan of the run.
    pub plan: Plan,
    /// How long the pages sent requests and received answers.
    pub elapsed: Duration,
    /// The outcomes of the requests.
    pub counters: Counters,
    /// The resources of the bridge.
    pub footprints: Footprints,
    /// The number of workers that did not end after all pages had closed.
    pub leftover_workers: usize,
}

impl Report {
    /// The counts that must be zero, with their names.
    pub fn must_be_zero(&self) -> Vec<(&'static str, u64)> {
        let mut counters = self.counters.must_be_zero().to_vec();
        counters.push(("workers left over", self.leftover_workers as u64));
        counters
    }

    /// Whether all of those are zero.
    pub fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, figure)| *figure == 0)
    }

    /// The number of answers per second.
    pub fn per_second(&self) -> f64 {
        (self.counters.answered + self.counters.failed) as f64 / self.elapsed.as_secs_f64()
    }

    /// The report in JSON.
    pub fn to_json(&self) -> Value {
        let Self { plan, counters, footprints, .. } = self;
        let disruptions: serde_json::Map<_, _> = counters
            .disruptions
            .all()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        let errors = counters.errors.iter().map(|((status, code, kind), count)| {
            json!({ "status": status, "code": code, "kind": kind, "count": count })
        });
        let errors: Vec<_> = errors.collect();
        json!({
            "plan": {
                "seconds": plan.duration.as_secs_f64(),
                "connections": plan.connections,
                "origins": plan.origins,
                "in_flight": plan.in_flight,
            },
            "requests": {
                "sent": counters.sent,
                "answered": counters.answered,
                "failed": counters.failed,
                "cut_off": counters.cut_off,
                "lost": counters.lost,
                "answered_twice": counters.answered_twice,
                "mismatched": counters.mismatched,
                "per_second": self.per_second(),
                "by_method": counters.methods,
            },
            "signatures": {
                "checked": counters.signatures,
                "wrong": counters.wrong_signature,
                "verified_by_openssl": counters.verified_by_openssl,
                "failed_in_batches": counters.failed_in_batches,
            },
            "errors": errors,
            "wrong_answers": counters.wrong_answers,
            "closed_by_the_bridge": counters.closed,
            "events": counters.events,
            "incomplete_token_lists": counters.incomplete_token_lists,
            "disruptions": disruptions,
            "footprint": {
                "start": of_footprint(&footprints.start),
                "peak": of_footprint(&footprints.peak),
                "end": of_footprint(&footprints.end),
            },
            "workers_left_over": self.leftover_workers,
        })
    }
}

fn of_footprint(footprint: &Footprint) -> Value {
    json!({
        "bridge_bytes": footprint.memory,
        "workers_bytes": footprint.workers_memory,
        "bridge_file_descriptors": footprint.file_descriptors,
        "workers": footprint.workers,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, counters, footprints, .. } = self;
        writeln!(
            f,
            "{} connections of {} origins on SoftHSM2, {} requests in flight on each, for {:.0} s",
            plan.connections,
            plan.origins,
            plan.in_flight,
            plan.duration.as_secs_f64()
        )?;
        let mut line = |name: &str, figure: u64, note: &str| {
            writeln!(f, "  {name:<40}{:>12}  {note}", grouped(figure))
        };
        line("requests sent", counters.sent, "")?;
        line(
            "  answered",
            counters.answered,
            &format!("{:.0} per second, errors included", self.per_second()),
        )?;
        line("  answered with an error", counters.failed, "")?;
        for ((status, code, kind), count) in &counters.errors {
            line(&format!("    {status}/{code}"), *count, kind)?;
        }
        line("  cut off by this run", counters.cut_off, "")?;
        for (name, figure) in self.must_be_zero() {
            line(
                &format!("  {name}"),
                figure,
                if figure == 0 { "as required" } else { "MUST BE 0" },
            )?;
        }
        for answer in &counters.wrong_answers {
            line("  wrong answer", 1, answer)?;
        }
        line("signatures checked", counters.signatures, "each with its certificate and hash")?;
        line("  of these, by OpenSSL too", counters.verified_by_openssl, "")?;
        line("  failed in batches", counters.failed_in_batches, "")?;
        line(
            "lists without a token",
            counters.incomplete_token_lists,
            "which SoftHSM could not read",
        )?;
        for (name, count) in &counters.events {
            line(&format!("events `{name}`"), *count, "")?;
        }
        for (name, figure) in counters.disruptions.all() {
            line(name, figure, "")?;
        }
        for (code, count) in &counters.closed {
            line(
                &format!("closed by the bridge with {code}"),
                *count,
                "without a reason from this run",
            )?;
        }
        writeln!(f, "  {:<40}{:>12}{:>12}{:>12}", "", "start", "peak", "end")?;
        let Footprints { start, peak, end } = footprints;
        let mut row = |name: &str, of: fn(&Footprint) -> String| {
            writeln!(f, "  {name:<40}{:>12}{:>12}{:>12}", of(start), of(peak), of(end))
        };
        row("memory of the bridge", |footprint| mebibytes(footprint.memory))?;
        row("memory of its workers", |footprint| mebibytes(footprint.workers_memory))?;
        row("file descriptors of the bridge", |footprint| footprint.file_descriptors.to_string())?;
        row("workers", |footprint| footprint.workers.to_string())
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Writes a number with commas between groups of three digits.
fn grouped(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
