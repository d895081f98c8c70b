//! Forbids system calls that read other programs or change the system (seccomp(2)). No module needs
//! them. Some need rights that a user does not have, but a kernel may have faults.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Confines this process and all that it starts. A forbidden call fails with `EPERM`.
pub(super) fn forbid() {
    if let Err(error) = filter().and_then(|program| apply_filter(&program)) {
        tracing::warn!(%error, "the module can make all system calls");
    }
}

fn filter() -> Result<BpfProgram, Error> {
    let numbers = FORBIDDEN.iter().copied().chain(of_x32());
    let rules: BTreeMap<i64, _> = numbers.map(|number| (number, Vec::new())).collect();
    let architecture = TargetArch::try_from(ARCH)?;
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)?;
    Ok(filter.try_into()?)
}

/// The same calls by the numbers of the x32 ABI, which a 64-bit program on x86-64 may use too.
fn of_x32() -> impl Iterator<Item = i64> {
    let is_x86_64 = cfg!(target_arch = "x86_64");
    let all = FORBIDDEN.iter().copied().chain(ONLY_X32).map(|number| number | X32_BIT);
    all.filter(move |_| is_x86_64)
}

const FORBIDDEN: &[i64] = &[
    // The memory and files of other programs.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Another kernel, and code in this one.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    // Mounts.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The system as a whole.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// The bit that marks a number of the x32 ABI.
const X32_BIT: i64 = 0x4000_0000;
/// What has other numbers in the x32 ABI: ptrace, kexec_load, process_vm_readv, process_vm_writev.
const ONLY_X32: [i64; 4] = [521, 528, 539, 540];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_fits_into_a_program() {
        assert!(!filter().unwrap().is_empty());
    }
}
