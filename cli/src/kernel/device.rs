//! The seam to `/dev/wasmkc`: one method an ioctl of [`wasmkc_abi::control`].
//!
//! Errors keep the errno and the loader's own text; the command turns them into what the user reads.
#![allow(unsafe_code, reason = "this is one of the two seam files of the command")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use wasmkc_abi::control::{
    Call, DEVICE, Export, Handle, Info, List, Load, Program, REQUESTS, Stats, Text, TrapRecord, TrustAdd, TrustKey,
    Unload, request,
};
use wasmkc_abi::limits::MAX_EXPORT_VALUES;

/// A request that the loader refused.
#[derive(Debug)]
pub struct Refused {
    /// Name of the request, as in [`REQUESTS`].
    pub request: &'static str,
    /// errno.
    pub errno: i32,
    /// The loader's text, empty if it gave none.
    pub text: String,
}

/// What a request gives.
pub type Result<T> = std::result::Result<T, Refused>;

/// Room for the loader's text.
const TEXT_BYTES: usize = 512;
/// Most records that a list is read with; far above what the loader keeps.
const MAX_RECORDS: u32 = 1 << 20;

/// A request or answer struct: `repr(C)`, integers and arrays of them only, so that every bit pattern,
/// all zeros included, is a value.
pub(crate) trait Plain: Copy {}
impl Plain for Info {}
impl Plain for TrustAdd {}
impl Plain for TrustKey {}
impl Plain for List {}
impl Plain for Load {}
impl Plain for Unload {}
impl Plain for Handle {}
impl Plain for Program {}
impl Plain for Stats {}
impl Plain for TrapRecord {}
impl Plain for u32 {}
impl Plain for Call {}
impl Plain for Export {}

/// What came of a call.
pub enum Called {
    /// One slot a result.
    Back {
        /// The results.
        results: Vec<u64>,
        /// Fuel it took.
        fuel: u64,
    },
    /// It trapped there.
    Trapped(Box<TrapRecord>),
}

pub(crate) fn zeroed<T: Plain>() -> T {
    // SAFETY: `Plain` types are valid as zeros.
    unsafe { std::mem::zeroed() }
}

/// `name` as a NUL-terminated field; longer names must have been refused before.
pub(crate) fn name_field(name: &str) -> [u8; 32] {
    let mut field = [0; 32];
    for (to, from) in field[..31].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    field
}

/// A zero-terminated field as text.
#[must_use]
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The text buffer of one request.
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Self {
        Self(vec![0; TEXT_BYTES])
    }

    pub(crate) fn field(&mut self) -> Text {
        Text { ptr: self.0.as_mut_ptr() as u64, len: self.0.len() as u32, pad: 0 }
    }

    fn text(&self) -> String {
        text(&self.0).trim_end().to_owned()
    }
}

/// The open control device.
pub struct Device(File);

impl Device {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        File::options().read(true).write(true).open(DEVICE).map(Self)
    }

    /// Does request `name` with `argument`, which the loader may write.
    pub(crate) fn call<T: Plain>(
        &self,
        name: &'static str,
        argument: &mut T,
    ) -> std::result::Result<(), (&'static str, i32)> {
        let Some((_, number, size)) = REQUESTS.iter().find(|(n, ..)| *n == name) else {
            return Err((name, libc::ENOTTY));
        };
        assert_eq!(*size, size_of::<T>(), "the struct of {name}");
        let pointer: *mut T = argument;
        // SAFETY: `pointer` is valid for the size that the request's number carries; addresses inside come
        // from buffers that the caller keeps, with their lengths beside them.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request(*number, *size) as libc::c_ulong, pointer) };
        if result < 0 { Err((name, io::Error::last_os_error().raw_os_error().unwrap_or(0))) } else { Ok(()) }
    }

    /// What is loaded.
    pub fn info(&self) -> Result<Info> {
        let mut info = Info::default();
        self.call("INFO", &mut info).map_err(without_text)?;
        Ok(info)
    }

    /// Adds a certificate to the trusted ring.
    pub fn trust_add(&self, der: &[u8]) -> Result<()> {
        let mut message = Message::new();
        let mut request = TrustAdd { der: der.as_ptr() as u64, len: der.len() as u32, pad: 0, text: message.field() };
        self.call("TRUST_ADD", &mut request).map_err(|e| with_text(e, &message))
    }

    /// Locks the ring.
    pub fn trust_lock(&self) -> Result<()> {
        self.call("TRUST_LOCK", &mut 0u32).map_err(without_text)
    }

    /// The keys in the ring.
    pub fn trust_list(&self) -> Result<Vec<TrustKey>> {
        self.records("TRUST_LIST", 0)
    }

    /// Loads an object. `load` has all but the fields that this fills: object, name and text.
    pub fn load(&self, object: &[u8], name: &str, load: Load) -> Result<u32> {
        let mut message = Message::new();
        let mut request = Load {
            object: object.as_ptr() as u64,
            len: object.len() as u32,
            name: name_field(name),
            text: message.field(),
            ..load
        };
        self.call("LOAD", &mut request).map_err(|e| with_text(e, &message))?;
        Ok(request.id)
    }

    /// Unloads a program.
    pub fn unload(&self, name: &str) -> Result<()> {
        let mut message = Message::new();
        let mut request = Unload { name: name_field(name), text: message.field() };
        self.call("UNLOAD", &mut request).map_err(|e| with_text(e, &message))
    }

    /// The handle of a program; with a `stub`, registers it as one of the program's.
    pub fn handle(&self, name: &str, stub: Option<BorrowedFd<'_>>) -> Result<u64> {
        let mut message = Message::new();
        let stub_fd = stub.map_or(-1, |fd| fd.as_raw_fd());
        let mut request = Handle { name: name_field(name), stub_fd, pad: 0, handle: 0, text: message.field() };
        self.call("HANDLE", &mut request).map_err(|e| with_text(e, &message))?;
        Ok(request.handle)
    }

    /// All programs.
    pub fn list(&self) -> Result<Vec<Program>> {
        self.records("LIST", 0)
    }

    /// Counters of a program on `cpu`, or of all CPUs.
    pub fn stats(&self, name: &str, cpu: Option<u32>) -> Result<Stats> {
        let mut stats = Stats { name: name_field(name), cpu: cpu.unwrap_or(u32::MAX), ..Stats::default() };
        self.call("STATS", &mut stats).map_err(without_text)?;
        Ok(stats)
    }

    /// The kept traps of program `id`, oldest first.
    pub fn trap_log(&self, id: u32) -> Result<Vec<TrapRecord>> {
        self.records("TRAP_LOG", id)
    }

    /// Names and signatures of what program `id` exports.
    pub fn exports(&self, id: u32) -> Result<Vec<Export>> {
        self.records("EXPORTS", id)
    }

    /// Calls `export` of program `name` on this open device's instance.
    pub fn call_export(&self, name: &str, export: &str, args: &[u64], fuel: u64, stack: u32) -> Result<Called> {
        let mut message = Message::new();
        let mut record = zeroed::<TrapRecord>();
        let mut slots = vec![0u64; (MAX_EXPORT_VALUES as usize).max(args.len())];
        slots[..args.len()].copy_from_slice(args);
        let mut request = Call {
            name: name_field(name),
            export: export.as_ptr() as u64,
            export_len: export.len() as u32,
            args: args.len() as u32,
            slots: slots.as_mut_ptr() as u64,
            capacity: slots.len() as u32,
            fuel,
            stack,
            record: (&raw mut record) as u64,
            text: message.field(),
            ..Call::default()
        };
        self.call("CALL", &mut request).map_err(|e| with_text(e, &message))?;
        if request.trap != 0 {
            return Ok(Called::Trapped(Box::new(record)));
        }
        slots.truncate(request.results as usize);
        Ok(Called::Back { results: slots, fuel: request.fuel_used })
    }

    /// All records of a list request.
    pub(crate) fn records<T: Plain>(&self, name: &'static str, id: u32) -> Result<Vec<T>> {
        all_records(|records| {
            let capacity = records.len() as u32;
            let mut list = List { ptr: records.as_mut_ptr() as u64, capacity, count: 0, id, pad: 0 };
            self.call(name, &mut list).map_err(without_text)?;
            Ok(list.count)
        })
    }
}

/// All records that `fill` puts into a buffer: it gives how many there are, and is asked again with room for so
/// many if they are more than fitted.
fn all_records<T: Plain>(mut fill: impl FnMut(&mut [T]) -> Result<u32>) -> Result<Vec<T>> {
    let mut capacity = 64;
    loop {
        let mut records = vec![zeroed::<T>(); capacity as usize];
        let count = fill(&mut records)?;
        if count <= capacity || capacity == MAX_RECORDS {
            records.truncate(count as usize);
            return Ok(records);
        }
        capacity = count.min(MAX_RECORDS);
    }
}

pub(crate) fn without_text((request, errno): (&'static str, i32)) -> Refused {
    Refused { request, errno, text: String::new() }
}

pub(crate) fn with_text((request, errno): (&'static str, i32), message: &Message) -> Refused {
    Refused { request, errno, text: message.text() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_on_a_file_that_is_no_loader_is_refused_with_its_name() {
        let device = Device(File::open("/dev/null").unwrap());
        let refused = device.info().unwrap_err();
        assert_eq!((refused.request, refused.errno), ("INFO", libc::ENOTTY));
        assert_eq!(device.list().unwrap_err().request, "LIST");
    }

    /// A loader's list of 1, 2, 3... `len`, which grows by `more` before each request after the first.
    fn read(len: u32, more: u32) -> (Vec<u32>, u32) {
        let (mut there, mut asked) = (len, 0);
        let records = all_records(|records: &mut [u32]| {
            there += if asked == 0 { 0 } else { more };
            asked += 1;
            for (to, from) in records.iter_mut().zip(1..=there) {
                *to = from;
            }
            Ok(there)
        });
        (records.unwrap(), asked)
    }

    #[test]
    fn a_list_is_read_whole_however_long_it_is_and_becomes() {
        for (len, requests) in [(0, 1), (63, 1), (64, 1), (65, 2), (1000, 2)] {
            assert_eq!(read(len, 0), ((1..=len).collect(), requests));
        }
        assert_eq!(read(64, 1), ((1..=64).collect(), 1));
        // It grows for as long as we ask, up to a bound.
        let (records, _) = read(65, 300_000);
        assert_eq!(records, (1..=MAX_RECORDS).collect::<Vec<_>>());
    }

    #[test]
    fn a_name_field_always_ends_in_zero() {
        assert_eq!(name_field("ab")[..3], *b"ab\0");
        assert_eq!(name_field(&"x".repeat(40))[30..], *b"x\0");
    }
}
