use super::{Compression, Compressor, MAX_UNCOMPRESSED, gzip, lz4, snappy, zstd};
use crate::record::{BatchBuilder, RecordBatch, RecordError};
use crate::rng::Rng;
use alloc::vec::Vec;

fn compressors() -> [Compressor; 6] {
    [
        gzip::compressor(-1),
        gzip::compressor(1),
        gzip::compressor(9),
        snappy::compressor(),
        lz4::compressor(),
        zstd::compressor(),
    ]
}

/// Bytes of which some compress and some do not.
fn content(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let run = rng.below(300) as usize;
        let from = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(3) {
            0 => bytes.extend((0..run).map(|_| rng.next_u64() as u8)),
            1 => bytes.extend(core::iter::repeat_n(rng.next_u64() as u8, run)),
            _ => bytes.extend_from_within(from..(from + run).min(bytes.len())),
        }
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn what_is_compressed_comes_out_again() {
    let mut rng = Rng::new(11);
    for length in [0, 1, 2, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 131_072, 300_000] {
        let records = content(&mut rng, length);
        for compressor in compressors() {
            let compressed = compressor.compress(&records);
            let read = compressor.codec().decompress(&compressed);
            assert!(read.as_ref() == Ok(&records), "{compressor:?} {length}: {:?}", read.map(|read| read.len()));
        }
    }
}

#[test]
fn formats_begin_as_kafka_writes_them() {
    // The last byte of the lz4 frame's header is its checksum, the last of gzip's the system that Java 16 writes.
    for (compressor, begin) in [
        (gzip::compressor(-1), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..]),
        (snappy::compressor(), &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        (lz4::compressor(), &[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]),
        (zstd::compressor(), &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let compressed = compressor.compress(b"records");
        assert!(compressed.starts_with(begin), "{compressor:?}: {compressed:x?}");
    }
}

#[test]
fn what_other_clients_write_is_read() {
    let raw_snappy = snap::raw::Encoder::new().compress_vec(b"records").expect("short");
    let twice = |compressor: Compressor| [compressor.compress(b"rec"), compressor.compress(b"ords")].concat();
    let named_gzip = {
        let plain = gzip::compressor(6).compress(b"records");
        // Extra field, name, comment and a CRC of the header.
        let mut named = alloc::vec![0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 1, 2];
        named.extend(b"name\0comment\0\x12\x34");
        named.extend(&plain[10..]);
        named
    };
    // A frame of which every part is there: size and checksums of blocks and content; its block is stored as it is.
    let mut whole_lz4 = alloc::vec![4, 0x22, 0x4d, 0x18, 0x7c, 0x40, 7, 0, 0, 0, 0, 0, 0, 0];
    whole_lz4.push((twox_hash::XxHash32::oneshot(0, &whole_lz4[4..]) >> 8) as u8);
    whole_lz4.extend((7 | 1_u32 << 31).to_le_bytes());
    whole_lz4.extend(b"records");
    whole_lz4.extend(twox_hash::XxHash32::oneshot(0, b"records").to_le_bytes());
    whole_lz4.extend([0, 0, 0, 0, 1, 2, 3, 4]);
    let mut skipping_zstd = alloc::vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
    skipping_zstd.extend(zstd::compressor().compress(b"records"));
    for (codec, bytes) in [
        (Compression::Snappy, raw_snappy),
        (Compression::Snappy, twice(snappy::compressor())),
        (Compression::Gzip, twice(gzip::compressor(6))),
        (Compression::Gzip, named_gzip),
        (Compression::Gzip, [gzip::compressor(6).compress(b"records"), Vec::from(b"rest")].concat()),
        (Compression::Lz4, whole_lz4),
        (Compression::Lz4, [lz4::compressor().compress(b"records"), Vec::from(b"rest")].concat()),
        (Compression::Zstd, twice(zstd::compressor())),
        (Compression::Zstd, skipping_zstd),
    ] {
        assert_eq!(codec.decompress(&bytes), Ok(Vec::from(b"records")), "{codec:?} {bytes:x?}");
    }
}

#[test]
fn what_is_damaged_or_no_such_format_is_said_to_be_so() {
    let changed = |compressor: Compressor, at: usize, byte: u8| {
        let mut bytes = compressor.compress(b"records, records, records");
        let at = if at < 100 { at } else { bytes.len() - (200 - at) };
        bytes[at] = byte;
        bytes
    };
    let cut = |compressor: Compressor| {
        let mut bytes = compressor.compress(b"records, records, records");
        bytes.truncate(bytes.len() - 5);
        bytes
    };
    // Five bytes that promise 4 GiB.
    let boast = alloc::vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    for (codec, bytes, reason) in [
        (Compression::Gzip, Vec::new(), "the compressed bytes end early"),
        (Compression::Gzip, changed(gzip::compressor(6), 0, 0), "not in gzip format"),
        (Compression::Gzip, changed(gzip::compressor(6), 199, 7), "corrupt gzip trailer"),
        (Compression::Gzip, cut(gzip::compressor(6)), "the compressed bytes end early"),
        (Compression::Snappy, boast, "there are more bytes than may be held"),
        (Compression::Snappy, alloc::vec![0xff, 0xff, 0x7f], "the compressed bytes are damaged"),
        (Compression::Snappy, cut(snappy::compressor()), "the compressed bytes end early"),
        (Compression::Lz4, changed(lz4::compressor(), 0, 0), "not in lz4's frame format"),
        (
            Compression::Lz4,
            changed(lz4::compressor(), 4, 0x40),
            "lz4 blocks that depend on each other are not supported",
        ),
        (Compression::Lz4, changed(lz4::compressor(), 4, 0xe0), "an unknown kind of lz4 frame"),
        (Compression::Lz4, changed(lz4::compressor(), 6, 0), "the header of the lz4 frame is damaged"),
        (Compression::Lz4, cut(lz4::compressor()), "the compressed bytes end early"),
        (Compression::Zstd, changed(zstd::compressor(), 0, 0), "the compressed bytes are damaged"),
        (Compression::Zstd, cut(zstd::compressor()), "the compressed bytes are damaged"),
    ] {
        assert_eq!(codec.decompress(&bytes), Err(RecordError::Decompression { codec, reason }), "{bytes:x?}");
    }
}

#[test]
fn no_few_bytes_fill_the_memory() {
    let zeros = alloc::vec![0; 1 << 20];
    for compressor in compressors() {
        let codec = compressor.codec();
        let one = compressor.compress(&zeros);
        let reason = "there are more bytes than may be held";
        assert_eq!(codec.decompress_within(&one, 1 << 20), Ok(zeros.clone()));
        let refused = Err(RecordError::Decompression { codec, reason });
        assert_eq!(codec.decompress_within(&one, (1 << 20) - 1), refused, "{compressor:?}");
    }
    let many = gzip::compressor(9).compress(&zeros).repeat(MAX_UNCOMPRESSED >> 20).len();
    assert!(many < 1 << 20, "{many} bytes stand for 64 MiB");
}

#[test]
fn a_compressed_batch_is_walked_as_any_other() {
    for compressor in compressors() {
        let mut builder = BatchBuilder::new(7).with_leader_epoch(3);
        for number in 0..100 {
            let headers = [("name".into(), Some(alloc::format!("{number}").into()))];
            builder.append(1000 + number, Some(b"key"), Some(b"a value that is always the same"), &headers);
        }
        let plain = RecordBatch::parse(&builder.clone().build()).expect("a batch");
        let batch = RecordBatch::parse(&builder.compressed(&compressor).build()).expect("a batch");
        assert_eq!((batch.check_crc(), batch.compression()), (Ok(()), Ok(compressor.codec())));
        assert!(batch.size() < plain.size() / 2, "{compressor:?}: {} of {}", batch.size(), plain.size());
        let records: Vec<_> = batch.iter().expect("readable").collect();
        assert_eq!(records, plain.iter().expect("readable").collect::<Vec<_>>());
        assert_eq!(batch.records(batch.bytes()).err(), Some(RecordError::Compressed(compressor.codec())));
        assert_eq!(
            batch.iter_within(100).err().map(|error| matches!(error, RecordError::Decompression { .. })),
            Some(true)
        );
    }
}
