//! End-to-end tests of the bridge for Windows, under Wine. `make test-windows` runs them.

mod windows {
    pub mod approvals;
    pub mod dialogs;
    pub mod faults;
    pub mod installation;
    pub mod methods;
    pub mod ports;
    pub mod processes;
}
