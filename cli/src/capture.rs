//! Packets out of a capture file, and the ones that passed into another.
//!
//! Reads pcap and pcapng with Ethernet frames, which is what a filter at XDP sees; writes pcap.

use crate::error::{Error, Result};
use crate::output;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// First bytes of a pcapng file (the section header block's type).
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Largest packet that is written, as `tcpdump` has it.
const SNAPLEN: u32 = 262_144;

/// A captured packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was captured, since 1970.
    pub timestamp: Duration,
    /// Its bytes, as far as they were captured.
    pub data: Vec<u8>,
    /// Bytes it had on the wire.
    pub original_len: u32,
}

/// A capture that is being read.
pub struct Capture {
    path: PathBuf,
    reader: Reader,
    read: usize,
}

enum Reader {
    Pcap(PcapReader<Box<dyn Read>>),
    PcapNg(PcapNgReader<Box<dyn Read>>),
}

impl Capture {
    /// Opens a capture of either format.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| Error::file("read", path, &e);
        let mut file = File::open(path).map_err(fail)?;
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic).map_err(fail)?;
        let is_ng = magic == PCAPNG;
        let bytes: Box<dyn Read> = Box::new(std::io::Cursor::new(magic).chain(BufReader::new(file)));
        let none = |e: PcapError| {
            Error::new(format_args!("{} is no capture: {e}", path.display()))
                .help("pcap and pcapng are read; `tcpdump -i DEV -w FILE` makes one")
        };
        let reader = if is_ng {
            Reader::PcapNg(PcapNgReader::new(bytes).map_err(none)?)
        } else {
            Reader::Pcap(PcapReader::new(bytes).map_err(none)?)
        };
        if let Reader::Pcap(pcap) = &reader {
            ethernet(path, pcap.header().datalink)?;
        }
        Ok(Self { path: path.to_owned(), reader, read: 0 })
    }

    /// The next packet, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Packet>> {
        let packet = match &mut self.reader {
            Reader::Pcap(reader) => reader.next_packet().transpose().map(|p| p.map(from_pcap)),
            Reader::PcapNg(reader) => next_of_pcapng(&self.path, reader)?,
        };
        let packet = packet.map_err(|e| {
            Error::new(format_args!("{}: after packet {}: {e}", self.path.display(), self.read))
                .help("the capture is damaged or cut off; the packets before that were read")
        })?;
        self.read += usize::from(packet.is_some());
        Ok(packet)
    }
}

fn ethernet(path: &Path, found: DataLink) -> Result<()> {
    if found == DataLink::ETHERNET {
        return Ok(());
    }
    Err(Error::new(format_args!("{} holds {found:?} packets, not Ethernet frames", path.display()))
        .help("a filter at XDP sees Ethernet frames: capture with `tcpdump -i DEV`, not `-i any`"))
}

fn from_pcap(packet: PcapPacket<'_>) -> Packet {
    Packet { timestamp: packet.timestamp, original_len: packet.orig_len, data: packet.data.into_owned() }
}

type Read1 = std::result::Result<Option<Packet>, PcapError>;

/// Skips blocks until one with a packet. The outer error is ours, the inner the file's.
fn next_of_pcapng(path: &Path, reader: &mut PcapNgReader<Box<dyn Read>>) -> Result<Read1> {
    loop {
        let block = match reader.next_block() {
            None => return Ok(Ok(None)),
            Some(Err(e)) => return Ok(Err(e)),
            Some(Ok(block)) => block.into_owned(),
        };
        let (interface, units, original_len, data) = match block {
            // The library takes the file's units for nanoseconds; the interface says what they are.
            Block::EnhancedPacket(p) => (p.interface_id, p.timestamp.as_nanos() as u64, p.original_len, p.data),
            Block::Packet(p) => (u32::from(p.interface_id), p.timestamp, p.original_len, p.data),
            Block::SimplePacket(p) => (0, 0, p.original_len, p.data),
            _ => continue,
        };
        let Some(interface) = reader.interfaces().get(interface as usize) else {
            return Ok(Err(PcapError::InvalidField("a packet of an interface that was not described")));
        };
        ethernet(path, interface.linktype)?;
        let mut data = data.into_owned();
        data.truncate(original_len as usize);
        return Ok(Ok(Some(Packet { timestamp: time(units, interface), original_len, data })));
    }
}

/// `units` of the interface's resolution (`if_tsresol`; microseconds without it).
fn time(units: u64, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let resolution = interface.options.iter().find_map(|o| match o {
        InterfaceDescriptionOption::IfTsResol(r) => Some(*r),
        _ => None,
    });
    let resolution = resolution.unwrap_or(6);
    let exponent = u32::from(resolution & 0x7f);
    let per_second = if resolution & 0x80 != 0 { 2u64.checked_pow(exponent) } else { 10u64.checked_pow(exponent) };
    let per_second = per_second.unwrap_or(u64::MAX);
    let nanos = u128::from(units % per_second) * 1_000_000_000 / u128::from(per_second);
    Duration::new(units / per_second, nanos as u32)
}

/// A capture that is being written; it has its name once it is finished.
pub struct Writer {
    path: PathBuf,
    pcap: PcapWriter<BufWriter<tempfile::NamedTempFile>>,
}

impl Writer {
    /// Begins a capture for `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let file = output::temporary_beside(path, 0o666)?;
        let header = PcapHeader {
            snaplen: SNAPLEN,
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            ..PcapHeader::default()
        };
        let pcap = PcapWriter::with_header(BufWriter::new(file), header).map_err(|e| failed(path, &e))?;
        Ok(Self { path: path.to_owned(), pcap })
    }

    /// Adds a packet.
    pub fn write(&mut self, packet: &Packet) -> Result<()> {
        let original_len = packet.original_len.max(packet.data.len() as u32);
        let packet = PcapPacket::new(packet.timestamp, original_len, &packet.data);
        self.pcap.write_packet(&packet).map(drop).map_err(|e| failed(&self.path, &e))
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<()> {
        let file = self.pcap.into_writer().into_inner().map_err(|e| Error::file("write", &self.path, e.error()))?;
        output::persist(file, &self.path)
    }
}

fn failed(path: &Path, cause: &PcapError) -> Error {
    Error::new(format_args!("cannot write {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcapng::PcapNgWriter;
    use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;

    fn packet(at: u64, data: &[u8]) -> Packet {
        Packet { timestamp: Duration::from_micros(at), data: data.to_vec(), original_len: data.len() as u32 }
    }

    fn all(path: &Path) -> Result<Vec<Packet>> {
        let mut capture = Capture::open(path)?;
        std::iter::from_fn(|| capture.next().transpose()).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.pcap");
        let packets = [packet(1_500_000, b"one"), packet(2_000_001, b""), packet(3_000_000, &[7; 1500])];
        let mut writer = Writer::create(&path).unwrap();
        packets.iter().for_each(|p| writer.write(p).unwrap());
        assert!(!path.exists(), "no half-written file under its name");
        writer.finish().unwrap();
        assert_eq!(all(&path).unwrap(), packets);
    }

    #[test]
    fn pcapng_is_read_with_its_own_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.pcapng");
        let mut writer = PcapNgWriter::new(File::create(&path).unwrap()).unwrap();
        let mut nanos = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 65535);
        nanos.options.push(InterfaceDescriptionOption::IfTsResol(9));
        for interface in [InterfaceDescriptionBlock::new(DataLink::ETHERNET, 65535), nanos] {
            writer.write_pcapng_block(interface).unwrap();
        }
        for interface_id in [0, 1] {
            let block = EnhancedPacketBlock {
                interface_id,
                timestamp: Duration::from_nanos(1_700_000_000),
                original_len: 5,
                data: b"frame"[..].into(),
                options: vec![],
            };
            writer.write_pcapng_block(block).unwrap();
        }
        drop(writer);
        let packets = all(&path).unwrap();
        assert_eq!(packets[0], Packet { timestamp: Duration::from_secs(1700), data: b"frame".into(), original_len: 5 });
        assert_eq!(packets[1].timestamp, Duration::from_millis(1700));
        assert_eq!(packets.len(), 2);
    }

    #[test]
    fn a_file_that_is_no_capture_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for bytes in [&b""[..], b"\n", b"this is text and no capture at all"] {
            std::fs::write(&path, bytes).unwrap();
            let said = all(&path).unwrap_err().render(false);
            assert!(said.contains("is no capture") && said.contains("tcpdump"), "{said}");
        }
    }

    #[test]
    fn a_capture_that_is_cut_off_says_after_which_packet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.pcap");
        let mut writer = Writer::create(&path).unwrap();
        writer.write(&packet(1, b"first")).unwrap();
        writer.write(&packet(2, b"second")).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 2]).unwrap();
        let said = all(&path).unwrap_err().render(false);
        assert!(said.contains("after packet 1"), "{said}");
    }

    #[test]
    fn frames_of_another_kind_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.pcap");
        let header = PcapHeader { datalink: DataLink::LINUX_SLL, ..PcapHeader::default() };
        PcapWriter::with_header(File::create(&path).unwrap(), header).unwrap();
        let said = all(&path).unwrap_err().render(false);
        assert!(said.contains("not Ethernet") && said.contains("any"), "{said}");
    }
}
