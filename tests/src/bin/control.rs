//! `wkc-control`: uses the control device as no command would, and says in TAP whether it stands that. Run by
//! tests/vm/control.sh with `pass`, `math` and `many` loaded.
#![forbid(unsafe_code)]

use std::error::Error;
use std::os::fd::AsFd;

use wasmkc_abi::control::{LOAD_FORCE_PORTABLE, Load};
use wasmkc_abi::limits::{FUEL_CALL_MAX, MAX_EXPORT_NAME, MAX_EXPORTS, STACK_CALL, STACK_CALL_MAX};
use wasmkc_kernel::bpf::{load_stub, module_btf, test_run};
use wasmkc_kernel::device::{Called, Device, Refused, text};

/// errno values of include/uapi/asm-generic/errno-base.h.
mod errno {
    pub const ENOENT: i32 = 2;
    pub const EBUSY: i32 = 16;
    pub const EINVAL: i32 = 22;
}

const FUEL: u64 = 1_000_000;
const XDP_ABORTED: u32 = 0;
const XDP_PASS: u32 = 2;

/// Counts and prints.
#[derive(Default)]
struct Tap(usize);

impl Tap {
    fn ok(&mut self, name: &str, good: bool) {
        self.0 += 1;
        println!("{}ok {} - {name}", if good { "" } else { "not " }, self.0);
    }

    /// `result` must be refused with `errno` and a text that has `part`.
    fn refused<T>(&mut self, name: &str, result: Result<T, Refused>, errno: i32, part: &str) {
        match result {
            Err(refused) if refused.errno == errno && refused.text.contains(part) => self.ok(name, true),
            Err(refused) => {
                println!("# {refused:?}");
                self.ok(name, false);
            }
            Ok(_) => {
                println!("# was not refused");
                self.ok(name, false);
            }
        }
    }
}

/// Results of a call that came back.
fn results(called: Result<Called, Refused>) -> Option<Vec<u64>> {
    match called {
        Ok(Called::Back { results, .. }) => Some(results),
        _ => None,
    }
}

fn call(device: &Device, name: &str, export: &str, args: &[u64]) -> Result<Called, Refused> {
    device.call_export(name, export, args, FUEL, STACK_CALL)
}

/// Handles need not be asked for: whoever may load BPF can write any number into a stub.
fn guessed_handles(tap: &mut Tap, device: &Device) -> Result<(), Box<dyn Error>> {
    let kfunc = device.info().map_err(|e| e.text)?.xdp_kfunc;
    let btf = module_btf("wasmkc")?.ok_or("the module has no BTF")?;
    let (mut aborted, mut passed, mut other) = (0, 0, 0);
    for generation in 0..4u64 {
        for hook in 0..4u64 {
            for slot in 0..4u64 {
                let handle = generation << 32 | hook << 24 | slot;
                let stub = load_stub("guess", btf.as_fd(), kfunc, handle).map_err(|(e, log)| format!("{e}: {log}"))?;
                match test_run(stub.as_fd(), &mut vec![0; 64])?.0 {
                    XDP_ABORTED => aborted += 1,
                    XDP_PASS => passed += 1,
                    _ => other += 1,
                }
            }
        }
    }
    println!("# guessed handles: {aborted} aborted, {passed} passed, {other} others");
    tap.ok("a guess finds the program that has xdp", passed == 1);
    tap.ok("and no other", (aborted, other) == (63, 0));
    Ok(())
}

fn sessions(tap: &mut Tap) -> Result<(), Box<dyn Error>> {
    let (first, second) = (Device::open()?, Device::open()?);
    tap.ok("an instance keeps its state from call to call", {
        let all: Vec<_> = (0..3).map(|_| results(call(&first, "math", "calls", &[]))).collect();
        all == [Some(vec![1]), Some(vec![2]), Some(vec![3])]
    });
    tap.ok("another open device has its own", results(call(&second, "math", "calls", &[])) == Some(vec![1]));
    tap.refused("one device calls one program", call(&first, "many", &longest_name(), &[]), errno::EBUSY, "`math`");
    tap.refused("a called program stays", first.unload("math"), errno::EBUSY, "2 open devices");
    drop(second);
    tap.refused("as long as one is open", first.unload("math"), errno::EBUSY, "1 open devices");
    tap.ok("a trap ends the call, not the instance", {
        let trapped = matches!(call(&first, "math", "divide", &[1, 0]), Ok(Called::Trapped(_)));
        trapped && results(call(&first, "math", "calls", &[])) == Some(vec![4])
    });
    let from_threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| results(call(&first, "math", "calls", &[])))).collect();
        let mut all: Vec<_> = threads.into_iter().filter_map(|t| t.join().ok().flatten()).flatten().collect();
        all.sort_unstable();
        all
    });
    tap.ok("threads on one device call one behind the other", from_threads == [5, 6, 7, 8]);
    Ok(())
}

/// What is refused changes nothing: the program is not kept by it.
fn refusals(tap: &mut Tap) -> Result<(), Box<dyn Error>> {
    let device = Device::open()?;
    let used = device.info().map_err(|e| e.text)?.memory_used;
    tap.refused("no such export", call(&device, "math", "nothing", &[]), errno::ENOENT, "exports no function");
    tap.refused("no such program", call(&device, "nothing", "add", &[]), errno::ENOENT, "no program named");
    tap.refused("too few arguments", call(&device, "math", "add", &[1]), errno::EINVAL, "takes 2 arguments, not 1");
    tap.refused("too many arguments", call(&device, "math", "add", &[0; 200]), errno::EINVAL, "more arguments");
    let with = |fuel, stack| device.call_export("math", "add", &[1, 2], fuel, stack);
    tap.refused("no fuel", with(0, STACK_CALL), errno::EINVAL, "fuel");
    tap.refused("too much fuel", with(FUEL_CALL_MAX + 1, STACK_CALL), errno::EINVAL, "fuel");
    tap.refused("too much stack", with(FUEL, STACK_CALL_MAX + 1), errno::EINVAL, "stack");
    tap.refused("no name", call(&device, "math", "", &[]), errno::EINVAL, "name");
    let long = "n".repeat(MAX_EXPORT_NAME as usize + 1);
    tap.refused("a name too long", call(&device, "math", &long, &[]), errno::EINVAL, "name");
    let object = std::fs::read("/host/pass.kwo")?;
    let flagged = |flags| device.load(&object, "flagged", Load { flags, ..Load::default() });
    tap.refused("a flag that LOAD does not have", flagged(1 << 31), errno::EINVAL, "flag 0x80000000");
    tap.refused("the same beside one that it has", flagged(1 << 5 | LOAD_FORCE_PORTABLE), errno::EINVAL, "flag 0x20");
    tap.ok("no memory was taken", device.info().is_ok_and(|info| info.memory_used == used));
    tap.ok("unload goes, the device still open", device.unload("math").is_ok());
    Ok(())
}

fn longest_name() -> String {
    format!("e4095{}", "x".repeat(250))
}

fn lists(tap: &mut Tap, device: &Device) -> Result<(), Box<dyn Error>> {
    let programs = device.list().map_err(|e| e.text)?;
    let many = programs.iter().find(|p| text(&p.name) == "many").ok_or("`many` is not loaded")?;
    let exports = device.exports(many.id).map_err(|e| e.text)?;
    tap.ok("every export is listed", exports.len() == MAX_EXPORTS as usize);
    tap.ok("by its whole name", exports.last().is_some_and(|e| text(&e.name) == longest_name()));
    tap.ok("the last can be called", results(call(device, "many", &longest_name(), &[])) == Some(vec![1]));
    let sum: u64 = device.list().map_err(|e| e.text)?.iter().map(|p| p.memory_bytes).sum();
    let used = device.info().map_err(|e| e.text)?.memory_used;
    println!("# programs {sum}, used {used} bytes");
    tap.ok("what programs take is all that is taken, sessions included", sum == used);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut tap = Tap::default();
    let device = Device::open()?;
    guessed_handles(&mut tap, &device)?;
    lists(&mut tap, &device)?;
    sessions(&mut tap)?;
    refusals(&mut tap)?;
    println!("1..{}", tap.0);
    Ok(())
}
