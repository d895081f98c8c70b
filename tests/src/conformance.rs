//! The conformance run: one script of checks for every family of PKCS#11 modules, each with a
//! throw-away token and the real bridge. `make conformance` prints a table of modules and checks.
//! `make test` runs the same script, except for the modules that take long to build.

mod apdus;
mod checks;
mod context;
mod families;
mod family;
mod report;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use apdus::Apdus;
pub use families::{FAMILIES, find};
pub use family::{Family, Key, Missing, Token};
pub use report::{Report, Row};

use checks::CHECKS;
use context::Context;
use report::Verdict;

/// Runs all checks on one family. A machine that cannot start the token gets a row that says
/// why.
pub async fn run(family: &dyn Family) -> Row {
    let token = match catch_unwind(AssertUnwindSafe(|| family.start())) {
        Ok(Ok(token)) => token,
        Ok(Err(missing)) => return Row::not_run(family, missing),
        Err(panic) => {
            let mut row = Row::new(family, String::new());
            row.add("start", Verdict::Failed(context::message_of(panic.as_ref())));
            return row;
        }
    };
    let mut row = Row::new(family, token.version());
    let mut context = Context::new(token);
    for check in CHECKS {
        row.add(check.name, context.run(check).await);
    }
    row.set_apdus(context.apdus);
    row
}

/// Runs all checks on a family, for `make test`. Panics with the reasons of the checks that fail.
/// Says on the real standard error why a machine cannot run it, because the test runner hides what
/// a successful test prints.
pub async fn test(family: &dyn Family) {
    let row = run(family).await;
    if let Some(missing) = row.missing() {
        let line = format!("conformance: {} is skipped: {missing}\n", family.name());
        std::io::stderr().write_all(line.as_bytes()).expect("standard error");
    }
    let report = Report::of(vec![row]);
    assert!(report.is_clean(), "{report}");
}
