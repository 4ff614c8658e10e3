use super::*;

fn piece(path: &str, offset: u64, length: u64, bytes: &'static [u8]) -> Piece {
    Piece { path: path.into(), length, offset, bytes: Bytes::from_static(bytes), md5: None }
}

#[test]
fn pieces_survive_their_way_through_rows() {
    for wanted in [
        piece("a/ b", 0, 3, b"abc"),
        piece("empty", 0, 0, b""),
        Piece { md5: Some([7; 16]), ..piece("c", 1 << 20, 5_000_000_000, b"x") },
    ] {
        let Piece { path, length, offset, bytes, md5 } = wanted.clone();
        let batch = rows(&path, (length, offset), bytes, md5).unwrap();
        assert_eq!(batch.schema(), schema());
        assert_eq!(pieces(&batch).unwrap(), [wanted]);
        assert_eq!(pieces(&batch.slice(0, 1)).unwrap(), pieces(&batch).unwrap());
    }
    // Cut on the grid, and a part of the rows is that part of the pieces.
    let bytes = Bytes::from((0..2 * PIECE + 7).map(|at| at as u8).collect::<Vec<_>>());
    let batch = rows("d", (9 * PIECE, 4 * PIECE), bytes.clone(), None).unwrap();
    let all = pieces(&batch).unwrap();
    let places: Vec<_> = all.iter().map(|piece| (piece.offset, piece.bytes.len())).collect();
    assert_eq!(places, [(4 * PIECE, 1 << 20), (5 * PIECE, 1 << 20), (6 * PIECE, 7)]);
    assert_eq!(all.iter().flat_map(|piece| piece.bytes.clone()).collect::<Vec<u8>>(), bytes);
    assert_eq!(pieces(&batch.slice(1, 2)).unwrap(), all[1..]);
    assert!(are_pieces(&Arc::new(Schema::empty())).is_err());
    assert!(pieces(&RecordBatch::new_empty(Arc::new(Schema::empty()))).is_err());
}

fn span(path: &str, range: (u64, u64), length: u64) -> (String, Span, ()) {
    let span = Span {
        path: path.into(),
        length,
        start: range.0,
        end: range.1,
        given: None,
        computed: None,
        rows: 1,
        digest: ropeway_engine::digest::Digest::default(),
    };
    (path.to_owned(), span, ())
}

fn assembled(spans: impl IntoIterator<Item = (String, Span, ())>) -> Result<Assembled<()>> {
    let mut files = Assembly::default();
    spans.into_iter().for_each(|(target, span, of_sink)| files.add(target, span, of_sink));
    files.whole()
}

#[test]
fn files_are_put_together_whole_or_not_at_all() {
    let whole = assembled([span("a", (5, 9), 9), span("b", (0, 0), 0), span("a", (0, 5), 9)]).unwrap();
    assert_eq!(whole["a"].iter().map(|(span, ())| span.start).collect::<Vec<_>>(), [0, 5]);
    for broken in [
        vec![span("a", (0, 5), 9)],
        vec![span("a", (5, 9), 9)],
        vec![span("a", (0, 5), 9), span("a", (6, 9), 9)],
        vec![span("a", (0, 5), 9), span("a", (4, 9), 9)],
        vec![span("a", (0, 5), 9), span("a", (5, 9), 10)],
    ] {
        assert_eq!(assembled(broken.clone()).unwrap_err().kind(), ErrorKind::Bug, "{broken:?}");
    }
    let mut clash = [span("a", (0, 1), 1), span("b", (0, 1), 1)];
    clash[1].0 = "a".into();
    let of_archives = [span("a", (0, 9), 9), span("a", (0, 9), 9)];
    for clash in [clash, of_archives] {
        assert_eq!(assembled(clash).unwrap_err().kind(), ErrorKind::Data);
    }
}

#[test]
fn a_span_knows_its_md5_and_notices_another_one() {
    let of = |md5| {
        let piece = Piece { md5, ..piece("a", 0, 3, b"abc") };
        let mut copied = Copied::beginning(&piece);
        assert!(copied.goes_on_with(&piece));
        copied.take(&piece, ropeway_engine::digest::Digest::default());
        assert!(!copied.goes_on_with(&piece));
        copied.finish()
    };
    let span = of(None).unwrap();
    assert!(span.is_whole());
    assert_eq!(span.md5().unwrap()[..2], [0x90, 0x01]);
    of(span.md5()).unwrap();
    assert_eq!(of(Some([0; 16])).unwrap_err().symbolic_code(), Some("UserErrorSourceDataInconsistent"));
}
