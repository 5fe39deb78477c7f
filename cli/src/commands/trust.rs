//! `trust add|lock|list`: the keys that the loaded kernel module trusts.

use crate::args::Trust;
use crate::error::Result;
use crate::kernel::{explain, open, text};
use crate::output::emit;
use crate::sign::{read_cert, subject};
use serde_json::json;

/// Does one of the three.
pub fn run(args: &Trust, json: bool) -> Result<()> {
    match args {
        Trust::Add { certs } => {
            // All are read before any is added.
            let certs: Vec<_> = certs.iter().map(|c| read_cert(c)).collect::<Result<_>>()?;
            let device = open()?;
            for cert in &certs {
                device.trust_add(&cert.to_der()?).map_err(|e| explain(e).context(subject(cert)))?;
            }
            let subjects: Vec<_> = certs.iter().map(|c| subject(c)).collect();
            emit(json, &json!({ "trusted": subjects }), || subjects.iter().map(|s| format!("trusted: {s}\n")).collect())
        }
        Trust::Lock => {
            open()?.trust_lock().map_err(explain)?;
            emit(json, &json!({ "locked": true }), || {
                "locked: no key can be added until the module is loaded anew\n".into()
            })
        }
        Trust::List => {
            let device = open()?;
            let keys: Vec<_> = device.trust_list().map_err(explain)?.iter().map(|k| text(&k.description)).collect();
            let locked = device.info().map_err(explain)?.trust_locked != 0;
            emit(json, &json!({ "keys": keys, "locked": locked }), || {
                let state = if locked { "locked" } else { "open: `wasmkc trust lock` closes it" };
                let lines: String = keys.iter().map(|k| format!("{k}\n")).collect();
                format!("{lines}trusted keys: {}, {state}\n", keys.len())
            })
        }
    }
}
