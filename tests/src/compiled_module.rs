//! Modules in C, from `tests/loading`. Each has a fault of real modules that shows when a program
//! loads them.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::program::{run, tool};
use crate::token::MODULE;
use crate::workspace;

/// A folder with a compiled module and its dependency.
pub struct CompiledModule(TempDir);

impl CompiledModule {
    /// SoftHSM2 behind a module with these macros of `forwarding.c`.
    pub fn forwarding(macros: &[&str]) -> Self {
        let wrapped = format!("WRAPPED=\"{MODULE}\"");
        let macros: Vec<_> = macros.iter().copied().chain([wrapped.as_str()]).collect();
        let depends = macros.contains(&"DEPENDS");
        Self::compile("forwarding", &macros, depends.then_some(&[]))
    }

    /// A library that has no function of a module, but depends on one that has them.
    pub fn without_functions() -> Self {
        Self::compile("nothing", &[], Some(&["FUNCTION_LIST"]))
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("module.so")
    }

    fn compile(source: &str, macros: &[&str], dependency: Option<&[&str]>) -> Self {
        let folder = tempfile::Builder::new().prefix("pkcs11-bridge-test-").tempdir();
        let folder = folder.expect("a folder");
        let compile = |source: &str, macros: &[&str], output: &str, more: &[&str]| {
            let mut command = tool("cc");
            command.current_dir(folder.path()).args(["-shared", "-fPIC", "-o", output]);
            command.args(macros.iter().map(|name| format!("-D{name}")));
            command.arg(workspace().join(format!("tests/loading/{source}.c")));
            run(command.args(more));
        };
        let link = dependency.map(|macros| {
            compile("dependency", macros, "libdependency.so", &[]);
            ["-L.", "-ldependency", "-Wl,-rpath,$ORIGIN"]
        });
        compile(source, macros, "module.so", link.as_ref().map_or(&[], |link| link));
        Self(folder)
    }
}
