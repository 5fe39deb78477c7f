//! Every system that runs in user space does the same work: verdicts, and what is written into packets.

use std::path::Path;
use std::time::Duration;

use wasmkc_bench::instructions;
use wasmkc_bench::measure::{Plan, run};
use wasmkc_bench::systems::Kind;
use wasmkc_bench::trace::{SIZES, Trace};
use wasmkc_bench::workload;

fn plan(workloads: &[&str], systems: Vec<Kind>) -> Plan {
    Plan {
        workloads: workloads.iter().map(|name| workload::by_name(name).expect("a workload")).collect(),
        systems,
        sizes: SIZES.to_vec(),
        rounds: 1,
        slice: Duration::from_millis(1),
        packets: 96,
        seed: 3,
        command: None,
        without: Vec::new(),
        counted: false,
    }
}

/// All but eBPF, which needs privileges; without native code of ours, what is left.
fn systems() -> Vec<Kind> {
    let mut systems = vec![Kind::Clang, Kind::ClangGeneral, Kind::Gcc];
    if wasmkc_compiler::Target::by_machine(wasmkc_host::MACHINE).is_some() {
        systems.extend([Kind::Wasmkc, Kind::WasmkcMasked, Kind::WasmkcMemory]);
    }
    systems.extend([Kind::WasmkcPortable, Kind::Wasmtime, Kind::WasmtimeFuel, Kind::Wasmi]);
    systems
}

#[test]
fn all_systems_make_the_same_of_every_packet() {
    let names = workload::ALL.each_ref().map(|workload| workload.name);
    let results = run(&plan(&names, systems())).expect("they agree");
    assert_eq!(results.rows.len(), names.len() * SIZES.len());
    assert!(results.rows.iter().all(|row| row.systems.len() == systems().len()));
    // Another seed would give another digest: what is compared depends on the packets.
    let mut other = plan(&["rules"], vec![Kind::Clang]);
    other.seed = 4;
    let other = run(&other).expect("it runs");
    let rules = results.rows.iter().filter(|row| row.workload == "rules");
    assert!(rules.zip(&other.rows).all(|(ours, theirs)| ours.verdicts != theirs.verdicts));
}

/// eBPF too, where the machine allows it.
#[test]
fn ebpf_makes_the_same_of_every_packet_where_it_is_allowed() {
    let names = workload::ALL.each_ref().map(|workload| workload.name);
    let results = run(&plan(&names, vec![Kind::Clang, Kind::Ebpf])).expect("they agree");
    let measured = results.rows.iter().filter(|row| row.systems.contains_key(&Kind::Ebpf)).count();
    assert_eq!(measured + results.left_out.len() * SIZES.len(), results.rows.len());
    // what the verifier says, or a compiler, is no lack of permission
    assert!(results.left_out.iter().all(|out| out.reason.contains("not permitted")), "{:?}", results.left_out);
}

/// Instructions do not depend on what else the machine does: two runs give the same figures to the last one.
#[test]
fn instructions_are_the_same_from_run_to_run() {
    let mut plan = plan(&["empty", "checksum"], vec![Kind::Clang]);
    if wasmkc_compiler::Target::by_machine(wasmkc_host::MACHINE).is_some() {
        plan.systems.extend([Kind::Wasmkc, Kind::WasmkcMemory]);
    }
    let count = || instructions::count(&plan, Path::new(env!("CARGO_BIN_EXE_wkc-bench"))).expect("it counts");
    let (first, second) = (count(), count());
    assert_eq!(first.rows.len(), 2 * SIZES.len());
    let of = |row: usize, kind| first.rows[row].systems[&kind].median;
    for (row, again) in first.rows.iter().zip(&second.rows) {
        assert_eq!(row.systems, again.systems);
        assert_eq!(row.systems.len(), plan.systems.len());
        assert!(
            row.systems
                .iter()
                .all(|(kind, sample)| *kind == Kind::Clang || sample.median > row.systems[&Kind::Clang].median)
        );
    }
    for kind in &plan.systems {
        // no filter knows the length of packets that it does not read
        assert_eq!(of(0, *kind), of(1, *kind));
        // a load and an addition a word at least, of what is TCP or UDP and whole
        assert!(of(4, *kind) - of(3, *kind) > 0.5 * 2.0 * f64::from(512 - 64) / 4.0, "{kind:?}");
    }
    assert!((4.0..20.0).contains(&of(0, Kind::Clang)), "{}", of(0, Kind::Clang));
}

/// A filter that gives one verdict to all, or never writes, would agree with itself in every system.
#[test]
fn every_workload_tells_packets_apart() {
    use wasmkc_compiler::{Options, compile};
    use wasmkc_host::{Instance, Program};
    let Some(target) = wasmkc_compiler::Target::by_machine(wasmkc_host::MACHINE) else { return };
    let toolchain = wasmkc_bench::toolchain::Toolchain::new(1).expect("compilers");
    for workload in workload::ALL.iter().filter(|workload| !workload.is_empty()) {
        let wasm = toolchain.compile(workload, wasmkc_bench::toolchain::Form::Shipped).expect("it compiles");
        let object =
            compile(&wasm.bytes().expect("wasm"), &Options { target, ..Options::default() }).expect("it compiles");
        let program = Program::load_compiled_here(&object.bytes).expect("it loads");
        let mut instance = Instance::of_hook(&program).expect("it starts");
        for size in SIZES {
            let mut trace = Trace::new(workload, size, 2048, 1);
            let before = trace.bytes.clone();
            let mut counts = [0usize; 5];
            instance.judge_each(trace.packets(), |verdict| counts[verdict as usize] += 1).expect("no trap");
            let rarest = counts.iter().filter(|count| **count > 0).min();
            assert!(counts.iter().filter(|count| **count > 0).count() >= 2, "{} {size}: {counts:?}", workload.name);
            assert!(rarest >= Some(&20), "{} {size}: {counts:?}", workload.name);
            assert_eq!(trace.bytes != before, workload.name == "balancer", "{}", workload.name);
        }
    }
}
