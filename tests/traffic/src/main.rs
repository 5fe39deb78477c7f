//! `wkc-traffic`: sends a counted number of real UDP datagrams or TCP connection attempts through
//! ordinary sockets, for the demo and the scenarios in `tests/vm`. Prints what it sent as `sent N`.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Counted UDP and TCP traffic for tests", version)]
struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Sends datagrams.
    Udp {
        /// Address and port of the receiver.
        to: SocketAddr,
        /// Datagrams to send.
        #[arg(long, default_value_t = 100)]
        count: u64,
        /// Text at the start of each payload.
        #[arg(long, default_value = "hello")]
        payload: String,
        /// Payload bytes; the text is cut or followed by zeros.
        #[arg(long)]
        size: Option<usize>,
        /// Pause between datagrams, in microseconds.
        #[arg(long, default_value_t = 0)]
        pause: u64,
        /// Stops after so many seconds even if fewer were sent.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// Tries to connect, and says how many connections were made.
    Tcp {
        /// Address and port of the listener.
        to: SocketAddr,
        /// Attempts.
        #[arg(long, default_value_t = 1)]
        count: u64,
        /// Milliseconds to wait for each.
        #[arg(long, default_value_t = 500)]
        wait: u64,
    },
    /// Accepts and closes TCP connections until killed.
    Listen {
        /// Address and port to listen on.
        on: SocketAddr,
    },
}

fn udp(
    to: SocketAddr,
    count: u64,
    payload: &str,
    size: Option<usize>,
    pause: u64,
    seconds: Option<u64>,
) -> std::io::Result<()> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    let mut bytes = payload.as_bytes().to_vec();
    if let Some(size) = size {
        bytes.resize(size, 0);
    }
    let end = seconds.map(|s| Instant::now() + Duration::from_secs(s));
    let mut sent = 0;
    while sent < count && end.is_none_or(|e| Instant::now() < e) {
        // Not connected: an ICMP error for an earlier datagram does not fail a later send.
        socket.send_to(&bytes, to)?;
        sent += 1;
        if pause > 0 {
            std::thread::sleep(Duration::from_micros(pause));
        }
    }
    println!("sent {sent}");
    Ok(())
}

fn tcp(to: SocketAddr, count: u64, wait: u64) {
    let mut connected = 0;
    for _ in 0..count {
        if TcpStream::connect_timeout(&to, Duration::from_millis(wait)).is_ok() {
            connected += 1;
        }
    }
    println!("sent {count}\nconnected {connected}");
}

fn main() -> ExitCode {
    let result = match Args::parse().kind {
        Kind::Udp { to, count, payload, size, pause, seconds } => udp(to, count, &payload, size, pause, seconds),
        Kind::Tcp { to, count, wait } => {
            tcp(to, count, wait);
            Ok(())
        }
        Kind::Listen { on } => std::net::TcpListener::bind(on).map(|l| {
            for connection in l.incoming() {
                drop(connection);
            }
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("wkc-traffic: {e}");
            ExitCode::FAILURE
        }
    }
}
