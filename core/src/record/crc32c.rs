//! CRC-32C (Castagnoli), table-driven, sixteen bytes a step.

use alloc::boxed::Box;
use once_cell::race::OnceBox;

const POLYNOMIAL: u32 = 0x82f6_3b78;
const STEP: usize = 16;

/// `tables[n][b]`: the effect of byte `b` followed by `n` zero bytes.
type Tables = [[u32; 256]; STEP];

/// Made when first needed: written out they would be 16 KiB of wasm that no compression makes smaller.
static TABLES: OnceBox<Tables> = OnceBox::new();

fn tables() -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; STEP]);
    for byte in 0..256 {
        let mut crc = byte as u32;
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
        }
        tables[0][byte] = crc;
    }
    for zeros in 1..STEP {
        for byte in 0..256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
        }
    }
    tables
}

/// The CRC-32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let tables = TABLES.get_or_init(tables);
    let mut crc = u32::MAX;
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for step in steps {
        // Only the first four bytes meet the running value; the other twelve are looked up as they are.
        let first = u32::from_le_bytes([step[0], step[1], step[2], step[3]]) ^ crc;
        let [a, b, c, d] = first.to_le_bytes();
        crc = tables[15][a as usize]
            ^ tables[14][b as usize]
            ^ tables[13][c as usize]
            ^ tables[12][d as usize]
            ^ tables[11][step[4] as usize]
            ^ tables[10][step[5] as usize]
            ^ tables[9][step[6] as usize]
            ^ tables[8][step[7] as usize]
            ^ tables[7][step[8] as usize]
            ^ tables[6][step[9] as usize]
            ^ tables[5][step[10] as usize]
            ^ tables[4][step[11] as usize]
            ^ tables[3][step[12] as usize]
            ^ tables[2][step[13] as usize]
            ^ tables[1][step[14] as usize]
            ^ tables[0][step[15] as usize];
    }
    for &byte in rest {
        crc = (crc >> 8) ^ tables[0][((crc ^ u32::from(byte)) & 0xff) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_castagnoli_polynomial() {
        let ascending: [u8; 32] = core::array::from_fn(|index| index as u8);
        let descending: [u8; 32] = core::array::from_fn(|index| 31 - index as u8);
        for (bytes, crc) in [
            (&b""[..], 0),
            (b"a", 0xc1d0_4330),
            (b"123456789", 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
        ] {
            assert_eq!(crc32c(bytes), crc, "{bytes:?}");
        }
    }

    #[test]
    fn every_length_agrees_with_the_bitwise_definition() {
        let bytes: [u8; 70] = core::array::from_fn(|index| (index * 37 + 11) as u8);
        for length in 0..bytes.len() {
            let mut crc = u32::MAX;
            for &byte in &bytes[..length] {
                crc ^= u32::from(byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
                }
            }
            assert_eq!(crc32c(&bytes[..length]), !crc, "{length}");
        }
    }
}
