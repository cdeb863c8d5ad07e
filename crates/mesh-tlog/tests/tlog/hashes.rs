use mesh_tlog::{Hash, HashParseError, empty_root, leaf_hash, node_hash};

#[test]
fn a_leaf_never_hashes_like_an_inner_node() {
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    let both = [left.to_bytes(), right.to_bytes()].concat();
    assert_ne!(node_hash(left, right), leaf_hash(&both));
    assert_ne!(node_hash(left, right), node_hash(right, left));
    assert_ne!(leaf_hash(b""), empty_root());
}

#[test]
fn texts_of_a_hash_read_back() {
    let hash = leaf_hash(b"leaf");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
    assert_eq!(Hash::try_from(hash.as_bytes().as_slice()), Ok(hash));
    assert_eq!(format!("{hash:?}"), format!("Hash({hash})"));
}

#[test]
fn rejects_every_other_spelling_of_a_hash() {
    let hash = leaf_hash(b"leaf");
    let hex = hash.to_string();
    for wrong in [
        String::new(),
        hex.to_uppercase(),
        hex[1..].to_owned(),
        format!("{hex}0"),
        format!("g{}", &hex[1..]),
        format!("é{}", &hex[2..]),
    ] {
        let refused = wrong.parse::<Hash>();
        assert_eq!(refused, Err(HashParseError::Hex { found: wrong }));
    }

    let base64 = hash.to_base64();
    let unpadded = base64.trim_end_matches('=');
    for wrong in [
        String::new(),
        unpadded.to_owned(),
        format!("{base64}="),
        format!(" {base64}"),
        format!("{base64}\n"),
        "AAAA".repeat(11),
        "AAAA".repeat(10),
        // The last character carries two bits that nothing uses; only zeros are canonical.
        format!("{}B=", "A".repeat(42)),
        format!("{}D=", "A".repeat(42)),
    ] {
        assert!(Hash::from_base64(&wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(Hash::try_from([0; 31].as_slice()), Err(HashParseError::Length { found: 31 }));
}

#[test]
fn errors_quote_only_the_beginning_of_what_they_refuse() {
    let refused = "é".repeat(10_000).parse::<Hash>().unwrap_err();
    assert!(refused.to_string().len() < 300, "{refused}");
}
