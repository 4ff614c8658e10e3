//! Runs of integers, in both versions of ORC's run-length encoding.
//!
//! `orc-rust` has them too, and keeps them to itself.

use std::io::{self, Read};

use orc_rust::proto::column_encoding::Kind;

/// Values of a run at most.
const LONGEST_RUN: usize = 512;

/// Reads the integers of a stream, one after the other.
pub(super) struct Integers<R> {
    from: R,
    sign: Sign,
    next_run: fn(&mut R, Sign, &mut Vec<u64>) -> io::Result<()>,
    run: Vec<u64>,
    /// How many of the run are given.
    given: usize,
}

/// Whether the integers of a stream have a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Unsigned,
    /// They are given as the bits of an `i64`.
    Signed,
}

impl Sign {
    /// The number that is written like this: those with a sign have it in their lowest bit.
    fn number(self, written: u64) -> u64 {
        match self {
            Self::Unsigned => written,
            Self::Signed => written >> 1 ^ (written & 1).wrapping_neg(),
        }
    }
}

impl<R: Read> Integers<R> {
    /// The encoding of the column says which version it is.
    pub(super) fn new(from: R, sign: Sign, encoding: Kind) -> Self {
        let next_run = match encoding {
            Kind::Direct | Kind::Dictionary => first_version,
            Kind::DirectV2 | Kind::DictionaryV2 => second_version,
        };
        Self { from, sign, next_run, run: Vec::with_capacity(LONGEST_RUN), given: 0 }
    }

    /// # Errors
    /// The stream ends, or holds what is no run.
    pub(super) fn next(&mut self) -> io::Result<u64> {
        while self.given == self.run.len() {
            self.run.clear();
            self.given = 0;
            (self.next_run)(&mut self.from, self.sign, &mut self.run)?;
        }
        self.given += 1;
        Ok(self.run[self.given - 1])
    }
}

fn first_version<R: Read>(from: &mut R, sign: Sign, run: &mut Vec<u64>) -> io::Result<()> {
    let head = byte(from)?;
    if head < 128 {
        let delta = i64::from(byte(from)? as i8);
        let mut value = sign.number(varint(from)?);
        for _ in 0..head + 3 {
            run.push(value);
            value = value.wrapping_add_signed(delta);
        }
        return Ok(());
    }
    for _ in 0..256 - u16::from(head) {
        run.push(sign.number(varint(from)?));
    }
    Ok(())
}

fn second_version<R: Read>(from: &mut R, sign: Sign, run: &mut Vec<u64>) -> io::Result<()> {
    let head = byte(from)?;
    if head >> 6 == 0 {
        let value = sign.number(big_endian(from, (head >> 3 & 7) + 1)?);
        run.extend(std::iter::repeat_n(value, usize::from(head & 7) + 3));
        return Ok(());
    }
    let code = head >> 1 & 31;
    let length = usize::from(u16::from_be_bytes([head & 1, byte(from)?])) + 1;
    match head >> 6 {
        1 => {
            packed(from, run, width(code), length)?;
            run.iter_mut().for_each(|value| *value = sign.number(*value));
            Ok(())
        }
        2 => patched(from, run, width(code), length),
        // No width is that of a run whose steps are all the same.
        _ => steps((from, sign), run, if code == 0 { 0 } else { width(code) }, length),
    }
}

/// Values beside a base, the few that are longer than the others in a list of patches.
fn patched<R: Read>(from: &mut R, run: &mut Vec<u64>, width: u32, length: usize) -> io::Result<()> {
    let (third, fourth) = (byte(from)?, byte(from)?);
    let base_bytes = (third >> 5) + 1;
    let (patch_width, gap_width) = (self::width(third & 31), u32::from(fourth >> 5) + 1);
    if patch_width + gap_width > 64 || patch_width + width > 64 {
        return Err(unsound());
    }
    let base = big_endian(from, base_bytes)?;
    let sign = 1 << (u32::from(base_bytes) * 8 - 1);
    let base = if base & sign == 0 { base } else { (base & (sign - 1)).wrapping_neg() };
    packed(from, run, width, length)?;
    let mut patches = Vec::new();
    packed(from, &mut patches, closest(patch_width + gap_width), usize::from(fourth & 31))?;
    let mut at = 0;
    for patch in patches {
        at += (patch >> patch_width) as usize;
        let bits = if patch_width == 64 { patch } else { patch & ((1 << patch_width) - 1) };
        *run.get_mut(at).ok_or_else(unsound)? |= bits << width;
    }
    for value in run {
        *value = value.wrapping_add(base);
    }
    Ok(())
}

/// A value, and how far each one is from the one before.
fn steps<R: Read>((from, sign): (&mut R, Sign), run: &mut Vec<u64>, width: u32, length: usize) -> io::Result<()> {
    let mut value = sign.number(varint(from)?);
    let first = varint(from)?;
    let first = (first >> 1) as i64 ^ -((first & 1) as i64);
    run.push(value);
    if width == 0 {
        for _ in 1..length {
            value = value.wrapping_add_signed(first);
            run.push(value);
        }
        return Ok(());
    }
    let mut others = Vec::new();
    packed(from, &mut others, width, length.checked_sub(2).ok_or_else(unsound)?)?;
    value = value.wrapping_add_signed(first);
    run.push(value);
    for step in others {
        value = if first < 0 { value.wrapping_sub(step) } else { value.wrapping_add(step) };
        run.push(value);
    }
    Ok(())
}

/// Values of so many bits each, the highest bit first; the last byte is filled up.
fn packed<R: Read>(from: &mut R, run: &mut Vec<u64>, width: u32, length: usize) -> io::Result<()> {
    let (mut bits, mut left) = (0_u128, 0);
    for _ in 0..length {
        while left < width {
            bits = bits << 8 | u128::from(byte(from)?);
            left += 8;
        }
        left -= width;
        run.push((bits >> left) as u64 & (u64::MAX >> (64 - width)));
    }
    Ok(())
}

/// Bits by their code.
fn width(code: u8) -> u32 {
    match u32::from(code) {
        code @ 0..=23 => code + 1,
        code @ 24..=27 => 2 * (code - 24) + 26,
        code => 8 * (code - 28) + 40,
    }
}

/// The least number of bits that has a code and is not smaller.
fn closest(bits: u32) -> u32 {
    (0..32).map(width).find(|width| *width >= bits).unwrap_or(64)
}

fn big_endian<R: Read>(from: &mut R, bytes: u8) -> io::Result<u64> {
    (0..bytes).try_fold(0, |value, _| Ok(value << 8 | u64::from(byte(from)?)))
}

fn varint<R: Read>(from: &mut R) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(from)?;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(number);
        }
    }
    Err(unsound())
}

fn byte<R: Read>(from: &mut R) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn unsound() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what should be a run of integers is none")
}
