//! What a load run found, as a table for people and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Counters, Footprint, Footprints, Plan};

/// The outcome of a run.
pub struct Report {
    /// What was run.
    pub plan: Plan,
    /// How long requests were sent and answered.
    pub elapsed: Duration,
    /// What came of them.
    pub figures: Counters,
    /// What the bridge took of the system.
    pub footprints: Footprints,
    /// Workers that did not end when all pages had gone.
    pub left_over: usize,
}

impl Report {
    /// The figures that have to be zero, with their names.
    pub fn must_be_zero(&self) -> Vec<(&'static str, u64)> {
        let mut figures = self.figures.must_be_zero().to_vec();
        figures.push(("workers left over", self.left_over as u64));
        figures
    }

    /// Whether all of them are.
    pub fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, figure)| *figure == 0)
    }

    /// Requests that were answered in a second.
    pub fn per_second(&self) -> f64 {
        (self.figures.answered + self.figures.failed) as f64 / self.elapsed.as_secs_f64()
    }

    /// All of it, for programs.
    pub fn to_json(&self) -> Value {
        let Self { plan, figures, footprints, .. } = self;
        let disruptions: serde_json::Map<_, _> = figures
            .disruptions
            .all()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        let errors = figures.errors.iter().map(|((status, code, kind), count)| {
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
                "sent": figures.sent,
                "answered": figures.answered,
                "failed": figures.failed,
                "cut_off": figures.cut_off,
                "lost": figures.lost,
                "answered_twice": figures.answered_twice,
                "answered_with_anothers": figures.anothers,
                "per_second": self.per_second(),
                "by_method": figures.methods,
            },
            "signatures": {
                "checked": figures.signatures,
                "wrong": figures.wrong_signature,
                "confirmed_by_openssl": figures.confirmed_by_openssl,
                "failed_in_batches": figures.failed_in_batches,
            },
            "errors": errors,
            "wrong_answers": figures.wrong_answers,
            "closed_by_the_bridge": figures.closed,
            "events": figures.events,
            "tokens_left_out": figures.tokens_left_out,
            "disruptions": disruptions,
            "footprint": {
                "start": of_footprint(&footprints.start),
                "peak": of_footprint(&footprints.peak),
                "end": of_footprint(&footprints.end),
            },
            "workers_left_over": self.left_over,
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
        let Self { plan, figures, footprints, .. } = self;
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
        line("requests sent", figures.sent, "")?;
        line(
            "  answered",
            figures.answered,
            &format!("{:.0} a second with those below", self.per_second()),
        )?;
        line("  answered with an error", figures.failed, "")?;
        for ((status, code, kind), count) in &figures.errors {
            line(&format!("    {status}/{code}"), *count, kind)?;
        }
        line("  cut off by this run", figures.cut_off, "")?;
        for (name, figure) in self.must_be_zero() {
            line(
                &format!("  {name}"),
                figure,
                if figure == 0 { "as it has to be" } else { "HAS TO BE 0" },
            )?;
        }
        for answer in &figures.wrong_answers {
            line("  wrong", 1, answer)?;
        }
        line("signatures checked", figures.signatures, "each against its certificate and hash")?;
        line("  of them by OpenSSL too", figures.confirmed_by_openssl, "")?;
        line("  failed in batches", figures.failed_in_batches, "")?;
        line("lists without a token", figures.tokens_left_out, "which SoftHSM could not read")?;
        for (name, count) in &figures.events {
            line(&format!("events `{name}`"), *count, "")?;
        }
        for (name, figure) in figures.disruptions.all() {
            line(name, figure, "")?;
        }
        for (code, count) in &figures.closed {
            line(
                &format!("closed by the bridge with {code}"),
                *count,
                "for no reason that this run gave",
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

/// The digits in groups of three.
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
