use std::io::{Read, Write};

use super::*;

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn unpacked(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    compression.reader(&opened(bytes))?.read_to_end(&mut out)?;
    Ok(out)
}

fn packed(compression: Compression, pieces: &[&[u8]]) -> Vec<u8> {
    let mut file: Vec<u8> = pieces.iter().flat_map(|piece| compression.piece(piece).unwrap()).collect();
    file.extend_from_slice(compression.trailer());
    file
}

const CODECS: [&str; 6] = ["gzip", "bzip2", "deflate", "snappy", "zstd", "lz4"];

/// Lines that do not compress to nothing.
fn text() -> Vec<u8> {
    (0_u64..12_000).flat_map(|n| format!("{:x}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes()).collect()
}

#[test]
fn pieces_one_after_the_other_are_one_file() {
    let text = text();
    let (first, second) = text.split_at(text.len() / 3);
    for name in CODECS {
        for level in [CompressionLevel::Fastest, CompressionLevel::Optimal] {
            let codec = Compression::named(Some(name), level).unwrap().of_rows().unwrap();
            assert_eq!(unpacked(codec, &packed(codec, &[first, b"", second])).unwrap(), text, "{name}");
            assert_eq!(unpacked(codec, &packed(codec, &[b"x"])).unwrap(), b"x", "{name}");
        }
    }
}

/// A file that was cut off is an error and never less data. Frames of snappy have no end: between two of them, nothing tells.
#[test]
fn streams_that_are_cut_off_are_errors() {
    let text = text();
    for name in CODECS {
        let codec = Compression::named(Some(name), CompressionLevel::Fastest).unwrap();
        let file = packed(codec, &[&text]);
        let mut refused = 0;
        let places: Vec<usize> = (1..file.len()).step_by(file.len() / 50).chain(file.len() - 4..file.len()).collect();
        for length in &places {
            match unpacked(codec, &file[..*length]) {
                Err(_) => refused += 1,
                Ok(read) => {
                    assert!(name == "snappy" && read.len() < text.len(), "{name} at {length} of {}", file.len())
                }
            }
        }
        assert!(refused == places.len() || (name == "snappy" && refused > 40), "{name}: {refused}");
    }
}

/// What stands behind the end is data that would be lost.
#[test]
fn bytes_behind_the_end_are_errors() {
    for name in CODECS {
        let codec = Compression::named(Some(name), CompressionLevel::Fastest).unwrap();
        let mut file = packed(codec, &[b"some text"]);
        file.extend_from_slice(b"more");
        assert!(unpacked(codec, &file).is_err(), "{name}");
    }
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.add_directory("folder", options).unwrap();
    for (name, content) in files {
        archive.start_file(*name, options.compression_method(zip::CompressionMethod::Deflated)).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn archives_of_one_file_are_read() {
    let (text, long) = (text(), format!("folder/{}.csv", "n".repeat(200)));
    for name in ["a.csv", long.as_str()] {
        let one = [(name, &text[..])];
        assert_eq!(unpacked(Compression::ZipDeflate(CompressionLevel::Optimal), &zip(&one)).unwrap(), text);
        assert_eq!(unpacked(Compression::Tar, &tar(&one)).unwrap(), text);
        let gzip = packed(Compression::Gzip(CompressionLevel::Fastest), &[&tar(&one)]);
        assert_eq!(unpacked(Compression::TarGzip(CompressionLevel::Optimal), &gzip).unwrap(), text);
        for length in [gzip.len() - 1, gzip.len() / 2] {
            assert!(unpacked(Compression::TarGzip(CompressionLevel::Optimal), &gzip[..length]).is_err());
        }
    }
}

fn members(codec: Compression, archive: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let file = opened(archive);
    let read = |member| {
        let mut out = Vec::new();
        codec.reader(&file.with_member(member))?.read_to_end(&mut out)?;
        Ok(out)
    };
    (0..codec.members(&file)?.unwrap()).map(read).collect()
}

/// A zip, a tar, and a compressed tar of these files.
fn archives(files: &[(&str, &[u8])]) -> [(Compression, Vec<u8>); 3] {
    let gzip = packed(Compression::Gzip(CompressionLevel::Fastest), &[&tar(files)]);
    [
        (Compression::ZipDeflate(CompressionLevel::Optimal), zip(files)),
        (Compression::Tar, tar(files)),
        (Compression::TarGzip(CompressionLevel::Optimal), gzip),
    ]
}

#[test]
fn files_of_archives_are_read_one_after_the_other() {
    let (text, long) = (text(), format!("folder/{}.csv", "n".repeat(200)));
    let hidden = format!("_{}/x.csv", "h".repeat(200));
    let files = [
        ("a.csv", &b"1"[..]),
        ("__MACOSX/._a.csv", b"no rows"),
        (long.as_str(), &text),
        (hidden.as_str(), b"no rows"),
        ("empty.csv", b""),
        ("b/c.csv", b"2"),
        ("b/_SUCCESS", b""),
    ];
    for (codec, archive) in archives(&files) {
        assert_eq!(members(codec, &archive).unwrap(), [&b"1"[..], &text, b"", b"2"], "{codec:?}");
        assert!(codec.reader(&opened(&archive).with_member(4)).and_then(|mut end| end.read(&mut [0])).is_err());
        for length in [archive.len() / 3, archive.len() * 2 / 3] {
            assert!(members(codec, &archive[..length]).is_err(), "{codec:?}");
        }
    }
    for (codec, archive) in archives(&[(".hidden", b"x")]) {
        assert!(members(codec, &archive).unwrap().is_empty());
        assert!(unpacked(codec, &archive).unwrap_err().to_string().contains("holds no file"));
    }
}

#[test]
fn hostile_names_and_numbers_of_files_are_errors() {
    // The builder refuses such names: they are put over others of the same length.
    for hostile in ["../../etc/passwd", "/etc/cron.daily/", "a/../../../b.csv", "..\\..\\windows.i"] {
        let harmless = "x".repeat(hostile.len());
        let mut archive = zip(&[(harmless.as_str(), b"1")]);
        let places: Vec<usize> =
            (0..archive.len() - hostile.len()).filter(|at| archive[*at..].starts_with(harmless.as_bytes())).collect();
        assert_eq!(places.len(), 2);
        places.iter().for_each(|at| archive[*at..at + hostile.len()].copy_from_slice(hostile.as_bytes()));
        if !hostile.ends_with('/') {
            assert!(members(Compression::ZipDeflate(CompressionLevel::Optimal), &archive).is_err(), "{hostile}");
        }
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..hostile.len()].copy_from_slice(hostile.as_bytes());
        header.set_size(1);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &b"1"[..]).unwrap();
        assert!(members(Compression::Tar, &builder.into_inner().unwrap()).is_err(), "{hostile}");
    }
    let names: Vec<String> = (0..101).map(|number| format!("{number}.csv")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
    let [zip, tar, packed] = archives(&files);
    assert_eq!(members(zip.0, &zip.1).unwrap().len(), 101);
    assert_eq!(members(tar.0, &tar.1).unwrap().len(), 101);
    assert!(members(packed.0, &packed.1).unwrap_err().to_string().contains("more than 100 files"));
}

#[test]
fn damaged_archives_are_errors() {
    let text = text();
    let (zip, tar) = (zip(&[("a", &text)]), tar(&[("a", &text)]));
    for (codec, archive) in [(Compression::ZipDeflate(CompressionLevel::Optimal), &zip), (Compression::Tar, &tar)] {
        for length in (0..archive.len() - 1024).step_by(archive.len() / 30) {
            assert!(unpacked(codec, &archive[..length]).is_err(), "{codec:?} {length}");
        }
    }
    for place in (40..zip.len() - 200).step_by(zip.len() / 50) {
        let mut changed = zip.clone();
        changed[place] ^= 1;
        assert!(unpacked(Compression::ZipDeflate(CompressionLevel::Optimal), &changed).is_err(), "{place}");
    }
    for place in 0..148 {
        let mut changed = tar.clone();
        changed[place] ^= 1;
        assert!(unpacked(Compression::Tar, &changed).is_err(), "{place}");
    }
}

#[test]
fn archives_are_not_written() {
    for name in ["ZipDeflate", "Tar", "TarGzip"] {
        let codec = Compression::named(Some(name), CompressionLevel::Optimal).unwrap();
        assert_eq!(codec.of_rows().unwrap_err().kind(), ErrorKind::Spec);
        assert!(codec.compressor().is_err());
    }
    assert_eq!(Compression::named(Some("lzo"), CompressionLevel::Optimal).unwrap_err().kind(), ErrorKind::Spec);
}

/// A header has no place for a size of more than 8 GiB; the extended one in front of it says it.
#[test]
fn an_extended_header_says_how_long_a_file_is() {
    let header = |kind, name: &str, size| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let block = |bytes: &[u8]| [bytes, &vec![0; 512 - bytes.len()]].concat();
    let archive = |record: &[u8]| {
        let extended = [header(tar::EntryType::XHeader, "x", record.len() as u64), block(record)].concat();
        let file = [header(tar::EntryType::Regular, "a", 0), block(b"abc"), vec![0; 1024]].concat();
        opened(&[extended, file].concat())
    };
    let file = archive(b"10 size=3\n");
    let mut files = Compression::Tar.unpacked(&file).unwrap();
    assert_eq!(files.next_file().unwrap(), Some(Member { path: Some("a".to_owned()), length: Some(3) }));
    let mut content = String::new();
    files.read_to_string(&mut content).unwrap();
    assert_eq!(content, "abc");
    assert_eq!(files.next_file().unwrap(), None);
    for bad in ["11 size=-3\n", "29 size=18446744073709551615\n"] {
        assert!(Compression::Tar.unpacked(&archive(bad.as_bytes())).unwrap().next_file().is_err(), "{bad}");
    }
}
