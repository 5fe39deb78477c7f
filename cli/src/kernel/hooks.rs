//! Requests about packets: one that was never on a wire, and devices' ingress hooks.

use crate::device::{Device, Message, Plain, Result, name_field, with_text, zeroed};
use wasmkc_abi::control::{Attachment, IngressAttach, IngressDetach, PacketRequest, TrapRecord};

impl Plain for PacketRequest {}
impl Plain for IngressAttach {}
impl Plain for IngressDetach {}
impl Plain for Attachment {}

/// What became of a packet.
pub struct Judged {
    /// Number of the verdict, the trap verdict where it trapped.
    pub verdict: u32,
    /// Where it trapped.
    pub trap: Option<Box<TrapRecord>>,
    /// Fuel it took.
    pub fuel: u64,
    /// Nanoseconds it took.
    pub time: u64,
}

impl Device {
    /// Has program `name` judge `packet`, which becomes what the program made of it.
    pub fn packet(&self, name: &str, packet: &mut [u8]) -> Result<Judged> {
        let mut message = Message::new();
        let mut record = zeroed::<TrapRecord>();
        let mut request = PacketRequest {
            name: name_field(name),
            packet: packet.as_mut_ptr() as u64,
            len: packet.len() as u32,
            record: (&raw mut record) as u64,
            text: message.field(),
            ..PacketRequest::default()
        };
        self.call("PACKET", &mut request).map_err(|e| with_text(e, &message))?;
        Ok(Judged {
            verdict: request.verdict,
            trap: (request.trap != 0).then(|| Box::new(record)),
            fuel: request.fuel_used,
            time: request.time_ns,
        })
    }

    /// Attaches program `name` to the ingress hook of a device of this network namespace; the attachment's number.
    pub fn ingress_attach(&self, name: &str, ifindex: u32) -> Result<u32> {
        let mut message = Message::new();
        let mut request = IngressAttach { name: name_field(name), ifindex, id: 0, text: message.field() };
        self.call("INGRESS_ATTACH", &mut request).map_err(|e| with_text(e, &message))?;
        Ok(request.id)
    }

    /// Ends attachment `id`.
    pub fn ingress_detach(&self, id: u32) -> Result<()> {
        let mut message = Message::new();
        let mut request = IngressDetach { id, pad: 0, text: message.field() };
        self.call("INGRESS_DETACH", &mut request).map_err(|e| with_text(e, &message))
    }

    /// All attachments to ingress hooks, of every network namespace.
    pub fn attachments(&self) -> Result<Vec<Attachment>> {
        self.records("INGRESS_LIST", 0)
    }
}
