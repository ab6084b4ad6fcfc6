//! UF2: the file that a boot loader which shows itself as a drive takes.
//!
//! Microsoft's format (github.com/microsoft/uf2): blocks of 512 bytes, each with the address of the 256 bytes that it carries, so
//! that they may arrive in any order and a foreign file is ignored block by block.

use std::collections::BTreeMap;

use super::memory::Memory;

/// Bytes that a block carries here: a page of the flash of the chips that read it.
const PAYLOAD: usize = 256;
/// The flash's erase unit. The RP2040's boot loader writes a sector wholly or loses what it does not write (erratum RP2040-E14).
const SECTOR: usize = 4096;
const BLOCK: usize = 512;
const MAGIC: [u32; 2] = [0x0A32_4655, 0x9E5D_5157];
const MAGIC_END: u32 = 0x0AB1_6F30;
/// The last word of the header is a chip family, not a file's size.
const HAS_FAMILY: u32 = 0x2000;

/// What chip a file is for; the numbers are those of the format's list of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family(pub u32);

/// RP2040.
pub const RP2040: Family = Family(0xE48B_FF56);
/// RP2350, its Arm cores in the secure state.
pub const RP2350_ARM: Family = Family(0xE48B_FF59);

/// The file for what is to lie in flash. Whole sectors are written; what the image leaves open in them reads as erased flash does. A sector in
/// which nothing lies is left as it is.
pub fn encode(memory: &Memory, family: Family) -> Vec<u8> {
    let mut sectors: BTreeMap<usize, [u8; SECTOR]> = BTreeMap::new();
    for (start, bytes) in memory.stretches() {
        for (address, byte) in (*start as usize..).zip(bytes) {
            sectors.entry(address / SECTOR).or_insert([0xFF; SECTOR])[address % SECTOR] = *byte;
        }
    }
    let blocks = sectors.len() * (SECTOR / PAYLOAD);
    let mut file = Vec::with_capacity(blocks * BLOCK);
    let pages = sectors.iter().flat_map(|(sector, bytes)| (sector * SECTOR..).step_by(PAYLOAD).zip(bytes.chunks_exact(PAYLOAD)));
    for (index, (address, payload)) in pages.enumerate() {
        let header = [MAGIC[0], MAGIC[1], HAS_FAMILY, address as u32, PAYLOAD as u32, index as u32, blocks as u32, family.0];
        file.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        file.extend_from_slice(payload);
        file.resize((index + 1) * BLOCK - 4, 0);
        file.extend_from_slice(&MAGIC_END.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + index / 256) as u8 & 0xFE).collect()
    }

    fn memory(start: u32, length: usize) -> Memory {
        Memory::new(vec![(start, bytes(length))])
    }

    /// What another crate's reader finds: the first address that is not empty, and the bytes from there.
    fn read(file: &[u8], family: Family) -> (u32, Vec<u8>) {
        let (bytes, families) = uf2_decode::convert_from_uf2(file).expect("a UF2 file");
        let addresses: Vec<u64> = families.values().copied().collect();
        assert_eq!(families.keys().copied().map(u64::from).collect::<Vec<_>>(), [u64::from(family.0)]);
        assert_eq!(addresses.len(), 1);
        (u32::try_from(addresses[0]).unwrap(), bytes)
    }

    #[test]
    fn another_reader_finds_the_image() {
        for (start, length) in [(0x1000_0000, 1), (0x1000_0000, 4096), (0x1000_0000, 50_001), (0x1000_0100, 4000)] {
            for family in [RP2040, RP2350_ARM] {
                let memory = memory(start, length);
                let (found, bytes) = read(&encode(&memory, family), family);
                let before = (start - found) as usize;
                assert!(before < SECTOR && (found as usize).is_multiple_of(SECTOR) && bytes.len().is_multiple_of(SECTOR));
                assert!(bytes[..before].iter().chain(&bytes[before + length..]).all(|byte| *byte == 0xFF));
                assert_eq!(bytes[before..][..length], memory.flat(), "{start:#x} {length}");
            }
        }
    }

    #[test]
    fn sectors_in_which_nothing_lies_are_left_alone() {
        let file = encode(&Memory::new(vec![(0x1000_0000, bytes(5000)), (0x1010_0010, bytes(100))]), RP2040);
        let addresses: Vec<u32> =
            file.chunks_exact(BLOCK).map(|block| u32::from_le_bytes(block[12..16].try_into().unwrap())).collect();
        let expected = (0x1000_0000..0x1000_2000).chain(0x1010_0000..0x1010_1000).step_by(256);
        assert_eq!(addresses, expected.collect::<Vec<u32>>());
        assert_eq!(file[32 * BLOCK + 32..][..256], [vec![0xFF; 16], bytes(100), vec![0xFF; 140]].concat());
    }

    #[test]
    fn every_block_says_which_of_how_many_it_is_and_where_it_goes() {
        let file = encode(&memory(0x1000_0000, 10_000), RP2040);
        assert_eq!(file.len(), 3 * 16 * BLOCK, "three sectors of sixteen pages");
        for (index, block) in file.chunks_exact(BLOCK).enumerate() {
            let word = |at: usize| u32::from_le_bytes(block[at..][..4].try_into().unwrap());
            assert_eq!((word(0), word(4), word(508)), (0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30));
            assert_eq!(word(8), 0x2000, "a family is named");
            assert_eq!((word(12), word(16)), (0x1000_0000 + 256 * index as u32, 256));
            assert_eq!((word(20), word(24)), (index as u32, 48));
            assert_eq!(word(28), 0xE48B_FF56);
            assert!(block[32 + 256..508].iter().all(|byte| *byte == 0));
        }
    }
}
