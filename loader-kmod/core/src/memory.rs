// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Allocation that can fail: the one seam file of this crate.
//!
//! `Vec::push` and its kin abort when memory runs out, and in the kernel that is a BUG. A [`List`] takes
//! its whole capacity at once, fallibly, and never grows.
#![allow(unsafe_code)]

use alloc::vec::Vec;

use crate::error::{Code, Error};

/// A list whose capacity was taken when it was made.
///
/// # Invariants
/// The vector never reallocates: elements are written only into spare capacity.
#[derive(Debug)]
pub struct List<T>(Vec<T>);

impl<T> List<T> {
    /// An empty list of capacity 0.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// An empty list with room for `capacity` elements.
    ///
    /// # Errors
    /// [`Code::NoMemory`].
    pub fn with_capacity(capacity: usize) -> Result<Self, Error> {
        let mut v = Vec::new();
        v.try_reserve_exact(capacity).map_err(|_| Error::of(Code::NoMemory))?;
        Ok(Self(v))
    }

    /// Appends `value` within the capacity.
    ///
    /// # Errors
    /// [`Code::NoMemory`] when the list is full.
    pub fn push(&mut self, value: T) -> Result<(), Error> {
        let len = self.0.len();
        let Some(slot) = self.0.spare_capacity_mut().first_mut() else {
            return Err(Error::of(Code::NoMemory));
        };
        slot.write(value);
        // SAFETY: the element at `len` was initialised just above and lies within the capacity.
        unsafe { self.0.set_len(len + 1) };
        Ok(())
    }

    /// Bytes of heap it takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        (self.0.capacity() as u64).saturating_mul(size_of::<T>() as u64)
    }
}

impl List<u8> {
    /// A copy of `bytes`.
    ///
    /// # Errors
    /// [`Code::NoMemory`].
    pub fn copy_of(bytes: &[u8]) -> Result<Self, Error> {
        Self::joined(bytes, &[])
    }

    /// A copy of `first` with one of `second` behind it.
    ///
    /// # Errors
    /// [`Code::NoMemory`].
    pub fn joined(first: &[u8], second: &[u8]) -> Result<Self, Error> {
        let no_memory = Error::of(Code::NoMemory);
        let len = first.len().checked_add(second.len()).ok_or(no_memory)?;
        let mut list = Self::with_capacity(len)?;
        let room = list.0.spare_capacity_mut().get_mut(..len).ok_or(no_memory)?;
        for (to, from) in room.iter_mut().zip(first.iter().chain(second)) {
            to.write(*from);
        }
        // SAFETY: exactly `len` elements were initialised just above, within the capacity.
        unsafe { list.0.set_len(len) };
        Ok(list)
    }
}

impl<T> core::ops::Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> core::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_refuses() {
        let mut l = List::with_capacity(2).unwrap();
        let room = l.0.capacity();
        for i in 0..room {
            l.push(i).unwrap();
        }
        assert_eq!(l.push(9).unwrap_err().code, Code::NoMemory);
        assert_eq!(l.len(), room);
    }

    #[test]
    fn a_copy_equals_its_source() {
        assert_eq!(&*List::copy_of(b"packet").unwrap(), b"packet");
        assert!(List::copy_of(b"").unwrap().is_empty());
        assert_eq!(&*List::joined(b"pack", b"et").unwrap(), b"packet");
    }

    #[test]
    fn an_impossible_capacity_is_an_error() {
        assert_eq!(List::<u64>::with_capacity(usize::MAX).unwrap_err().code, Code::NoMemory);
    }
}
