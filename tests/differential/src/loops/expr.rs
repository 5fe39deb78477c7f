//! Numbers, conditions and indices of a random loop: edges as often as not.

use fastrand::Rng;

/// Comparisons of i32.
pub const COMPARISONS: [&str; 10] = ["eq", "ne", "lt_u", "le_u", "gt_u", "ge_u", "lt_s", "le_s", "gt_s", "ge_s"];

/// One of `of`.
pub fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// A number near an edge: none, all ones, the sign, the end of the memory, a header's length.
pub fn edge(rng: &mut Rng) -> i32 {
    let base = one(rng, &[0, 0, 0, 8, 14, 20, 34, 60, 64, -1, i32::MIN, 65_536, 65_528, 1 << 28]);
    base.wrapping_add(one(rng, &[0, 0, 0, 1, 2, 3, 4, -1, -2, -4, -8]))
}

/// A small number.
pub fn small(rng: &mut Rng) -> i32 {
    one(rng, &[0, 1, 1, 2, 3, 4, 6, 7, 8, 12, 16])
}

/// What may be known of a number or not: a constant, the length, a parameter, a byte, and what is made of them.
pub fn number(rng: &mut Rng, locals: &[&str]) -> String {
    let constant = |n: i32| format!("(i32.const {n})");
    let local = |rng: &mut Rng| format!("(local.get {})", one(rng, locals));
    match rng.u8(..16) {
        0..3 => constant(edge(rng)),
        3..6 => "(call $len)".to_owned(),
        6 | 7 => format!("(i32.sub (call $len) (i32.const {}))", small(rng)),
        8 => format!("(i32.add (call $len) (i32.const {}))", small(rng)),
        9 => local(rng),
        10 => format!("(i32.and {} (i32.const {}))", local(rng), one(rng, &[3, 7, 15, 31, 63, 255, 4080, -8, 65_535])),
        11 => format!("(i32.shr_u {} (i32.const {}))", local(rng), one(rng, &[1, 2, 16, 24, 28])),
        12 => format!("(i32.load8_u $own (i32.const {}))", small(rng)),
        13 => {
            let (x, most) = (local(rng), one(rng, &["(call $len)", "(i32.const 40)", "(i32.const 65530)"]));
            let compare = one(rng, &["lt_u", "lt_s", "le_u", "gt_u"]);
            format!("(select {x} {most} (i32.{compare} {x} {most}))")
        }
        14 => format!("(i32.wrap_i64 (i64.add (i64.extend_i32_u {}) (i64.const {})))", local(rng), edge(rng)),
        _ => format!("(i32.rem_u {} (i32.const {}))", local(rng), one(rng, &[1, 7, 40, 60, 65_530])),
    }
}

/// An index made of `var`, mostly not far from it.
pub fn index(rng: &mut Rng, var: &str, locals: &[&str]) -> String {
    let i = format!("(local.get {var})");
    match rng.u8(..16) {
        0..6 => i,
        6 | 7 => format!("(i32.add {i} (i32.const {}))", small(rng)),
        8 => format!("(i32.sub {i} (i32.const {}))", small(rng)),
        9 => format!("(i32.shl {i} (i32.const {}))", rng.u8(..5)),
        10 | 11 => format!("(i32.and {i} (i32.const {}))", one(rng, &[7, 31, 63, 255, 65_528, -4])),
        12 => format!("(i32.add (local.get {}) {i})", one(rng, locals)),
        13 => format!("(i32.add (i32.shl {i} (i32.const {})) (i32.const {}))", rng.u8(..4), edge(rng)),
        14 => format!("(i32.mul {i} (i32.const {}))", one(rng, &[3, 8, 40, 1024, 1 << 20, -1])),
        _ => format!("(i32.const {})", small(rng)),
    }
}

/// A condition, often of a packet's length.
pub fn condition(rng: &mut Rng, locals: &[&str]) -> String {
    let compare = one(rng, &COMPARISONS);
    match rng.u8(..8) {
        0..3 => format!("(i32.{compare} (call $len) (i32.const {}))", rng.u8(..80)),
        3 => {
            let reach = format!("(i32.add (local.get {}) (i32.const {}))", one(rng, locals), small(rng));
            format!("(i32.{compare} {reach} (call $len))")
        }
        4 => {
            // Two numbers that are far apart, and what their sum with another is.
            let (x, y) = (i64::MIN + i64::from(rng.u8(..16)), i64::MAX - i64::from(rng.u8(..16)));
            let (add, than) = (rng.i64(-8..8), one(rng, &[x, y]));
            let odd = format!("(i32.and (local.get {}) (i32.const 1))", one(rng, locals));
            let chosen = format!("(select (i64.const {x}) (i64.const {y}) {odd})");
            let than = than.wrapping_add(add);
            format!("(i64.{compare} (i64.add {chosen} (i64.const {add})) (i64.const {than}))")
        }
        5 => {
            let (bits, order) = one(rng, &[(16, "be"), (32, "be"), (32, "le")]);
            let load = format!("(call $load{bits}_{order} (i32.const {}))", small(rng));
            let (mask, value) = (one(rng, &[0x1fff, 0xff00, 0x0300, 0x000c]), rng.u16(..));
            match rng.u8(..4) {
                0 => format!("(i32.and {load} (i32.const {mask}))"),
                1 => format!("(i32.{} (i32.and {load} (i32.const {mask})) (i32.const 0))", one(rng, &["eq", "ne"])),
                2 => format!("(i32.eq (i32.and {load} (i32.const {mask})) (i32.const {}))", mask & 0x0101),
                _ => format!("(i32.{compare} {load} (i32.const {value}))"),
            }
        }
        _ => format!("(i32.{compare} {} {})", number(rng, locals), number(rng, locals)),
    }
}
