//! The results of a run as one table of modules and checks, with the reasons below.

use std::fmt;

use super::apdus::Apdus;
use super::checks::CHECKS;
use super::family::{Family, Missing};

/// The result of one check on one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It failed, with a reason.
    Failed(String),
    /// It does not apply to the module.
    NotApplicable,
}

/// The results of one module.
pub struct Row {
    family: &'static str,
    packages: &'static [&'static str],
    version: String,
    missing: Option<Missing>,
    verdicts: Vec<(&'static str, Verdict)>,
    apdus: Vec<Apdus>,
}

impl Row {
    pub(super) fn new(family: &dyn Family, version: String) -> Self {
        Self {
            family: family.name(),
            packages: family.packages(),
            version,
            missing: None,
            verdicts: Vec::new(),
            apdus: Vec::new(),
        }
    }

    pub(super) fn not_run(family: &dyn Family, missing: Missing) -> Self {
        Self { missing: Some(missing), ..Self::new(family, String::new()) }
    }

    pub(super) fn add(&mut self, check: &'static str, verdict: Verdict) {
        self.verdicts.push((check, verdict));
    }

    pub(super) fn set_apdus(&mut self, apdus: Vec<Apdus>) {
        self.apdus = apdus;
    }

    /// Why this machine cannot run it.
    pub fn missing(&self) -> Option<&Missing> {
        self.missing.as_ref()
    }

    fn cell(&self, check: &str) -> &'static str {
        match self.verdicts.iter().find(|(name, _)| *name == check) {
            Some((_, Verdict::Passed)) => "✔",
            Some((_, Verdict::Failed(_))) => "✘",
            Some((_, Verdict::NotApplicable)) => "–",
            None => "",
        }
    }

    /// The reasons, each with the checks that failed for it.
    fn reasons(&self) -> Vec<(Vec<&'static str>, &str)> {
        let mut reasons: Vec<(Vec<_>, _)> = Vec::new();
        for (check, reason) in self.failures() {
            match reasons.iter_mut().find(|(_, known)| *known == reason) {
                Some((checks, _)) => checks.push(check),
                None => reasons.push((vec![check], reason)),
            }
        }
        reasons
    }

    fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.verdicts.iter().filter_map(|(check, verdict)| match verdict {
            Verdict::Failed(reason) => Some((*check, reason.as_str())),
            Verdict::Passed | Verdict::NotApplicable => None,
        })
    }
}

/// The table. A line is a module, because there are fewer checks than characters in their names.
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// The results of these modules.
    pub fn of(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    /// Whether no check failed.
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|row| row.failures().next().is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.rows.iter().map(|row| row.family).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for word in 0..2 {
            let title = if word == 0 { "" } else { "module" };
            write!(f, "{title:width$}")?;
            for check in CHECKS {
                let word = check.heading[word];
                write!(f, "  {word:cell$}", cell = check.width())?;
            }
            writeln!(f)?;
        }
        for row in &self.rows {
            write!(f, "{:width$}", row.family)?;
            if row.missing.is_some() {
                writeln!(f, "  not run, see below")?;
                continue;
            }
            for check in CHECKS {
                write!(f, "  {:cell$}", row.cell(check.name), cell = check.width())?;
            }
            writeln!(f)?;
        }
        self.write_reasons(f)?;
        self.write_apdus(f, width)?;
        writeln!(f, "\nVersions:")?;
        for row in self.rows.iter().filter(|row| row.missing.is_none()) {
            writeln!(f, "  {:width$}  {}", row.family, row.version)?;
        }
        Ok(())
    }
}

impl Report {
    fn write_reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for row in &self.rows {
            if let Some(missing) = &row.missing {
                let packages = row.packages.join(", ");
                writeln!(f, "{} did not run: {missing} (packages: {packages})", row.family)?;
            }
            for (checks, reason) in row.reasons() {
                writeln!(f, "✘ {}, {}: {reason}", row.family, checks.join(", "))?;
            }
        }
        Ok(())
    }

    fn write_apdus(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        if self.rows.iter().all(|row| row.apdus.is_empty()) {
            return Ok(());
        }
        writeln!(f, "\n{:width$}  {:20}  {:>6}  pkcs11-tool", "APDUs", "", "bridge")?;
        for row in &self.rows {
            for Apdus { what, ours, pkcs11_tool } in &row.apdus {
                let sign = if ours > pkcs11_tool { "✘" } else { "✔" };
                writeln!(
                    f,
                    "{:width$}  {what:20}  {ours:>6}  {pkcs11_tool:>11} {sign}",
                    row.family
                )?;
            }
        }
        Ok(())
    }
}
