use super::{Compression, Compressor, MAX_UNCOMPRESSED, gzip, lz4, snappy, zstd};
use crate::record::walk::{PassedRecord, RecordWalk, Walked, first_key};
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
fn what_is_compressed_piece_by_piece_comes_out_again() {
    let mut rng = Rng::new(12);
    for length in [0, 1, 100, 32_768, 65_536, 131_071, 131_072, 131_073, 262_144, 500_000] {
        let records = content(&mut rng, length);
        for compressor in compressors() {
            let mut compressed = Vec::from(b"header");
            let mut stream = compressor.begin(&mut compressed);
            let mut rest = &records[..];
            while !rest.is_empty() {
                let most = [10, 5_000, 70_000, 200_000][rng.below(4) as usize];
                let (piece, behind) = rest.split_at(rest.len().min(rng.below(most) as usize));
                stream.write(piece, &mut compressed);
                // Nodes can be copied at any time.
                stream = stream.clone();
                rest = behind;
            }
            stream.end(&mut compressed);
            let read = compressor.codec().decompress(&compressed[6..]);
            assert!(read.as_ref() == Ok(&records), "{compressor:?} {length}: {:?}", read.map(|read| read.len()));
            // Pieces cost nothing.
            let whole = compressor.compress(&records).len();
            assert!(compressed.len() - 6 <= whole + whole / 1000, "{compressor:?}: {} of {whole}", compressed.len());
        }
    }
}

#[test]
fn a_stream_is_begun_and_ended_once_however_many_blocks_it_has() {
    let mut rng = Rng::new(13);
    let records = content(&mut rng, 400_000);
    for (compressor, magic) in [
        (gzip::compressor(6), &[0x1f, 0x8b, 8][..]),
        (snappy::compressor(), &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0]),
        (lz4::compressor(), &[4, 0x22, 0x4d, 0x18]),
        (zstd::compressor(), &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let compressed = compressor.compress(&records);
        let begun = compressed.windows(magic.len()).filter(|window| *window == magic).count();
        assert_eq!(begun, 1, "{compressor:?}");
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

/// What can be asked of a walk, of a record that is there as a whole.
fn passed(batch: &RecordBatch, keep: usize) -> Vec<PassedRecord> {
    let views = batch.uncompressed(batch.bytes()).map(|records| {
        let views = batch.views(&records).map(|view| {
            let view = view.expect("well formed");
            let key = view.key.map(|key| Vec::from(&key[..key.len().min(keep)])).unwrap_or_default();
            PassedRecord { key, ..PassedRecord::of(&view) }
        });
        views.collect()
    });
    views.expect("it can be read")
}

fn walked(walk: &mut RecordWalk, batch: &RecordBatch, budget: usize) -> (Vec<PassedRecord>, usize) {
    let section = &batch.bytes()[crate::record::HEADER_LENGTH..];
    let (mut found, mut turns, mut left) = (Vec::new(), 1, budget);
    loop {
        match walk.next(section, &mut left).expect("well formed") {
            Walked::Record(record) => found.push(record),
            Walked::Ended => return (found, turns),
            Walked::Paused => {
                // Nodes can be copied at any time.
                *walk = walk.clone();
                turns += 1;
                left = budget;
            }
        }
    }
}

#[test]
fn records_are_walked_in_turns_without_the_batch_being_held() {
    let mut rng = Rng::new(5);
    for round in 0..6_u64 {
        let mut builder = BatchBuilder::new(0);
        for number in 0..60 {
            let (key, value) = (content(&mut rng, 40), content(&mut rng, (number * number * 30) as usize));
            let key = (!rng.below(4).is_multiple_of(4)).then_some(&key[..rng.below(40) as usize]);
            let headers = [("name".into(), None), ("other".into(), Some(content(&mut rng, 300).into()))];
            let headers = &headers[..rng.below(3) as usize];
            builder.append(1_000 - number, key, rng.below(9).checked_sub(1).map(|_| &value[..]), headers);
        }
        for compressor in compressors() {
            let batch = RecordBatch::parse(&builder.clone().compressed(&compressor).build()).expect("a batch");
            let expected = passed(&batch, 8);
            let mut walk = RecordWalk::new(&batch, 8).expect("a codec");
            let (found, turns) = walked(&mut walk, &batch, 40 << 10);
            assert!(found == expected, "{compressor:?} {round}");
            assert!(turns > 10, "{compressor:?}: {turns} turns for {} bytes", builder.size());
        }
    }
}

#[test]
fn a_value_of_any_size_is_passed_over() {
    let value = alloc::vec![0; 3 << 20];
    let mut builder = BatchBuilder::new(0);
    builder.append(1, Some(b"key"), Some(&value), &[]);
    builder.append(2, None, Some(&value), &[]);
    for compressor in compressors() {
        let batch = RecordBatch::parse(&builder.clone().compressed(&compressor).build()).expect("a batch");
        let mut walk = RecordWalk::new(&batch, 2).expect("a codec");
        let (found, _) = walked(&mut walk, &batch, 1 << 20);
        assert_eq!(found, passed(&batch, 2), "{compressor:?}");
        let first = |limit| first_key(&batch, batch.bytes(), 2, limit);
        assert_eq!((first(4 << 20).as_deref(), first(200 << 10)), (Some(&b"ke"[..]), None), "{compressor:?}");
    }
}

#[test]
fn what_is_malformed_ends_a_walk_as_it_ends_any_reading() {
    // Records as they would be written: length, attributes, timestamp, offset, key, value, headers.
    for (records, count) in [
        (&[12_u8, 0, 0, 0, 1, 1][..], 1),
        (&[12, 0, 0, 0, 1, 1, 0, 0], 1),
        (&[12, 0, 0, 0, 1, 1, 0], 2),
        (&[12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], 1),
        (&[14, 0, 0, 0, 1, 1, 0, 0], 1),
        (&[12, 0, 0, 0, 40, 1, 0], 1),
        (&[12, 0, 0, 0, 1, 40, 0], 1),
        (&[12, 0, 0, 0, 1, 1, 1], 1),
        (&[12, 0, 0, 0, 1, 1, 2], 1),
        (&[14, 0, 0, 0, 1, 1, 2, 1], 1),
        (&[16, 0, 0, 0, 1, 1, 2, 2, 9], 1),
        (&[18, 0, 0, 0, 1, 1, 2, 2, 9, 1], 1),
        (&[1], 1),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80], 1),
        (&[12, 0, 0x80, 0x80, 0x80, 1, 0], 1),
    ] {
        for compressor in compressors() {
            let mut builder = BatchBuilder::new(0);
            builder.append(1, None, None, &[]);
            let mut bytes = Vec::from(&builder.compressed(&compressor).build()[..61]);
            bytes.extend(compressor.compress(records));
            let length = (bytes.len() - 12) as u32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[57..61].copy_from_slice(&i32::to_be_bytes(count));
            let batch = RecordBatch::parse(&bytes.into()).expect("a batch");
            let whole = batch.uncompressed(batch.bytes()).expect("it can be unpacked");
            let whole = batch.views(&whole).find_map(Result::err);
            let (mut walk, mut all) = (RecordWalk::new(&batch, 0).expect("a codec"), usize::MAX);
            let walked = loop {
                match walk.next(&batch.bytes()[61..], &mut all) {
                    Ok(Walked::Record(_)) => {}
                    Ok(_) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert_eq!(walked.is_some(), whole.is_some(), "{records:?}: {walked:?}, {whole:?}");
        }
    }
}
