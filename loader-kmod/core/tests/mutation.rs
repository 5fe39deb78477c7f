// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Spoiled bytes, signed again: whatever a trusted key signs is refused for a named reason or loads safely.
#![allow(missing_docs)]

mod common;

use common::{Object, TEXT_BASE, load};
use wasmkc_abi::limits::{FUEL_MAX, MAX_MEMORY_PAGES};

/// Loads `elf`; if it loads, uses all that a program offers and checks what makes it safe.
fn load_and_use(elf: &[u8]) -> bool {
    let Ok(program) = load(elf) else { return false };
    let info = program.info();
    let text = TEXT_BASE..TEXT_BASE + u64::from(info.text_size);
    assert!(text.contains(&info.entry_xdp));
    assert!(info.entry_init.iter().all(|e| *e == 0 || text.contains(e)));
    assert!(info.fuel > 0 && info.fuel <= FUEL_MAX);
    assert!(info.memory_min <= info.memory_max && info.memory_max <= MAX_MEMORY_PAGES);
    let mut instance = vec![0; info.instance_bytes as usize];
    let mut memory = vec![0; info.memory_max as usize * 65536];
    program.instantiate(&mut instance, &mut memory).expect("a loaded program instantiates");
    for address in text.start - 1..=text.end + 1 {
        let _ = program.trap_site(address);
    }
    let _ = (program.name(), program.note());
    true
}

#[test]
fn truncation_at_every_section_boundary_and_byte() {
    let (elf, ranges) = Object::default().elf_with_ranges();
    assert!(load_and_use(&elf));
    for (name, range) in &ranges {
        for cut in [range.start, range.end] {
            assert!(cut == elf.len() || !load_and_use(&elf[..cut]), "cut at {name} {cut:#x}");
        }
    }
    let step = if cfg!(miri) { 97 } else { 1 };
    for cut in (0..elf.len()).step_by(step) {
        assert!(!load_and_use(&elf[..cut]), "cut at {cut:#x}");
    }
}

#[test]
fn flip_of_every_byte_outside_the_code() {
    let (elf, ranges) = Object::default().elf_with_ranges();
    let code = &ranges.iter().find(|r| r.0 == ".text").unwrap().1;
    let step = if cfg!(miri) { 31 } else { 1 };
    let (mut refused, mut loaded) = (0, 0);
    for at in (0..elf.len()).filter(|at| !code.contains(at)).step_by(step) {
        for flip in [0x01, 0x80, 0xff] {
            let mut spoiled = elf.clone();
            spoiled[at] ^= flip;
            if load_and_use(&spoiled) { loaded += 1 } else { refused += 1 }
        }
    }
    // names, lines and unused header fields may change; most bytes may not
    assert!(refused > loaded, "{refused} refused, {loaded} loaded");
}

#[test]
fn every_field_of_metadata_at_its_extremes() {
    let (elf, ranges) = Object::default().elf_with_ranges();
    for (name, range) in ranges.iter().filter(|r| r.0.starts_with(".wkc") || r.0 == ".rela.text" || r.0 == ".symtab") {
        for at in range.clone().step_by(4) {
            for value in [0u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX - 3, u32::MAX] {
                let mut spoiled = elf.clone();
                let Some(field) = spoiled.get_mut(at..at + 4) else { continue };
                field.copy_from_slice(&value.to_le_bytes());
                let _ = (name, load_and_use(&spoiled));
            }
            if cfg!(miri) {
                break;
            }
        }
    }
}

#[cfg(not(miri))]
mod random {
    use proptest::prelude::*;

    use super::{Object, load_and_use};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_in_random_places(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut elf = Object::default().elf();
            for (at, value) in changes {
                let at = at.index(elf.len());
                elf[at] = value;
            }
            load_and_use(&elf);
        }

        #[test]
        fn random_ranges_copied_over_others(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), len in 1usize..128) {
            let mut elf = Object::default().elf();
            let (from, to) = (from.index(elf.len()), to.index(elf.len()));
            let len = len.min(elf.len() - from).min(elf.len() - to);
            elf.copy_within(from..from + len, to);
            load_and_use(&elf);
        }

        #[test]
        fn random_bytes_altogether(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(!load_and_use(&bytes));
        }
    }
}
